"""Counts of the rows that a model had not seen: enough to test for drift, too little to find a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.memory.cells import Cells, Counts, edges_of, places
from retemper.core.records import to_json
from retemper.data.cells import as_numbers, as_words
from retemper.data.sampled import cell_columns
from retemper.data.schema import Schema

Floats = NDArray[np.float64]
MOST_CLASSES = 50
"""Of more classes only the predicted ones and the true ones are counted."""
CELLS_OF_OUTPUTS, FEWEST_CELLS = 1500, 16
STRATA, RESIDUAL_CELLS = 10, 6


@dataclass(frozen=True)
class Grid:
    """Where columns, outputs and target are cut; fitted once, by training rows.

    Args:
        columns: of numbers, dates, booleans and categories; nothing of texts.
        outputs: of the model: probabilities, or the predicted value; empty with more than 50 classes.
        target: classes, or cells of the values.
        strata: edges of rows that the model answers alike: of the confidence for each predicted class, or of the
            predicted value.
        residual: edges of target − prediction; empty for a classification.
    """

    columns: tuple[Cells, ...]
    outputs: tuple[Cells, ...]
    target: Cells
    strata: tuple[tuple[float, ...], ...]
    residual: tuple[float, ...]

    @classmethod
    def fit(cls, frame: pl.DataFrame, schema: Schema, outputs: Floats, y: Floats) -> Grid:
        """Fit on training rows.

        Args:
            frame: training rows.
            schema: of the table.
            outputs: of networks that had not seen the row: probabilities [M, C] or values [M], for any rows that train.
            y: their targets: values (regression only) [M].
        """
        assert schema.target is not None
        columns = tuple(Cells.fit(frame[column.name], column) for column in cell_columns(schema))
        name = schema.target.name
        if schema.task == "regression":
            of_values = Cells("prediction", "number", edges_of(outputs))
            target = Cells(name, "number", edges_of(y))
            alike = edges_of(outputs, STRATA)
            return cls(columns, (of_values,), target, (alike,), edges_of(y - outputs, RESIDUAL_CELLS))
        target = Cells(name, "category", levels=tuple(as_words(pl.Series(schema.classes))))
        count = len(schema.classes)
        if count > MOST_CLASSES:
            return cls(columns, (), target, (), ())
        most = int(np.clip(CELLS_OF_OUTPUTS // count, FEWEST_CELLS, 128))
        cut = [
            Cells(f"probability_{word}", "number", edges_of(outputs[:, k], most))
            for k, word in enumerate(schema.classes)
        ]
        predicted, confidence = outputs.argmax(axis=1), outputs.max(axis=1)
        parts = max(1, STRATA // count)
        strata = tuple(edges_of(confidence[predicted == k], parts) for k in range(count))
        return cls(columns, tuple(cut), target, strata, ())

    def tally(self, frame: pl.DataFrame, outputs: Floats | None, labels: pl.Series | None) -> Tally:
        """Count rows.

        Args:
            frame: a column that is not there is counted as missing.
            outputs: the model's, for these rows [N, C] or [N]; None: not known.
            labels: the target's cells [N]; None: not known.
        """
        found = [own.counts(frame[own.name]) if own.name in frame.columns else None for own in self.columns]
        columns = tuple(None if one is None else one[0] for one in found)
        missing = tuple(frame.height if one is None else one[1] for one in found)
        target = None if labels is None else self.target.counts(labels)[0]
        if outputs is None:
            return Tally(frame.height, columns, missing, (), None, target, None)
        table = outputs.reshape(len(outputs), -1)
        of_outputs = tuple(
            np.bincount(places(table[:, k], own.edges), minlength=len(own.edges) + 1)
            for k, own in enumerate(self.outputs)
        )
        classes = table.argmax(axis=1)
        predicted = None if self.of_values else np.bincount(classes, minlength=len(self.target.levels))
        concept = None if labels is None or not self.strata else self._concept(table, labels)
        return Tally(frame.height, columns, missing, of_outputs, predicted, target, concept)

    @property
    def of_values(self) -> bool:
        """Whether the target is a value."""
        return self.target.ordered

    def _concept(self, outputs: Floats, labels: pl.Series) -> Counts:
        """Rows by stratum and class, or residual [S, K]."""
        if self.of_values:
            values = as_numbers(labels).to_numpy()
            there = ~np.isnan(values)
            strata = places(outputs[there, 0], self.strata[0])
            cells = places(values[there] - outputs[there, 0], self.residual)
            shape = len(self.strata[0]) + 1, len(self.residual) + 1
        else:
            cells = self.target.numbers(labels)
            there = cells >= 0
            cells = cells[there]
            predicted, confidence = outputs[there].argmax(axis=1), outputs[there].max(axis=1)
            parts = 1 + max(map(len, self.strata))
            strata = predicted * parts
            for k, edges in enumerate(self.strata):
                strata[predicted == k] += places(confidence[predicted == k], edges)
            shape = len(self.strata) * parts, len(self.target.levels) + 1
        return np.bincount(strata * shape[1] + cells, minlength=shape[0] * shape[1]).reshape(shape)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Grid:
        """The grid that was written as plain data."""
        cells = {key: tuple(map(Cells.from_json, data[key])) for key in ("columns", "outputs")}
        return cls(
            cells["columns"],
            cells["outputs"],
            Cells.from_json(data["target"]),
            tuple(map(tuple, data["strata"])),
            tuple(data["residual"]),
        )


@dataclass(frozen=True, eq=False)
class Tally:
    """Rows counted in a grid's cells.

    Args:
        rows: how many.
        columns: counts [K] of each column; None: it is not there.
        missing: rows without a cell, of each column.
        outputs: counts of each output; empty: not known.
        predicted: rows of each predicted class; None: not known, or a regression.
        target: counts of the target; None: not known.
        concept: counts [strata, classes or residual cells]; None: not known.
    """

    rows: int
    columns: tuple[Counts | None, ...]
    missing: tuple[int, ...]
    outputs: tuple[Counts, ...]
    predicted: Counts | None
    target: Counts | None
    concept: Counts | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        """The tally that was written as plain data."""

        def counts(own: Any) -> Counts | None:
            return None if own is None else np.array(own, dtype=np.int64)

        return cls(
            data["rows"],
            tuple(map(counts, data["columns"])),
            tuple(data["missing"]),
            tuple(np.array(own, dtype=np.int64) for own in data["outputs"]),
            counts(data["predicted"]),
            counts(data["target"]),
            counts(data["concept"]),
        )


@dataclass(frozen=True, eq=False)
class Sketches:
    """A grid fitted on training rows, and the rows that the model had not seen counted in it.

    The cells don't depend on the counted rows. So these and other rows of the same kind can be exchanged, and every
    permutation test of the tables is exact. Names of levels, and edges, stand for five training rows at least.

    >>> from retemper.data.schema import Column
    >>> column, target = Column("a", "number", 0, 99, ""), Column("y", "number", 0, 99, "")
    >>> schema = Schema((column,), target, "regression")
    >>> rows = pl.DataFrame({"a": np.arange(100.0), "y": np.arange(100.0)})
    >>> grid = Grid.fit(rows, schema, np.arange(100.0), np.arange(100.0))
    >>> sketches = Sketches(grid, grid.tally(rows.head(30), None, None))
    >>> again = Sketches.from_json(sketches.to_json())
    >>> again.grid == grid, int(again.unseen.columns[0].sum()), again.unseen.target is None
    (True, 30, True)
    """

    grid: Grid
    unseen: Tally

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back."""
        return {"grid": to_json(self.grid), "unseen": to_json(self.unseen)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sketches:
        """The sketches that :meth:`to_json` wrote."""
        return cls(Grid.from_json(data["grid"]), Tally.from_json(data["unseen"]))
