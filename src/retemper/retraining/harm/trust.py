"""How far is an estimate without labels to be trusted? A word with a rule, and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retemper.core.harm_records import Reliability
from retemper.retraining.harm.expected import error_power
from retemper.retraining.harm.likeness import Likeness
from retemper.retraining.harm.rows import Rows
from retemper.retraining.harm.ways import Way

LEAST_EFFECTIVE, MOST_BEYOND = 30, 0.5
"""With fewer effective rows, or more new rows beyond the reference, the weights are not used."""
MANY_EFFECTIVE, FEW_EFFECTIVE = 200, 50
LITTLE_BEYOND, MUCH_BEYOND = 0.01, 0.1
NEAR_POINTS, FAR_POINTS = 2.0, 5.0
CHANCE = 2.0
"""Standard errors that the ways may differ by chance."""


@dataclass(frozen=True)
class Evidence:
    """What an estimate rests on.

    Args:
        like: importance weights; None: too few rows for any.
        left_out: columns that the reference does not cover.
        carriers: of an RMSE or MAE, how many rows carry it; see :func:`carriers_of`.
    """

    like: Likeness | None
    left_out: int = 0
    carriers: float = float("inf")

    @property
    def usable(self) -> bool:
        """Whether the weights are good for anything."""
        return (
            self.like is not None
            and self.like.effective_rows >= LEAST_EFFECTIVE
            and self.like.beyond <= MOST_BEYOND
        )


def carriers_of(metric: str, reference: Rows, like: Likeness | None) -> float:
    """How many rows of equal errors would make a weighted RMSE or MAE as sure: (Σ w l)² / Σ (w l)², l the row's part.

    Kish's number looks at the weights alone. But of 2,000 prices thirty large ones may be all that a squared error
    rests on, however even the weights are; no interval of such a sample knows of the rows that it lacks.

    Args:
        metric: of others, which no row can rule, the number is infinite.
        reference: with labels.
        like: its importance weights.

    >>> rows = Rows.of("regression", np.zeros(100), np.r_[np.full(98, .01), 10, 10])
    >>> round(carriers_of("rmse", rows, None), 1), carriers_of("r2", rows, None)
    (2.0, inf)
    """
    if metric not in ("rmse", "mae"):
        return float("inf")
    assert reference.y is not None
    parts = error_power(metric, reference.y - reference.outputs) * reference.weight
    parts = parts if like is None else parts * like.weights
    squares = float(np.square(parts).sum())
    return float(parts.sum()) ** 2 / squares if squares else float(reference.count)


def reliability(ways: Mapping[str, Way], evidence: Evidence, point: float) -> Reliability:
    """How far to trust an estimate.

    *good*: 200 effective rows or more (and 200 that carry the metric), at most 1 % of the new rows beyond the
    reference, no column left out, and both ways agree, within two standard errors or 2 points. *poor*: weights that
    can't be used, fewer than 50 effective rows or carriers, more than 10 % of the new rows beyond, or ways that differ
    by more than two standard errors and 5 points. *fair*: between; a metric with one way alone is fair at best.

    Args:
        ways: what each says.
        evidence: that they rest on.
        point: in the metric's units.

    >>> reliability({}, Evidence(None), .01)
    'poor'
    """
    like = evidence.like
    if like is None or not evidence.usable:
        return "poor"
    apart = 0.0
    if "words" in ways:
        words, importance = ways["words"], ways["importance"]
        chance = CHANCE * (words.error**2 + importance.error**2) ** 0.5
        difference = abs(words.change - importance.change)
        apart = difference / point if difference > chance and point > 0 else 0.0
    rows = min(like.effective_rows, evidence.carriers)
    if rows < FEW_EFFECTIVE or like.beyond > MUCH_BEYOND or apart > FAR_POINTS:
        return "poor"
    sound = rows >= MANY_EFFECTIVE and like.beyond <= LITTLE_BEYOND and apart <= NEAR_POINTS
    return "good" if sound and "words" in ways and not evidence.left_out else "fair"


def grounds(evidence: Evidence) -> str:
    """What the estimate rests on, in words.

    >>> grounds(Evidence(None))
    "the model's own words alone"
    """
    said = []
    like = evidence.like
    if like is None or not evidence.usable:
        said.append("the model's own words alone")
    else:
        said.append(f"{like.effective_rows:.0f} effective reference rows")
        if evidence.carriers < MANY_EFFECTIVE:
            said.append(f"large errors of few rows, as sure as {evidence.carriers:.0f} equal ones")
        if like.beyond > 0:
            said.append(f"{100 * like.beyond:.1f} % of the new rows unlike any of them")
    if evidence.left_out:
        said.append(f"{evidence.left_out} columns left out that they do not cover")
    return ", ".join(said)
