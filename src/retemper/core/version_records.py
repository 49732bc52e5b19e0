"""What a registry knows of a model: its versions, where each came from, and which was in force when.

A *version* is a bundle that was added once and is never changed. The one *in force* is what ``name`` stands for where a
command takes a MODEL; ``name@3`` stands for version 3 whatever is in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal["add", "promote", "rollback"]


@dataclass(frozen=True)
class DataFingerprint:
    """The data that a version learnt from, as far as its run knew them.

    Args:
        source: the path as the run was given it; None: rows given in memory, or not known.
        rows: of each split: ``{"train": 8000, "validation": 1000, "test": 1000}``; of a retraining those that were
            learnt from (``train``), old and new ones, and those that were not (``test``); empty: not known.
        columns: the columns that the model reads, then the target.
        sha256: of the file's content; of a folder of parts, over all its files' names and contents; None: not known.
    """

    source: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    sha256: str | None = None


@dataclass(frozen=True)
class Lineage:
    """Where a version came from.

    Args:
        task: ``classification`` or ``regression``.
        target: the target's column.
        data: the data it learnt from.
        recipe: SHA-256 of its recipe.
        metrics: on rows that it was not trained on, the test rows of its training or the new rows of its retraining:
            metric → ``{"value", "low", "high"}``; empty where nobody knows.
        run: the folder it was added from.
        parent: the version it was retrained from; None: it was trained from nothing, or that is not known.
        decision: strategy, verdict and reason, of the decision.json it came with; None: it came without.
        note: a person's words.
        retemper: the version of retemper that added it.
    """

    task: str
    target: str
    data: DataFingerprint
    recipe: str
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    run: str | None = None
    parent: int | None = None
    decision: Mapping[str, Any] | None = None
    note: str = ""
    retemper: str = ""


@dataclass(frozen=True)
class Version:
    """One version of a model.

    Args:
        number: 1, 2, …, in the order of adding; never given twice.
        added: when, in UTC, ISO 8601.
        lineage: where it came from.
        files: path below the version's folder → SHA-256 of its content.
    """

    number: int
    added: str
    lineage: Lineage
    files: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """One change of the version in force.

    Args:
        action: ``add`` (the first version comes into force as it is added), ``promote`` or ``rollback``.
        version: in force from now on.
        before: in force until now; None: none was.
        at: when, in UTC, ISO 8601.
        reason: why, in words; empty: not said.
    """

    action: Action
    version: int
    before: int | None
    at: str
    reason: str = ""


@dataclass(frozen=True)
class Life:
    """All that is known of one name: its versions, and every change of the one in force, oldest first.

    Args:
        name: of the model.
        versions: those that can be read.
        changes: of the version in force.
        damaged: numbers of versions whose version.json can't be read.

    >>> first = Change("add", 1, None, "2026-01-01T00:00:00+00:00")
    >>> life = Life("churn", (), (first, Change("promote", 2, 1, "2026-02-01T00:00:00+00:00")))
    >>> life.in_force, life.before
    (2, 1)
    """

    name: str
    versions: tuple[Version, ...]
    changes: tuple[Change, ...]
    damaged: tuple[int, ...] = ()

    @property
    def in_force(self) -> int | None:
        """The version in force; None: none was ever promoted."""
        return self.changes[-1].version if self.changes else None

    @property
    def before(self) -> int | None:
        """The version that was in force before the one that is: where a rollback goes."""
        return self.changes[-1].before if self.changes else None

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of all versions, damaged ones too, rising."""
        return tuple(sorted([*(version.number for version in self.versions), *self.damaged]))
