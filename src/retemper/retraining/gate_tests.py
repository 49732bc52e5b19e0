"""The gate's single tests: each compares two models on rows, and says what it could have seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from retemper.core.errors import InputError
from retemper.core.gate_records import GateRule, GateTest
from retemper.core.records import NotApplicable
from retemper.evaluation.correction import holm
from retemper.evaluation.paired import POWER, Paired, could_see
from retemper.evaluation.paired_metrics import PairedRows, paired_metric, points

Slices = Mapping[str, NDArray[np.bool_]]
LIKELY = 0.2
"""Level of :func:`likely`. Of gains that 200 new and 600 old rows prove, 86 % stay."""


def better(metric: str, new: PairedRows, alpha: float, like: PairedRows | None = None) -> GateTest:
    """Is a gain on new rows proved?

    Args:
        metric: compared.
        new: labelled rows of the present.
        alpha: level, one-sided.
        like: these and old rows of the same world; None: the new rows alone judge. See :func:`likely`.

    Raises:
        NotApplicable: the metric is not defined on these rows, or not on the new ones alone.

    >>> error = np.cos(np.arange(50))
    >>> test = better("rmse", PairedRows.of("regression", error * 0, error, error / 2), .025)
    >>> test.passed, round(test.difference, 2)
    (True, 0.35)
    """
    gain, rows = paired_metric(metric, new), new
    if like is not None:
        gain, rows = paired_metric(metric, like), like
    test = _test("better_on_new", metric, gain, "gain", gain.p_above(0.0), alpha, rows.rows)
    return replace(test, old_rows=rows.rows - new.rows)


def likely(metric: str, new: PairedRows) -> GateTest:
    """Do the new rows alone make a gain likely, where old ones help to prove it?

    No test can tell for sure that two worlds are one. So whatever old rows say, of challengers of no gain on new rows a
    fifth is promoted at most; in one world or nearly one it is the level of :func:`better`.

    Raises:
        NotApplicable: the metric is not defined on these rows.

    >>> error = np.cos(np.arange(50))
    >>> likely("rmse", PairedRows.of("regression", error * 0, error, error / 2)).name
    'likely_on_new_alone'
    """
    gain = paired_metric(metric, new)
    return _test("likely_on_new_alone", metric, gain, "gain", gain.p_above(0.0), LIKELY, new.rows)


def not_worse(
    name: str, metric: str, rows: PairedRows, margin: float, alpha: float, power: float = POWER
) -> GateTest:
    """Is a loss beyond the margin ruled out? Where rows are too few for that: is harm not proved?

    With too few rows nearly every challenger would be kept out, whatever it is worth.

    Args:
        name: of the test.
        metric: compared.
        rows: labelled.
        margin: in points.
        alpha: level, one-sided.
        power: rows are enough where an equal challenger passes this often.

    Raises:
        NotApplicable: the metric is not defined on these rows.

    >>> y, flat = np.arange(9000) % 2, np.full((9000, 2), .5)
    >>> rows = PairedRows.of("classification", y, flat, flat)
    >>> [not_worse("old", "accuracy", own, 1.0, .025).rule for own in (rows, rows.take(np.arange(9000) < 60))]
    ['not_worse', 'no_harm']
    """
    gain, limit = paired_metric(metric, rows), points(metric, rows, margin)
    if could_see(gain, alpha, power) > limit:
        return no_harm(name, metric, rows, alpha)
    return _test(name, metric, gain, "not_worse", gain.p_above(-limit), alpha, rows.rows, limit)


def no_harm(name: str, metric: str, rows: PairedRows, alpha: float, limit: float = 0.0) -> GateTest:
    """Is a loss beyond the limit, in points, proved? Passes unless it is.

    Raises:
        NotApplicable: the metric is not defined on these rows.

    >>> error = np.cos(np.arange(50))
    >>> no_harm("mae_on_new", "mae", PairedRows.of("regression", error * 0, error / 2, error), .025).passed
    False
    """
    gain, bound = paired_metric(metric, rows), points(metric, rows, limit)
    return _test(name, metric, gain, "no_harm", gain.p_below(-bound), alpha, rows.rows, bound)


def slice_tests(
    metric: str, rows: PairedRows, slices: Slices, alpha: float
) -> tuple[list[GateTest], dict[str, str]]:
    """:func:`no_harm` in each slice; p-values are Holm's (1979), so that one slice fails by luck with alpha at most.

    Args:
        metric: compared.
        rows: labelled.
        slices: name → whether each row belongs to it [N].
        alpha: for all slices together.

    Returns:
        (tests, name → why it could not be tested)

    Raises:
        InputError: a slice is not one true or false a row.
    """
    tests, untested = [], {}
    for name, inside in slices.items():
        if inside.shape != (rows.rows,) or inside.dtype != np.bool_:
            message = (
                f"A slice must say true or false of each of {rows.rows} rows; {name!r} has {inside.shape}."
            )
            raise InputError("bad_slice", message, {"slice": name}, "Give one boolean for each row.")
        try:
            tests.append(no_harm(f"slice: {name}", metric, rows.take(inside), alpha / len(slices)))
        except NotApplicable as why:
            untested[f"slice: {name}"] = str(why)
    if not tests:
        return [], untested
    adjusted = holm(np.array([test.p_value for test in tests]))
    judged = [
        replace(test, p_value=float(p), passed=bool(p > alpha))
        for test, p in zip(tests, adjusted, strict=True)
    ]
    return judged, untested


def cost_test(champion: ArrayLike, challenger: ArrayLike, most: float) -> GateTest:
    """Is the challenger too slow? Passes unless the median ratio is above the limit for sure.

    The interval of the median is that of its order statistics, which holds for every law of times.

    Args:
        champion, challenger: seconds, measured in turns, or one count of multiply-adds each [R].
        most: ratio allowed.

    Raises:
        InputError: not as many of the one as of the other, or not above 0.

    >>> test = cost_test([1.0] * 9, [7.0] * 9, 5.0)
    >>> test.passed, test.difference
    (False, -6.0)
    """
    first, second = np.asarray(champion, dtype=np.float64), np.asarray(challenger, dtype=np.float64)
    if (
        first.ndim != 1
        or first.shape != second.shape
        or not len(first)
        or min(first.min(), second.min()) <= 0
    ):
        message = f"Costs must be above 0, as many of both models, but got {first.shape} and {second.shape}."
        raise InputError("bad_costs", message, None, "Measure both models in turns.")
    ratios = np.sort(second / first)
    # P(median below the k-th smallest) = P(Binomial(R, 1/2) < k); few measurements: the range is all there is.
    k = int(max(1, binom.ppf(0.025, len(ratios), 0.5)))
    low, middle, high = ratios[k - 1], np.median(ratios), ratios[-k]
    return GateTest(
        "cost",
        "ratio",
        "limit",
        difference=float(1 - middle),
        low=float(1 - high),
        high=float(1 - low),
        passed=bool(low <= most),
        limit=most,
        rows=len(ratios),
    )


def _test(
    name: str,
    metric: str,
    gain: Paired,
    rule: GateRule,
    p_value: float,
    alpha: float,
    rows: int,
    limit: float = 0.0,
) -> GateTest:
    low, high = gain.ends()
    # Harm must be proved, the rest must prove itself.
    passed = p_value > alpha if rule == "no_harm" else p_value <= alpha
    return GateTest(
        name,
        metric,
        rule,
        difference=gain.value,
        low=low,
        high=high,
        passed=passed,
        p_value=p_value,
        limit=limit,
        could_see=could_see(gain, alpha),
        rows=rows,
    )
