"""The gate: does the challenger replace the champion? A pure function of rows that neither has trained on.

The book's rule: promote only on a proved gain on new rows, and only if nothing speaks against it: old rows, named
slices, the other metric, calibration, cost. All is closed form: the same rows give the same verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from numpy.typing import ArrayLike

from retemper.core.gate_records import Gate, GateTest
from retemper.core.records import NotApplicable
from retemper.evaluation.metrics import main_metric
from retemper.evaluation.paired_metrics import PairedRows
from retemper.retraining.gate_options import GateOptions
from retemper.retraining.gate_reason import reason_of
from retemper.retraining.gate_tests import Slices, better, cost_test, likely, no_harm, not_worse, slice_tests

Costs = tuple[ArrayLike, ArrayLike]


def gate(
    new: PairedRows,
    old: PairedRows | None = None,
    slices: Slices | None = None,
    cost: Costs | None = None,
    concept_drift: bool = False,
    options: GateOptions | None = None,
    like: PairedRows | None = None,
) -> Gate:
    """Champion (first) against challenger (second).

    - ``better_on_new``: a gain in the deciding metric is proved. Its level bounds the probability of promoting a
      challenger of no gain, whatever the other tests say. Old rows of the same world may judge here with the new ones,
      which then must make a gain likely by themselves (``likely_on_new_alone``).
    - ``<other>_on_new``: the other of accuracy and log loss is not proved to be worse. A gain in accuracy alone is no
      reason to promote where log loss decides, and the reason says that it is there.
    - ``not_worse_on_old``, ``accuracy_on_old``: a loss beyond the margin is ruled out, or with few rows, harm is not
      proved.
    - ``slice: …``: harm is not proved in any of the named slices of the new rows.
    - ``calibration``: a rise of the ECE beyond its limit is not proved.
    - ``cost``: the ratio of costs is within its limit.

    Args:
        new: labelled rows of the present.
        old: of the past; None: there are none.
        slices: name → whether each new row belongs to it; rows are those of ``new``.
        cost: of champion and challenger: seconds measured in turns, or multiply-adds a row ([R], [R]).
        concept_drift: it is confirmed that the same inputs now have other targets. Then a cured model must lose on
            old rows: their tests are reported and don't block, except with ``strict``.
        options: limits and levels.
        like: the new rows together with old ones that neither model was trained on, where no drift is seen between
            them. They are asked the same question then: a rate or a mean of one world.

    Returns:
        The verdict with its reason and all tests.

    Raises:
        InputError: a metric that the task does not have; a slice or costs that don't fit.

    >>> import numpy as np
    >>> error = np.cos(np.arange(200.0))
    >>> found = gate(PairedRows.of("regression", error * 0, error, error / 2))
    >>> found.verdict, [test.name for test in found.tests], found.not_tested
    ('promote', ['better_on_new'], {'not_worse_on_old': 'there are no old rows'})
    """
    options = options or GateOptions()
    alpha, metric = options.alpha, options.metric or main_metric(new.task)
    tests, untested = _made(_plans(metric, (new, old, like), cost, options))
    blocks = options.strict or not concept_drift
    tests = [replace(test, blocks=blocks) if test.name.endswith("_on_old") else test for test in tests]
    if slices:
        found, without = slice_tests(metric, new, slices, alpha)
        tests += found
        untested |= without
    proved = any(test.name == "better_on_new" for test in tests)
    promoted = proved and all(test.passed or not test.blocks for test in tests)
    reason = reason_of(tests, untested, promoted)
    return Gate("promote" if promoted else "keep", reason, tuple(tests), untested)


def _plans(
    metric: str,
    rows: tuple[PairedRows, PairedRows | None, PairedRows | None],
    cost: Costs | None,
    options: GateOptions,
) -> dict[str, Callable[[], GateTest]]:
    """Name → how the test is made, in the order they are told; the slices come last."""
    alpha, (new, old, like) = options.alpha, rows
    plans = {"better_on_new": lambda: better(metric, new, alpha, like)}
    if like is not None:
        plans["likely_on_new_alone"] = lambda: likely(metric, new)
    on_old = {"not_worse_on_old": metric}
    if new.task == "classification":
        other = "accuracy" if metric == "log_loss" else "log_loss"
        plans[f"{other}_on_new"] = lambda: no_harm(f"{other}_on_new", other, new, alpha)
        # A point is meant of what people count: the share of old rows that are called right.
        on_old |= {} if metric == "accuracy" else {"accuracy_on_old": "accuracy"}
        plans["calibration"] = lambda: no_harm("calibration", "ece", new, alpha, options.ece_points)
    if cost is not None:
        plans["cost"] = lambda: cost_test(*cost, options.cost_ratio)
    for name, own in on_old.items():
        plans[name] = partial(_on_old, name, own, old, options)
    return plans


def _on_old(name: str, metric: str, old: PairedRows | None, options: GateOptions) -> GateTest:
    if old is None:
        raise NotApplicable("there are no old rows")
    return not_worse(name, metric, old, options.margin_points, options.alpha, options.old_power)


def _made(plans: dict[str, Callable[[], GateTest]]) -> tuple[list[GateTest], dict[str, str]]:
    """The tests that can be made, and why the others can't."""
    tests, untested = [], {}
    for name, make in plans.items():
        try:
            tests.append(make())
        except NotApplicable as why:
            untested[name] = str(why)
    return tests, untested
