"""Can training rows be told from validation rows? (Adversarial validation.)"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from retemper.core.records import Finding, NotApplicable
from retemper.data.forest import forest_inputs, out_of_bag
from retemper.data.sampled import Floats, cell_columns, sample_rows
from retemper.data.schema import Schema

MIN_ROWS_A_PART = 50
MOST_ROWS_A_PART = 1_500
MOST_COLUMNS = 300
ALPHA = 0.001
LEAST_AUC = 0.55
MOST_NAMED = 5


def parts_told_apart(frame: pl.DataFrame, schema: Schema, part: NDArray[np.int8] | None) -> Finding | None:
    """A forest tells training from validation rows: the validation score then speaks of other rows than those learnt.

    The forest predicts the part of rows it has not seen; its ROC AUC is .5 where the parts are alike. Reported where
    AUC is .55 or more and lies above .5 with 99.9 % confidence (interval of Hanley & McNeil 1982, "The meaning and
    use of the area under a ROC curve"). At most 1,500 rows of each part; the time column itself is left out. Advice
    where rows are split by time, for the world changes; a warning elsewhere, for a draw at random can't do that.

    Raises:
        NotApplicable: not split, split by group, fewer than 50 rows in a part, or no columns to look at.
    """
    if part is None:
        raise NotApplicable("the rows are not split yet")
    if schema.group is not None:
        raise NotApplicable("rows are split by group, and rows of one group know each other")
    columns = [column for column in cell_columns(schema) if column.name != schema.time]
    if not columns:
        raise NotApplicable("there is no column of numbers, categories or dates")
    sides = [np.flatnonzero(part == side) for side in (0, 1)]
    if min(map(len, sides)) < MIN_ROWS_A_PART:
        raise NotApplicable(f"a part has fewer than {MIN_ROWS_A_PART} rows")
    sides = [side[sample_rows(len(side), MOST_ROWS_A_PART, "adversarial")] for side in sides]
    rows = np.concatenate(sides)
    y = np.repeat([0.0, 1.0], [len(side) for side in sides])
    columns = [columns[i] for i in sample_rows(len(columns), MOST_COLUMNS, "adversarial_columns")]
    x, owners = forest_inputs(frame[rows], columns)
    predicted, importance = out_of_bag(x, y[:, None], "adversarial")
    auc = float(roc_auc_score(y, predicted[:, 0]))
    low = auc - float(norm.isf(ALPHA)) * standard_error(auc, len(sides[1]), len(sides[0]))
    if auc < LEAST_AUC or low <= 0.5:
        return None
    telling = _telling(owners, importance)
    return Finding(
        "parts_told_apart",
        "advice" if schema.time is not None else "warning",
        0.9,
        f"Training and validation rows differ: a forest tells them apart with ROC AUC {auc:.2f} (alike: 0.5), most by "
        f"{', '.join(map(repr, list(telling)[:3]))}. Validation scores speak of other rows than those learnt from.",
        {
            "roc_auc": round(auc, 4),
            "low": round(low, 4),
            "alpha": ALPHA,
            "reported_from": LEAST_AUC,
            "rows": [len(side) for side in sides],
            "columns": telling,
        },
    )


def standard_error(auc: float, positives: int, negatives: int) -> float:
    """The standard error of a ROC AUC (Hanley & McNeil 1982).

    >>> round(standard_error(0.5, 100, 100), 3)
    0.041
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return float(np.sqrt(variance / (positives * negatives)))


def _telling(owners: list[str], importance: Floats) -> dict[str, Any]:
    """The columns that tell most, with their share of the forest's importance."""
    sums: dict[str, float] = {}
    for owner, share in zip(owners, importance, strict=True):
        sums[owner] = sums.get(owner, 0.0) + float(share)
    best = sorted(sums, key=lambda name: -sums[name])[:MOST_NAMED]
    return {name: round(sums[name], 4) for name in best}
