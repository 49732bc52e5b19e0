"""From a table's rows to the arrays that a network learns from: everything fitted on training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import shape_of
from retemper.core.recipe import Recipe
from retemper.core.seeds import generator
from retemper.core.threads import threaded
from retemper.data.cells import chosen
from retemper.data.features.outliers import outlying_by
from retemper.data.frame import Frame, FrameOnDisk, narrowed
from retemper.data.inputs import Cells, Floats, Inputs
from retemper.data.prepare import Preparer
from retemper.data.schema import Schema
from retemper.data.target import Target
from retemper.training import losses
from retemper.training.arrays import SplitArrays, TaskArrays, joined, write_split
from retemper.training.class_losses import ClassLoss

FIT_ROWS = 250_000
"""Scales, bins and levels of so many rows are as good as of all: a quantile is within .2 % of its rank."""
WINDOW_ROWS = 32_768
ROWS_IN_MEMORY = 65_536
"""Rows of a table in memory that are prepared at a time: larger windows cost less by the row, but take more room."""


@dataclass(frozen=True)
class Prepared:
    """The fitted preparation and the arrays it gives."""

    preparer: Preparer
    target: Target
    arrays: TaskArrays


def prepare(
    frame: Frame,
    schema: Schema,
    recipe: Recipe,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    folder: Path | None = None,
) -> Prepared:
    """Fit the preparer and the target on the training rows, and apply them to both splits.

    Args:
        frame: all rows.
        schema: of the table, with a target.
        recipe: ``prepare``, ``seed`` and ``training.loss`` are used.
        train, validation: row numbers; validation may be empty.
        folder: where the arrays of many rows are written as they come, and mapped; None: all in memory.

    With more than ``FIT_ROWS`` training rows the columns are fitted on that many, drawn by the seed; classes and
    their shares are counted on all.
    """
    assert schema.target is not None
    preparer, own = _fit(frame, schema, recipe, rows_to_fit(train, recipe))
    target = Target.fit(frame[schema.target.name][train], schema, recipe.prepare)

    others = [schema.target.name, *([schema.weight] if schema.weight else [])]
    needed = narrowed(frame, list(dict.fromkeys([*preparer.columns, *others])))

    def parts(rows: NDArray[np.int64]) -> Iterator[SplitArrays]:
        def part(place: slice) -> SplitArrays:
            seen, cells = _seen(needed, others, rows[place], preparer)
            if rows is not train:
                return _split(seen, preparer.inputs(cells), schema, target)
            found = _split(seen, own.inputs(preparer, cells, rows[place]), schema, target)
            if own.left_out is not None:
                # A row that is left out keeps its place and weighs nothing: arrays stay in step with row numbers.
                found.weight[own.left_out(cells.number_matrix())] = 0.0
            return found

        return threaded(
            part, _windows(rows, WINDOW_ROWS if isinstance(frame, FrameOnDisk) else ROWS_IN_MEMORY)
        )

    splits = [
        joined(list(parts(rows)))
        if folder is None or len(rows) <= WINDOW_ROWS
        else write_split(folder, name, parts(rows), len(rows))
        for name, rows in (("train", train), ("validation", validation))
    ]
    prior = target.prior
    if target.task == "regression":
        prior = (float(np.mean(splits[0].y)), float(np.std(splits[0].y)))
    loss = losses.resolve(recipe.training.loss, target.task, len(target.classes))
    weight = loss.class_weight(target.classes, prior) if isinstance(loss, ClassLoss) else None
    arrays = TaskArrays(
        task=target.task,
        n_classes=len(target.classes),
        shape=shape_of(preparer),
        prior=tuple(prior),
        class_weight=None if weight is None else tuple(weight.tolist()),
        train=splits[0],
        validation=splits[1],
    )
    return Prepared(preparer, target, arrays)


def _windows(rows: NDArray[np.int64], size: int) -> list[slice]:
    """Rows that lie close together are cut where the table's windows end, so that each of these is read once."""
    if not _close(rows):
        return [slice(start, start + size) for start in range(0, max(1, len(rows)), size)]
    ends = np.searchsorted(rows, np.arange(size, rows[-1] + 1 + size, size))
    return [slice(start, end) for start, end in pairwise((0, *ends.tolist())) if start < end]


def _close(rows: NDArray[np.int64]) -> bool:
    """Whether the rows ascend and are most of those between the first and the last."""
    return len(rows) > 0 and 2 * len(rows) > rows[-1] - rows[0] and bool((rows[1:] > rows[:-1]).all())


def _seen(
    frame: Frame, others: list[str], rows: NDArray[np.int64], preparer: Preparer
) -> tuple[pl.DataFrame, Cells]:
    """These rows' other columns and their cells; where they lie close together all between are read, without a copy."""
    if not _close(rows):
        seen = frame[rows]
        return seen, preparer.cells(seen, is_tidy=True)
    seen, at = frame.slice(rows[0], rows[-1] + 1 - rows[0]), rows - rows[0]
    return chosen(seen, others)[at], preparer.cells(seen, is_tidy=True).taken(at)


def rows_to_fit(train: NDArray[np.int64], recipe: Recipe) -> NDArray[np.int64]:
    """The training rows to fit on, in their order: all, or ``FIT_ROWS`` of them, drawn by the seed."""
    if len(train) <= FIT_ROWS:
        return train
    return np.sort(generator(recipe.seed, "rows to fit").choice(train, FIT_ROWS, replace=False))


@dataclass(frozen=True)
class _OfTraining:
    """What holds for training rows alone.

    Args:
        rows: that the preparer was fitted on, ascending.
        told: what the target tells of these [rows, told], none from a row's own target. Training rows that were not
            fitted on are like any others: their targets are in no group mean.
        left_out: which rows are outliers, by their numbers; None: all count.
    """

    rows: NDArray[np.int64]
    told: Floats | None
    left_out: Callable[[Floats], NDArray[np.bool_]] | None

    def inputs(self, preparer: Preparer, cells: Cells, rows: NDArray[np.int64]) -> Inputs:
        """The inputs of training rows of these numbers."""
        if self.told is None:
            return preparer.inputs(cells)
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        at = np.flatnonzero(self.rows[place] == rows)
        told = self.told[place[at]]
        if len(at) == len(rows):
            return preparer.inputs(cells, told)
        found = preparer.inputs(cells)
        found.dense[at] = preparer.inputs(cells.taken(at), told).dense
        return found


def _fit(
    frame: Frame, schema: Schema, recipe: Recipe, rows: NDArray[np.int64]
) -> tuple[Preparer, _OfTraining]:
    seen = frame[rows]
    preparer = Preparer.fit(seen, schema, recipe.prepare, is_tidy=True)
    left_out = None
    if recipe.prepare.outliers not in ("keep", "clip"):
        left_out = outlying_by(preparer.cells(seen, is_tidy=True).number_matrix(), recipe.prepare)
    told, order = preparer.out_of_fold(seen, schema), np.argsort(rows, kind="stable")
    return preparer, _OfTraining(rows[order], None if told is None else told[order], left_out)


def _split(
    frame: pl.DataFrame,
    inputs: Inputs,
    schema: Schema,
    target: Target,
) -> SplitArrays:
    y = target.encode(frame[target.name])
    if target.task == "regression":
        y = target.scale(y).astype(np.float32)
    return SplitArrays(inputs.dense, inputs.categories, y, weights(schema, frame))


def weights(schema: Schema, frame: pl.DataFrame) -> NDArray[np.float32]:
    """Sample weights; 1 for every row where the recipe names no column."""
    if schema.weight is None:
        return np.ones(frame.height, dtype=np.float32)
    return frame[schema.weight].cast(pl.Float32).to_numpy(writable=True)
