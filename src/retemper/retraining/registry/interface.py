"""What every registry can do, wherever it keeps its versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from retemper.core.version_records import Change, Life, Version
from retemper.retraining.registry.reference import Reference


class Registry(Protocol):
    """Versions of models by name; every call sees and leaves a whole registry, whoever else writes to it.

    >>> from retemper.retraining.registry.folder import FolderRegistry
    >>> registry: Registry = FolderRegistry(Path("registry"))
    """

    @property
    def place(self) -> str:
        """Where it is: a folder, or a URL."""

    def names(self) -> list[str]:
        """Of all models, sorted."""

    def life(self, name: str) -> Life:
        """A model's versions and changes.

        Raises:
            InputError: ``unknown_model``.
        """

    def check_new(self, name: str) -> None:
        """Whether a version could be added under a name: to be asked before the work, not after it.

        Raises:
            InputError: ``bad_name``, or the place can't be written.
        """

    def add(
        self,
        name: str,
        model: Path | str,
        parent: int | None = None,
        decision: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> Version:
        """Add a run's or a bundle's model as the next version; a name's first comes into force, later ones wait.

        Args:
            name: of the model.
            model: a run folder (whose data, recipe and scores become the lineage) or a bundle folder.
            parent: the version it was retrained from; None: what its decision says.
            decision: the content of decision.json; None: the run's own, if it has one.
            note: a person's words.

        Raises:
            InputError: ``bad_name``, ``no_model``, ``damaged_bundle``, ``unknown_version`` (the parent), or the disk.
        """

    def promote(self, name: str, version: int, over: int | None = None, reason: str = "") -> Change:
        """Bring a version into force, in one atomic step.

        Args:
            name: of the model.
            version: to come into force; to promote the one in force changes nothing, and is no error.
            over: the version that it was judged better than: it must still be in force. None: whatever is.
            reason: why, in words.

        Raises:
            InputError: ``unknown_model``, ``unknown_version``, ``damaged_version``, ``champion_changed``, or the disk.
        """

    def rollback(self, name: str, reason: str = "") -> Change:
        """Bring back the version that was in force before; a rollback of a rollback is where it began.

        Raises:
            InputError: ``unknown_model``, ``nothing_before``, ``damaged_version``, or the disk.
        """

    def fetch(self, reference: Reference) -> Path:
        """The folder of a version's files on this machine, every file's checksum checked.

        Raises:
            InputError: ``unknown_model``, ``unknown_version``, ``damaged_version``, ``nothing_in_force``.
        """
