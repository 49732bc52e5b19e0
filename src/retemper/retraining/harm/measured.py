"""Harm where the new rows have labels: the metric now against then."""

from __future__ import annotations

import numpy as np

from retemper.core.errors import InputError
from retemper.core.harm_records import Harm, Standing
from retemper.evaluation.intervals import scores
from retemper.retraining.harm.rows import Rows
from retemper.retraining.harm.verdict import Change, difference, sign_of

RESAMPLES, FEWEST_RESAMPLES = 1000, 200
MOST_DRAWS = 20_000_000
"""Of one sample's bootstrap: beyond it there are fewer resamples."""


def standings(rows: Rows, seed: int = 0) -> dict[str, Standing]:
    """Every metric of labelled rows, with the interval over other rows of the same kind.

    Args:
        rows: that the model was not trained on.
        seed: of the bootstrap.

    Raises:
        InputError: rows without labels.

    >>> rows = Rows.of("regression", np.zeros(50), np.cos(np.arange(50)))
    >>> {name: round(own.value, 2) for name, own in standings(rows).items()}
    {'rmse': 0.71, 'mae': 0.64, 'r2': -0.0}
    """
    if rows.y is None:
        message = "A metric can't be measured on rows without labels."
        raise InputError("no_labels", message, None, "Give y, or use estimated().")
    resamples = int(np.clip(MOST_DRAWS // rows.count, FEWEST_RESAMPLES, RESAMPLES))
    calls = rows.called if rows.task == "classification" else None
    found = scores(rows.task, rows.y, rows.outputs, resamples, seed, rows.weight, calls, rows.group)
    return {name: Standing.of(score, rows.count) for name, score in found.items()}


def measured(metric: str, before: Standing | Rows | None, now: Rows, seed: int = 0) -> Harm:
    """Compare a metric on new rows with what it was.

    Both samples must be rows that the model was not trained on, and independent of each other.

    Args:
        metric: by scikit-learn's name.
        before: rows of the model's own time, or their stored summary; None: neither was kept.
        now: the new rows, with labels.
        seed: of the bootstrap.

    Returns:
        The harm, ``estimated`` false; where the metric can't be had on a side, ``cannot tell`` and why.

    Raises:
        InputError: a metric that is not known for this task; rows without labels.

    >>> y, sure = np.arange(2000) % 2, np.array([[.8, .2], [.2, .8]])
    >>> then, turned = (Rows.of("classification", sure[(y + (np.arange(2000) % k == 0)) % 2], y) for k in (10, 4))
    >>> found = measured("accuracy", then, turned)
    >>> found.verdict, round(found.now - found.before, 2)
    ('harm', -0.15)
    """
    sign = sign_of(now.task, metric)
    if isinstance(before, Rows):
        before = standings(before, seed).get(metric)
    current = standings(now, seed).get(metric)
    if current is None:
        reason = f"{metric} can't be computed on the new rows (for roc_auc a class has no rows; r2 needs two values)."
        return Harm.unknown(metric, reason, False, before, now.count)
    if before is None:
        reason = f"{metric} is {current.value:.4g} on the new rows; what it was before was not kept."
        return Harm(metric, None, current.value, None, None, False, "cannot tell", reason, None, current.rows)
    low, high = difference(before, current)
    change = Change(metric, sign, before.value, current.value, low, high)
    return Harm(
        metric,
        before.value,
        current.value,
        low,
        high,
        estimated=False,
        verdict=change.verdict(),
        reason=f"Measured on {current.rows} new rows, {change.told()}.",
        rows_before=before.rows,
        rows_now=current.rows,
    )
