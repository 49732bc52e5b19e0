"""Does one column alone give the target away?"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from retemper.core.records import Finding, NotApplicable
from retemper.core.seeds import generator
from retemper.data import dates
from retemper.data.categories import Levels
from retemper.data.cells import as_numbers, as_words
from retemper.data.check_columns import listed
from retemper.data.schema import Column, Schema

MAX_ROWS = 5000
MIN_ROWS = 50
FOLDS = 3
NEARLY_PERFECT = 0.99
LEAVES = 32
LEAST_EXPLAINED = 0.5
CELL_KINDS = ("number", "datetime", "category", "boolean")

Floats = NDArray[np.float64]


def leakage(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """A single column predicts the target with ROC AUC or R² of .99 or more, in 3-fold cross-validation.

    Each column is tried by itself on at most 5,000 rows: a tree with 32 leaves for numbers and dates, the mean of
    the target in each level for categories. Text is not tried, nor are numbers whose 32 quantile bins say next
    to nothing of the target even on the rows that they were cut on.

    Raises:
        NotApplicable: no target, fewer than 50 rows, or no class with enough rows.
    """
    if schema.target is None:
        raise NotApplicable("there is no target")
    columns = [column for column in schema.features() if column.kind in CELL_KINDS]
    if not columns:
        raise NotApplicable("there is no column of numbers, categories or dates")
    frame, y = _sample(frame, schema)
    if len(y) < MIN_ROWS:
        raise NotApplicable(f"{len(y)} rows are fewer than the {MIN_ROWS} that cross-validation needs")
    scores = {column.name: _score(frame[column.name], column, y) for column in columns}
    leaks = {name: round(score, 4) for name, score in scores.items() if score >= NEARLY_PERFECT}
    if not leaks:
        return None
    metric = "roc_auc" if y.dtype.kind == "i" else "r2"
    name = max(leaks, key=leaks.__getitem__)
    return Finding(
        "leakage",
        "warning",
        0.7,
        f"Columns that give the target away by themselves: {listed(list(leaks))} ({name!r} reaches {metric} "
        f"{leaks[name]:.3f}); leave them out if they are not known when a prediction is made.",
        {"metric": metric, "scores": leaks, "warning_from": NEARLY_PERFECT, "rows": len(y), "folds": FOLDS},
    )


def _sample(frame: pl.DataFrame, schema: Schema) -> tuple[pl.DataFrame, NDArray[Any]]:
    assert schema.target is not None
    if frame.height > MAX_ROWS:
        rows = generator(0, "leakage").choice(frame.height, MAX_ROWS, replace=False)
        frame = frame[np.sort(rows)]
    if schema.task == "regression":
        return frame, as_numbers(frame[schema.target.name]).to_numpy()
    codes = as_words(frame[schema.target.name]).rank("dense").to_numpy().astype(np.int64) - 1
    enough = np.bincount(codes)[codes] >= FOLDS
    frame, codes = frame.filter(pl.Series(enough)), codes[enough]
    if len(np.unique(codes)) < 2:
        raise NotApplicable(f"fewer than two classes have the {FOLDS} rows that cross-validation needs")
    return frame, np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _score(cells: pl.Series, column: Column, y: NDArray[Any]) -> float:
    classes = int(y.max()) + 1 if y.dtype.kind == "i" else 0
    by_level = column.kind in ("category", "boolean")
    x = _levels(cells, column) if by_level else _numbers(cells, column)
    if not by_level and _explained(x, y) < LEAST_EXPLAINED:
        return 0.0
    splitter = StratifiedKFold(FOLDS) if classes else KFold(FOLDS)
    order = generator(0, "leakage", member=1).permutation(len(y))
    y, x = y[order], x[order]
    predicted = np.zeros((len(y), max(1, classes)))
    for train, held in splitter.split(y, y):
        fit = _level_means if by_level else _tree
        predicted[held] = fit(x[train], y[train], x[held], classes)
    if not classes:
        return float(r2_score(y, predicted[:, 0]))
    if classes == 2:
        return float(roc_auc_score(y, predicted[:, 1]))
    shares = predicted / predicted.sum(axis=1, keepdims=True)
    return float(roc_auc_score(y, shares, multi_class="ovr", average="macro"))


def _explained(x: NDArray[Any], y: NDArray[Any]) -> float:
    """The most that x's quantile bins explain of y on these very rows.

    The R² of the bins' means, of y and of its ranks (a long tail would hide in the last bin); for classes the R²
    of the class that is explained best.
    """
    rank = np.argsort(np.argsort(x, kind="stable"), kind="stable")
    bins = rank * LEAVES // len(x)
    sizes = np.bincount(bins, minlength=LEAVES).clip(1)
    ranks = np.argsort(np.argsort(y, kind="stable"), kind="stable")
    goals = [y == c for c in range(int(y.max()) + 1)] if y.dtype.kind == "i" else [y, ranks]
    best = 0.0
    for goal in goals:
        centred = goal - np.mean(goal)
        between = np.bincount(bins, centred, LEAVES) ** 2 / sizes
        best = max(best, float(between.sum() / max(float((centred**2).sum()), 1e-300)))
    return best


def _numbers(cells: pl.Series, column: Column) -> Floats:
    if column.kind == "datetime":
        cells = dates.demanded(cells).dt.timestamp("us")
    return as_numbers(cells).fill_null(float("nan")).to_numpy()


def _levels(cells: pl.Series, column: Column) -> NDArray[np.int64]:
    return Levels.fit(cells, column.kind == "boolean", 1, 0).codes(cells)


def _tree(x: Floats, y: NDArray[Any], held: Floats, classes: int) -> Floats:
    make = DecisionTreeClassifier if classes else DecisionTreeRegressor
    tree = make(max_leaf_nodes=LEAVES, min_samples_leaf=3, random_state=0).fit(x[:, None], y)
    found: Floats = tree.predict_proba(held[:, None]) if classes else tree.predict(held[:, None])[:, None]
    return found


def _level_means(x: NDArray[np.int64], y: NDArray[Any], held: NDArray[np.int64], classes: int) -> Floats:
    """Class shares (or the mean) of each level, drawn towards those of all rows by the weight of one row."""
    goal = np.eye(classes)[y] if classes else y[:, None]
    prior = goal.mean(axis=0)
    size = max(int(x.max()), int(held.max())) + 1
    sums = np.zeros((size, goal.shape[1]))
    np.add.at(sums, x, goal)
    rows = np.bincount(x, minlength=size)[:, None]
    means: Floats = ((sums + prior) / (rows + 1))[held]
    return means
