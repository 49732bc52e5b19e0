"""Harm where the new rows have no labels: estimated, and how much that is worth."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from retemper.core.harm_records import HALF_WIDTH, Harm, HarmEstimate, Standing
from retemper.retraining.harm.comparable import covered, some
from retemper.retraining.harm.expected import NOT_EXPECTED, bounded, expected_of_classes, finished, known
from retemper.retraining.harm.jackknife import BLOCKS, left_out, standard_error
from retemper.retraining.harm.likeness import FEWEST_ROWS, likeness
from retemper.retraining.harm.rows import Rows
from retemper.retraining.harm.trust import Evidence, carriers_of, grounds, reliability
from retemper.retraining.harm.verdict import Change, difference, point_of, sign_of
from retemper.retraining.harm.ways import ways

UNSEEN_POINTS, UNKNOWN_POINTS = 1.0, 2.0
"""Standard errors, in points: of every estimate, since the same inputs never have quite the same targets later (US
employment from 2015 to 2018: the expected log loss rose by 1.3 points, the true one fell by 1.1); and of the model's
own words where no labelled row says how far they are off."""
BLIND = "That the same inputs have other targets now can't be seen without labels."


def estimated(
    metric: str, now: Rows, reference: Rows | None = None, standing: Standing | None = None, seed: int = 0
) -> Harm:
    """What becomes of a metric on new rows, without their labels.

    Known losses of reference rows, weighted by how like the new rows they are, and what the model's own words (a
    regression: the learnt size of its errors) let expect are put together (:func:`~.ways.ways`). The interval counts
    the rows' number, the gaps that show on the reference, and a point for what can't show;
    :func:`~.trust.reliability` defines the word. All assumes that the same inputs still have the same targets.

    Args:
        metric: by scikit-learn's name.
        now: the new rows; their labels are not looked at.
        reference: 30 labelled rows or more that the model was not trained on, with the same features; None: none,
            and the probabilities of a classification speak alone.
        standing: the metric in the model's own time, where it was measured on more rows than these; the change
            estimated is added to it.
        seed: of samples, folds and blocks.

    Returns:
        The harm, ``estimated`` true; ``cannot tell`` where nothing can be said.

    Raises:
        InputError: a metric that is not known for this task.

    >>> draw = np.random.default_rng(0)
    >>> def rows(middle, count):
    ...     x = draw.normal(middle, 1, count)
    ...     p = 1 / (1 + np.exp(-2 * x))
    ...     return Rows.of("classification", np.stack([1 - p, p], 1), draw.random(count) < p, features=x[:, None])
    >>> found = estimated("accuracy", rows(0.0, 600), rows(1.0, 1200))
    >>> found.verdict, found.estimated, found.reliability
    ('harm', True, 'good')
    """
    sign = sign_of(now.task, metric)
    if any(own.units.max() == 0 for own in (now, reference) if own is not None):
        reason = f"{metric} can't be estimated: all rows of a side are one group, and nothing tells it from chance."
        return Harm.unknown(metric, reason, True, standing, now.count)
    if reference is None or reference.y is None or reference.count < FEWEST_ROWS:
        return _by_words_alone(metric, sign, now, standing, seed)
    then, new, left = covered(some(reference, seed), some(now, seed + 1))
    like = likeness(then, new, seed) if new.count >= FEWEST_ROWS else None
    evidence = Evidence(like, left, carriers_of(metric, then, like))
    found = {name: way for name, way in ways(metric, then, new, like, seed).items() if np.isfinite(way.wide)}
    names = ("both", "importance") if evidence.usable else ("words",)
    chosen = next((found[name] for name in names if name in found), None)
    if chosen is None:
        reason = (
            f"{metric} can't be estimated: the reference rows are too unlike the new ones, or lack a class."
        )
        return Harm.unknown(metric, reason, True, standing, now.count)
    here = float(finished(metric, known(metric, then)(then.weight[:, None]))[0])
    before, rows = (here, reference.count) if standing is None else (standing.value, standing.rows)
    unseen = UNSEEN_POINTS * point_of(metric, before)
    reach = float(stdtrit(BLOCKS - 1, 0.975)) * float(np.hypot(chosen.wide, unseen))
    value, low, high = (
        bounded(metric, before + own) for own in (chosen.change, chosen.change - reach, chosen.change + reach)
    )
    change = Change(metric, sign, before, value, low - before, high - before)
    word = reliability(found, evidence, change.point)
    return Harm(
        metric,
        before,
        value,
        change.low,
        change.high,
        estimated=True,
        verdict=change.verdict(),
        reason=f"Estimated, {change.told()}. Reliability {word}: {grounds(evidence)}. {BLIND}",
        rows_before=rows,
        rows_now=now.count,
        reliability=word,
        estimates={
            name: HarmEstimate(
                bounded(metric, before + way.change),
                way.error,
                way.gap,
                None if like is None or name == "words" else like.effective_rows,
            )
            for name, way in found.items()
        },
    )


def _by_words_alone(metric: str, sign: int, now: Rows, standing: Standing | None, seed: int) -> Harm:
    """No labelled row to look at: the probabilities against the metric that was stored."""
    if now.task == "regression" or metric in NOT_EXPECTED or standing is None:
        lacking = "rows with labels that the model was not trained on"
        if now.task == "classification" and metric not in NOT_EXPECTED:
            lacking += ", or the metric of its own time"
        reason = f"{metric} can't be estimated without {lacking}; the bundle kept none."
        return Harm.unknown(metric, reason, True, standing, now.count)
    new = some(now, seed)
    says = expected_of_classes(metric, new)(left_out(new, seed))
    error, value = standard_error(says), float(says[0])
    if not np.isfinite(value):
        reason = f"{metric} can't be estimated from these {now.count} rows."
        return Harm.unknown(metric, reason, True, standing, now.count)
    reach = HALF_WIDTH * float(np.hypot(error, UNKNOWN_POINTS * point_of(metric, standing.value)))
    ends = Standing(value, value - reach, value + reach, new.count)
    low, high = difference(standing, ends)
    change = Change(metric, sign, standing.value, value, low, high)
    evidence = Evidence(None)
    return Harm(
        metric,
        standing.value,
        value,
        low,
        high,
        estimated=True,
        verdict=change.verdict(),
        reason=f"Estimated, {change.told()}. Reliability poor: {grounds(evidence)}. {BLIND}",
        rows_before=standing.rows,
        rows_now=now.count,
        reliability="poor",
        estimates={"words": HarmEstimate(value, error)},
    )
