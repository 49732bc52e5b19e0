"""Rows that are unlike all others in several columns at once."""

from __future__ import annotations

import numpy as np
import polars as pl
from sklearn.ensemble import IsolationForest

from retemper.core.records import Finding, NotApplicable
from retemper.core.seeds import generator
from retemper.data.sampled import CELL_KINDS, ordered_cells, sample_rows
from retemper.data.schema import Schema

MIN_ROWS = 100
MOST_ROWS = 5_000
MOST_COLUMNS = 500
TREES = 100
LEAST_SCORE = 0.7
FAR_SPREADS = 6.0


def outlier_rows(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Rows that an isolation forest parts from the others in few cuts.

    The score is 2^(−mean depth / expected depth): about .5 for common rows, near 1 for rows cut off at once (Liu et
    al. 2008, "Isolation forest"). Reported are scores of .7 or more that lie 6 robust standard deviations above the
    median. Numbers and dates count, missing cells as the median; at most 5,000 rows are looked at.

    Raises:
        NotApplicable: fewer than two columns of numbers or dates, or fewer than 100 rows.
    """
    columns = [c for c in schema.features() if c.kind in CELL_KINDS[:2] and c.distinct > 2]
    if len(columns) < 2:
        raise NotApplicable("fewer than two columns hold numbers or dates")
    if frame.height < MIN_ROWS:
        raise NotApplicable(f"{frame.height} rows are fewer than the {MIN_ROWS} that the forest needs")
    rows = sample_rows(frame.height, MOST_ROWS, "outlier_rows")
    columns = [columns[i] for i in sample_rows(len(columns), MOST_COLUMNS, "outlier_columns")]
    x = np.stack([ordered_cells(frame[c.name][rows], c) for c in columns], axis=1)
    x = x[:, ~np.isnan(x).all(axis=0)]
    if x.shape[1] < 2:
        raise NotApplicable("fewer than two columns have a number or a date in the rows looked at")
    x = np.where(np.isnan(x), np.nanmedian(x, axis=0), x)
    # The forest computes in single precision and only compares: any scale will do that keeps numbers in its range.
    x = x / np.maximum(np.abs(x).max(axis=0), 1.0)
    seed = int(generator(0, "outlier_rows").integers(2**31))
    scores = -IsolationForest(n_estimators=TREES, random_state=seed).fit(x).score_samples(x)
    middle = float(np.median(scores))
    spread = 1.4826 * float(np.median(np.abs(scores - middle)))
    far = np.flatnonzero((scores >= LEAST_SCORE) & (scores - middle > FAR_SPREADS * spread))
    if not len(far):
        return None
    worst = far[np.argsort(-scores[far], kind="stable")][:5]
    return Finding(
        "outlier_rows",
        "advice",
        0.5,
        f"{len(far)} of {len(rows)} rows looked at are unlike all others in several columns at once; the most unusual "
        f"is row {rows[worst[0]] + 1} (isolation score {scores[worst[0]]:.2f}).",
        {
            "rows": len(far),
            "rows_looked_at": len(rows),
            "first_rows": (rows[worst] + 1).tolist(),
            "scores": np.round(scores[worst], 3).tolist(),
            "advice_from": LEAST_SCORE,
            "median_score": round(middle, 4),
        },
    )
