"""How well a model stood on rows it had not seen, and what became of that on new rows: ``harm`` of decision.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retemper.core.records import Score, to_json

HarmVerdict = Literal["harm", "none", "cannot tell", "better"]
Reliability = Literal["good", "fair", "poor"]
HALF_WIDTH = 1.959963984540054
"""Standard errors from the middle to an end of a 95 % interval of the normal law."""


@dataclass(frozen=True)
class Standing:
    """One metric of a model on rows that it was not trained on; a bundle stores one a metric, by its name.

    Args:
        value: the metric.
        low, high: its 95 % interval over other rows of the same kind; None where it can't be had.
        rows: measured on, 1 or more.

    >>> stood = Standing.of(Score(0.9, 0.88, 0.92), 1000)
    >>> round(stood.error, 3), Standing.from_json(stood.to_json()) == stood
    (0.01, True)
    """

    value: float
    low: float | None
    high: float | None
    rows: int

    @classmethod
    def of(cls, score: Score, rows: int) -> Standing:
        """From a score as ``evaluation.intervals.scores`` gives it, on so many rows."""
        return cls(score.value, score.low, score.high, rows)

    @property
    def error(self) -> float | None:
        """The standard error that the interval's width stands for; None without an interval."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / (2 * HALF_WIDTH)

    def to_json(self) -> dict[str, Any]:
        """Plain data: the fields and ``error``; :meth:`from_json` is the way back."""
        return {**to_json(self), "error": to_json(self.error)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Standing:
        """The standing that :meth:`to_json` wrote."""
        return cls(data["value"], data["low"], data["high"], data["rows"])


@dataclass(frozen=True)
class HarmEstimate:
    """What one way of estimating without labels says.

    Args:
        now: the metric expected on the new rows.
        error: the standard error of ``now``, from the rows' number alone.
        gap: how far the way is off, as seen where labels are known; None: nothing to see it on.
        effective_rows: how many rows with labels the estimate amounts to; None: it uses none.
    """

    now: float
    error: float
    gap: float | None = None
    effective_rows: float | None = None


@dataclass(frozen=True)
class Harm:
    """Whether a model does worse on new rows than it did before.

    Args:
        metric: by scikit-learn's name.
        before: on rows that the model was not trained on, from its own time; None: not known.
        now: on the new rows; None: not known.
        low, high: 95 % interval of now − before, in the metric's own sign; None: not known.
        estimated: True: the new rows have no labels, and ``now`` is an estimate.
        verdict: ``harm``: the interval excludes "not worse", and more than a point is lost; ``better``: likewise the
            other way; ``none``: neither; ``cannot tell``: the interval could hide a loss of five points, or
            nothing is known.
        reason: one sentence for a person.
        rows_before, rows_now: how many rows each side has.
        reliability: of an estimate, in a word; None: measured, or nothing is known.
        estimates: by name, each way of estimating; empty: measured.

    >>> Harm.unknown("rmse", "There are no rows.", estimated=False).to_json()["now"] is None
    True
    """

    metric: str
    before: float | None
    now: float | None
    low: float | None
    high: float | None
    estimated: bool
    verdict: HarmVerdict
    reason: str
    rows_before: int | None = None
    rows_now: int | None = None
    reliability: Reliability | None = None
    estimates: Mapping[str, HarmEstimate] = field(default_factory=dict)

    @classmethod
    def unknown(
        cls, metric: str, reason: str, estimated: bool, before: Standing | None = None, rows_now: int = 0
    ) -> Harm:
        """Nothing can be said of the new rows; ``reason`` says why."""
        value, rows = (None, None) if before is None else (before.value, before.rows)
        return cls(metric, value, None, None, None, estimated, "cannot tell", reason, rows, rows_now)

    def to_json(self) -> dict[str, Any]:
        """Plain data, as ``harm`` of decision.json; what is not known is null."""
        plain: dict[str, Any] = to_json(self)
        return plain
