"""What a comparison of two samples of rows found out: the ``drift`` of decision.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retemper.core.change_records import ChangePoint
from retemper.core.records import to_json

Kind = Literal["covariate", "prior", "concept"]


@dataclass(frozen=True)
class ColumnDrift:
    """The test of one column, or of one of the model's outputs.

    ``p_value`` is the test's own. ``adjusted_p`` allows for the other columns of its family (Holm 1979) and for the
    other families, so that the column has drifted where ``adjusted_p <= alpha``. ``family`` is the test family's name.
    """

    name: str
    test: str
    statistic: float
    p_value: float
    adjusted_p: float
    family: str


@dataclass(frozen=True)
class FamilyDrift:
    """A family's smallest p-value after Holm over its columns, that test's statistic, and one sentence on it."""

    p_value: float
    statistic: float
    what: str


@dataclass(frozen=True)
class Drift:
    """Whether two samples of rows come from one distribution.

    Args:
        detected: ``p_value <= alpha``; of comparisons without drift, at most the share ``alpha`` says so.
        p_value: the smallest p-value of a family times the number of families, 1 at most; None where nothing could
            be tested.
        alpha: the chance of a false alarm that was asked for, of this one comparison.
        families: by name, those that could be tested.
        columns: smallest ``adjusted_p`` first.
        kinds: what has drifted: ``covariate`` the inputs, ``prior`` the target, ``concept`` the target of like inputs.
        not_applicable: (family or column, why) of what was not tested.
        rows: how many of each side.
        pictures: drifted columns then and now, counted in bins or levels (retraining only).
        change_point: since when, where the rows' order tells it (retraining only).

    >>> drift = Drift(True, 0.01, 0.05, {}, (ColumnDrift("age", "KS", 0.4, 0.001, 0.01, "numbers"),), ("covariate",))
    >>> drift.sentence()
    "Drift (p = 0.01, alpha = 0.05): covariate; most in 'age'."
    """

    detected: bool
    p_value: float | None
    alpha: float
    families: Mapping[str, FamilyDrift] = field(default_factory=dict)
    columns: tuple[ColumnDrift, ...] = ()
    kinds: tuple[Kind, ...] = ()
    not_applicable: tuple[tuple[str, str], ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    pictures: tuple[Mapping[str, Any], ...] = ()
    change_point: ChangePoint | None = None

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The columns that have drifted, after all corrections."""
        return tuple(column for column in self.columns if column.adjusted_p <= self.alpha)

    def sentence(self) -> str:
        """The result in one line for a person."""
        if self.p_value is None:
            return "Nothing could be compared; not_applicable says why."
        numbers = f"(p = {self.p_value:.2g}, alpha = {self.alpha:g})"
        if not self.detected:
            return f"No drift detected {numbers}."
        names = ", ".join(repr(column.name) for column in self.drifted[:3])
        most = f"; most in {names}" if names else "; in no column alone"
        return f"Drift {numbers}: {' and '.join(self.kinds)}{most}."

    def to_json(self) -> dict[str, Any]:
        """Plain data, as in decision.json; ``not_applicable`` in the form of ``check --json``."""
        data: dict[str, Any] = to_json(self)
        return {**data, "not_applicable": [{"code": code, "why": why} for code, why in self.not_applicable]}
