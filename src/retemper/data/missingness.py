"""Does it say something of the target that a cell is missing?"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import chi2

from retemper.core.records import Finding, NotApplicable
from retemper.data.check_columns import listed
from retemper.data.sampled import Goals
from retemper.data.schema import Schema

MIN_CELLS = 20
ALPHA = 0.001
LEAST_EXPLAINED = 0.01


def missing_tells_target(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Columns whose missing cells go with another target: how they came to be missing matters.

    The share of the target's variance that "missing or not" explains is tested for each column (n·R² is χ² with one
    degree of freedom a goal where nothing is explained), at .001 over all columns (Bonferroni), and reported from
    1 % on. The network sees an indicator of missing cells, so nothing is lost; but if cells are missing *because* of
    the target, the column is a leak.

    Raises:
        NotApplicable: no target, or no column with 20 missing and 20 present cells.
    """
    if schema.target is None:
        raise NotApplicable("there is no target")
    gaps = {column.name: frame[column.name].is_null().to_numpy() for column in schema.features()}
    gaps = {name: gap for name, gap in gaps.items() if MIN_CELLS <= gap.sum() <= len(gap) - MIN_CELLS}
    if not gaps:
        raise NotApplicable(f"no column has {MIN_CELLS} missing and {MIN_CELLS} present cells")
    goals = Goals.of(frame[schema.target.name], schema.task == "classification")
    scores = {name: _explained(gap, goals) for name, gap in gaps.items()}
    telling = {
        name: {"explained": round(share, 4), "p": min(1.0, p * len(gaps)), "cells": int(gaps[name].sum())}
        for name, (share, p) in scores.items()
        if share >= LEAST_EXPLAINED and p * len(gaps) < ALPHA
    }
    if not telling:
        return None
    worst = max(telling, key=lambda name: telling[name]["explained"])
    return Finding(
        "missing_tells_target",
        "advice",
        0.8,
        f"Whether a cell is missing says something of the target: {listed(list(telling))}, most in {worst!r} "
        f"({telling[worst]['explained']:.1%} of the variance). Are they still missing when one predicts?",
        {"columns": telling, "alpha": ALPHA, "advice_from": LEAST_EXPLAINED},
    )


def _explained(gap: NDArray[np.bool_], goals: Goals) -> tuple[float, float]:
    """R² of the two means, and its p-value; of a regression's ranks, of all classes together."""
    y = goals.y if goals.classes else goals.y[:, 1:]
    centred = y - y.mean(axis=0)
    between = sum(side.sum() * centred[side].mean(axis=0) ** 2 for side in (gap, ~gap))
    variance = (centred**2).sum(axis=0)
    # Pearson's χ² of a table is n·Σ R²ₖ(1 − shareₖ) over its classes.
    parts = len(gap) * between / np.maximum(variance, 1e-300)
    weights = 1 - y.mean(axis=0) if goals.classes else np.ones(1)
    freedom = max(1, y.shape[1] - goals.classes)
    share = float(between.sum() / max(float(variance.sum()), 1e-300))
    return share, float(chi2.sf(float((parts * weights).sum()), freedom))
