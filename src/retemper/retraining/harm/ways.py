"""The ways to estimate a metric on rows without labels, each with what is sure of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retemper.evaluation.weighted import Floats
from retemper.retraining.harm.error_size import error_sizes
from retemper.retraining.harm.expected import (
    NOT_EXPECTED,
    Measure,
    average,
    expected_of_classes,
    finished,
    known,
)
from retemper.retraining.harm.jackknife import left_out, standard_error
from retemper.retraining.harm.likeness import Likeness
from retemper.retraining.harm.regions import regional_gap
from retemper.retraining.harm.rows import Rows

HALF_KNOWN = 0.5
"""How much of the words' gap the weights are thought to leave. A doubly robust estimate is off by the product of both
ways' relative errors; that of the weights does not show. Intervals held the truth of 10 real shifts (2,000 and 1,000
rows, 5 trials each) in 90 % with none of the gap, 98 % with all of it."""


@dataclass(frozen=True)
class Way:
    """What one way says of the metric's change.

    Args:
        change: now − before.
        error: its standard error, from the rows' number.
        gap: how far it may be off besides, as a standard error.
    """

    change: float
    error: float
    gap: float

    @property
    def wide(self) -> float:
        """Both errors together."""
        return float(np.hypot(self.error, self.gap))


def ways(metric: str, reference: Rows, new: Rows, like: Likeness | None, seed: int) -> dict[str, Way]:
    """Estimate the metric's change from reference to new rows.

    With T the true and E the expected metric of reference rows, N the expected one of new rows, and w importance
    weights:

        words: N − E(1)      importance: T(w) − T(1)      both: N + T(w) − E(w) − T(1)

    The last is right where either the model's words or the weights are (doubly robust; Dudík, Langford and Li 2011).
    Standard errors are the jackknife's over both samples. The gaps: of the words τ·√Var(w), τ the regional gap; of
    importance half of a row's standard deviation times the share of new rows that no reference row is like; of both,
    that and half of the first.

    Args:
        metric: known for the task.
        reference: with labels.
        new: without.
        like: importance weights; None: too few rows for them.
        seed: of blocks, folds and trees.

    Returns:
        Those that can be had: ``words`` (not for ``ece`` and ``r2``), ``importance`` and ``both`` (with weights).

    >>> y, p = np.arange(400) % 5 == 0, np.full(400, .2)
    >>> then = Rows.of("classification", np.stack([1 - p, p], 1), y)
    >>> later = Rows.of("classification", np.full((200, 2), .5))
    >>> {name: round(way.change, 2) for name, way in ways("accuracy", then, later, None, 0).items()}
    {'words': -0.3}
    """
    found, true = {}, known(metric, reference)
    base, ahead = left_out(reference, seed), left_out(new, seed + 1)
    then = true(base)

    def as_many(over_reference: Floats) -> Floats:
        """What the reference would vary by if it had as many rows as the new ones have, about its known metric."""
        away = over_reference - over_reference[0]
        return np.asarray(then[0] + away * np.sqrt(reference.count / new.count))

    def way(over_reference: Floats, over_new: Floats, usual: Floats, gap: float) -> Way:
        """From its estimates while blocks of the one sample are left out, and of the other.

        New rows that lack the few hard ones by chance vary little, and seem sure to be better: they count as varying at
        least as the reference's do.
        """
        change = finished(metric, over_reference) - finished(metric, then)
        new_error = max(standard_error(finished(metric, own)) for own in (over_new, usual))
        return Way(float(change[0]), float(np.hypot(standard_error(change), new_error)), gap)

    weighted = base if like is None else base * like.weights[:, None]
    beyond = 0.0
    if like is not None:
        beyond = like.beyond / 2 * standard_error(finished(metric, then)) * float(np.sqrt(reference.count))
        # The new rows enter by the weights alone; so many rows of the reference would vary as they do.
        found["importance"] = way(true(weighted), as_many(then), as_many(then), beyond)
    if metric in NOT_EXPECTED:
        return found
    told, told_new = _expected(metric, reference, new, seed)
    said, says = told(base), told_new(ahead)
    off, usual = then - said, as_many(said)
    tau = regional_gap(reference, weighted[:, 0] / base[:, 0], true, told, seed) * _slope(metric, then[0])
    regional = float(tau * np.sqrt(1.0 if like is None else like.shift))
    found["words"] = way(says[0] + off, says + off[0], usual, regional)
    if like is not None:
        off = true(weighted) - told(weighted)
        gap = float(np.hypot(HALF_KNOWN * regional, beyond))
        found["both"] = way(says[0] + off, says + off[0], usual, gap)
    return found


def _expected(metric: str, reference: Rows, new: Rows, seed: int) -> tuple[Measure, Measure]:
    if reference.task == "classification":
        return expected_of_classes(metric, reference), expected_of_classes(metric, new)
    of_reference, of_new = error_sizes(metric, reference, new, seed)
    return average(of_reference), average(of_new)


def _slope(metric: str, value: float) -> float:
    """Of the finished metric in what adds up."""
    return 1 / (2 * float(np.sqrt(value))) if metric == "rmse" and value > 0 else 1.0
