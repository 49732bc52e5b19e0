"""Columns to network inputs: fitted on training rows alone, kept as plain numbers and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.errors import InputError, nearest
from retemper.core.recipe import PrepareOptions
from retemper.data.categories import Levels
from retemper.data.cells import as_words, chosen, place, tidy
from retemper.data.dates import DateParts
from retemper.data.kinds import demanded_numbers
from retemper.data.numbers import NumberCode
from retemper.data.schema import Schema
from retemper.data.text import LENGTHS, TextWords, lengths

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """What a network sees of some rows.

    ``dense``: float32 [rows, D], first the scaled numbers, then their places among the bins, then indicators of
    missing numbers, one-hot levels and TF-IDF weights. ``categories``: int64 [rows, K], the level codes of the
    columns with learned embeddings (0 missing, 1 unknown).
    """

    dense: NDArray[np.float32]
    categories: NDArray[np.int64]


@dataclass(frozen=True)
class Preparer:
    """All that was learnt about the columns; it turns any rows with these columns into :class:`Inputs`.

    ``numbers`` are the raw columns of kind number; ``dates``, ``texts`` and ``levels`` hold the state of the others.
    """

    numbers: tuple[str, ...]
    dates: tuple[tuple[str, DateParts], ...]
    texts: tuple[TextWords, ...]
    levels: tuple[Levels, ...]
    code: NumberCode

    @classmethod
    def fit(cls, frame: pl.DataFrame, schema: Schema, options: PrepareOptions) -> Preparer:
        """Fit on training rows.

        Args:
            frame: the training rows, with the features' columns; where the target's column is there too, it helps to
                choose the words of text columns.
            schema: which columns are features, and their kinds.
            options: scaling, embeddings, limits of levels.

        Raises:
            InputError: a feature's column is absent, or a cell does not fit its column's kind.

        >>> from retemper.core.recipe import DataOptions
        >>> from retemper.data.read import read
        >>> from retemper.data.schema import infer
        >>> table = read({"size": [1.5 * i for i in range(30)], "kind": ["u", "v", None] * 10})
        >>> preparer = Preparer.fit(table.frame, infer(table, DataOptions()), PrepareOptions(bins=2))
        >>> preparer.feature_names
        ['size', 'size:place', 'kind=(missing)', 'kind=u', 'kind=v']
        >>> preparer.transform(pl.DataFrame({"size": ["0", None], "kind": ["v", "w"]})).dense.tolist()[1]
        [0.0, 0.0, 0.0, 0.0, 0.0]
        """
        names = {kind: [c.name for c in schema.features() if c.kind == kind] for kind in _KINDS}
        cells = _cells(frame, [c.name for c in schema.features()])
        target = _target(frame, schema) if names["text"] else None
        least, most = options.min_level_rows, options.one_hot_levels
        dates = tuple((name, DateParts.fit(cells[name])) for name in names["datetime"])
        texts = tuple(TextWords.fit(as_words(cells[name]), least, target) for name in names["text"])
        levels = tuple(
            Levels.fit(cells[c.name], c.kind == "boolean", least, most)
            for c in schema.features()
            if c.kind in ("category", "boolean")
        )
        unfitted = cls(
            tuple(names["number"]), dates, texts, levels, NumberCode.fit(np.empty((1, 0)), options)
        )
        code = NumberCode.fit(unfitted._raw_numbers(cells), options)
        return cls(unfitted.numbers, dates, texts, levels, code)

    @property
    def n_numbers(self) -> int:
        """How many columns of ``dense``, from the left, are scaled numbers."""
        return self.code.n_numbers

    @property
    def bins(self) -> tuple[int, ...]:
        """Bins of each of the ``n_numbers`` numbers; those that have any have a column of places."""
        return tuple(self.code.bins)

    @property
    def n_inputs(self) -> int:
        """Inputs of the network's first layer, bins worked out and embeddings left out."""
        return self.width - self.code.n_places + sum(self.bins)

    @property
    def plain_columns(self) -> list[int]:
        """The columns of ``dense`` that a linear model can use: all but the places."""
        places = range(self.n_numbers, self.n_numbers + self.code.n_places)
        return [k for k in range(self.width) if k not in places]

    @cached_property
    def width(self) -> int:
        """D, the columns of ``dense``."""
        return len(self.feature_names)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of codes, missing and unknown included, of each column of ``categories``."""
        return tuple(levels.cardinality for levels in self.levels if levels.embedded)

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that are needed."""
        others = [
            *(name for name, _ in self.dates),
            *(t.name for t in self.texts),
            *(v.name for v in self.levels),
        ]
        return (*self.numbers, *others)

    @property
    def number_names(self) -> list[str]:
        """Names of the raw numbers: number columns, parts of dates, lengths of texts."""
        parts = [f"{name}:{part}" for name, dates in self.dates for part in dates.names]
        return [
            *self.numbers,
            *parts,
            *(f"{text.name}:{length}" for text in self.texts for length in LENGTHS),
        ]

    @cached_property
    def feature_names(self) -> list[str]:
        """Names of the columns of ``dense``."""
        one_hot = [name for levels in self.levels if not levels.embedded for name in levels.one_hot_names]
        return [
            *self.code.names(self.number_names),
            *one_hot,
            *(n for text in self.texts for n in text.names),
        ]

    def transform(self, frame: pl.DataFrame) -> Inputs:
        """Network inputs of any rows; further columns are ignored, and types that convert are taken.

        Raises:
            InputError: ``missing_column``, ``not_a_number``, ``infinite_value`` or ``not_a_date``, with the place.
        """
        cells = _cells(frame, self.columns)
        dense = np.zeros((frame.height, self.width), dtype=np.float32)
        self.code.write(self._raw_numbers(cells), dense[:, : self.code.width])
        start = self.code.width
        embedded = []
        for levels in self.levels:
            codes = levels.codes(cells[levels.name])
            if levels.embedded:
                embedded.append(codes)
                continue
            stop = start + len(levels.seen)
            levels.write_one_hot(codes, dense[:, start:stop])
            start = stop
        for text in self.texts:
            stop = start + len(text.words)
            dense[:, start:stop] = text.tf_idf(as_words(cells[text.name]))
            start = stop
        return Inputs(dense, _stacked(embedded, frame.height))

    def plain(self, frame: pl.DataFrame) -> tuple[Floats, NDArray[np.int64]]:
        """The same rows for trees, neither scaled nor embedded.

        Returns:
            numbers, float64 [rows, F] with NaN for missing (TF-IDF weights included), and the level codes of all
            categories and booleans, int64 [rows, K] (0 missing, 1 unknown).
        """
        cells = _cells(frame, self.columns)
        weights = [text.tf_idf(as_words(cells[text.name])) for text in self.texts]
        numbers = np.concatenate([self._raw_numbers(cells), *weights], axis=1)
        return numbers, _stacked([levels.codes(cells[levels.name]) for levels in self.levels], frame.height)

    def _raw_numbers(self, cells: pl.DataFrame) -> Floats:
        blocks = [_floats(cells[name])[:, None] for name in self.numbers]
        blocks += [dates.numbers(cells[name]) for name, dates in self.dates]
        blocks += [lengths(as_words(cells[text.name])) for text in self.texts]
        return np.concatenate(blocks, axis=1) if blocks else np.empty((cells.height, 0))

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {
            "numbers": list(self.numbers),
            "dates": [{"name": name, **dates.to_json()} for name, dates in self.dates],
            "texts": [text.to_json() for text in self.texts],
            "levels": [levels.to_json() for levels in self.levels],
            "code": self.code.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Preparer:
        """The preparer that :meth:`to_json` wrote."""
        return cls(
            tuple(data["numbers"]),
            tuple((dates["name"], DateParts.from_json(dates)) for dates in data["dates"]),
            tuple(TextWords.from_json(text) for text in data["texts"]),
            tuple(Levels.from_json(levels) for levels in data["levels"]),
            NumberCode.from_json(data["code"]),
        )


_KINDS = ("number", "datetime", "text")


def _cells(frame: pl.DataFrame, columns: Any) -> pl.DataFrame:
    for name in columns:
        if name not in frame.columns:
            raise InputError(
                "missing_column",
                f"The column {name!r} is absent, but the network needs it; {nearest(name, frame.columns)}",
                place("", name),
                "Give the columns that the network was trained on; further ones are ignored.",
            )
    return tidy(chosen(frame, columns))


def _floats(column: pl.Series) -> Floats:
    return demanded_numbers(column).fill_null(float("nan")).to_numpy()


def _stacked(codes: list[NDArray[np.int64]], rows: int) -> NDArray[np.int64]:
    return np.stack(codes, axis=1) if codes else np.empty((rows, 0), dtype=np.int64)


def _target(frame: pl.DataFrame, schema: Schema) -> NDArray[Any] | None:
    if schema.target is None or schema.target.name not in frame.columns:
        return None
    cells = frame[schema.target.name]
    if schema.task == "classification":
        return as_words(cells).rank("dense").to_numpy().astype(np.int64)
    return _floats(cells)
