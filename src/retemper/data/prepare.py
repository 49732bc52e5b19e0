"""Columns to network inputs: fitted on training rows alone, kept as plain numbers and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retemper.core.errors import InputError
from retemper.core.prepare_options import PrepareOptions
from retemper.core.threads import threaded
from retemper.data.categories import Levels, kept_codes
from retemper.data.cells import as_words
from retemper.data.cleaning import NO_SENTINELS, Sentinels
from retemper.data.converted import NO_CONVERSIONS, Conversions
from retemper.data.dates import DateParts
from retemper.data.features.derived import Derived
from retemper.data.features.goal import Goal
from retemper.data.features.outliers import outlying_rows
from retemper.data.features.relevance import sampled_rows
from retemper.data.features.select import selected
from retemper.data.fitted_columns import FittedColumns
from retemper.data.inputs import Cells, Floats, Inputs, needed_cells
from retemper.data.kinds import demanded_numbers
from retemper.data.numbers import NumberCode
from retemper.data.rewritten import read_numbers
from retemper.data.schema import Schema
from retemper.data.text import TextWords, lengths
from retemper.data.written_numbers import Style


@dataclass(frozen=True)
class Preparer(FittedColumns):
    """All that was learnt about the columns; it turns any rows with these columns into :class:`Inputs`."""

    @classmethod
    def fit(
        cls, frame: pl.DataFrame, schema: Schema, options: PrepareOptions, is_tidy: bool = False
    ) -> Preparer:
        """Fit on training rows.

        Args:
            frame: the training rows, with the features' columns; where the target's column is there too, it helps to
                choose words of text columns, columns to keep and numbers to construct.
            schema: which columns are features, and their kinds.
            options: all of them are used.
            is_tidy: the rows are a table's own; False: they are tidied first.

        Raises:
            InputError: a feature's column is absent, a cell does not fit its column's kind, or nothing varies.
            ValueError: something is to be chosen by the target, which is absent.

        >>> from retemper.core.recipe_sections import DataOptions
        >>> from retemper.data.read import read
        >>> from retemper.data.schema import infer
        >>> table = read({"size": [1.5 * i for i in range(30)], "kind": ["u", "v", None] * 10})
        >>> preparer = Preparer.fit(table.frame, infer(table, DataOptions()), PrepareOptions(bins=2))
        >>> preparer.feature_names
        ['size', 'size:place', 'kind=(missing)', 'kind=u', 'kind=v']
        >>> inputs = preparer.transform(pl.DataFrame({"size": ["0", None], "kind": ["v", "w"]}))
        >>> inputs.dense.tolist()[1], inputs.categories.tolist()
        ([0.0, 0.0], [[3], [0]])
        """
        goal = Goal.of(frame, schema)
        if options.select != "none":
            schema = _selected(frame, schema, options, goal)
        wanted = [c.name for c in schema.features()]
        written = {c.name: c.written for c in schema.features() if c.written is not None}
        cells = read_numbers(needed_cells(frame, wanted, is_tidy), written)
        empty = NO_SENTINELS
        if options.placeholders == "missing":
            by_hand = [c.name for c in schema.features() if c.why == "set by hand"]
            empty = Sentinels.fit(cells, wanted).keeping(by_hand)
        cells, _ = empty.apply(cells)
        kinds = {c.name: "number" if c.name in empty.numeric else c.kind for c in schema.features()}
        names = {kind: [name for name in wanted if kinds[name] == kind] for kind in _KINDS}
        least, most = options.min_level_rows, options.one_hot_levels
        dates = tuple((name, DateParts.fit(cells[name])) for name in names["datetime"])
        teller = goal if options.text_scores else None
        texts = tuple(TextWords.fit(as_words(cells[name]), least, teller) for name in names["text"])
        coded = [c for c in schema.features() if kinds[c.name] in ("category", "boolean")]
        levels = tuple(threaded(lambda c: Levels.fit(cells[c.name], c.kind == "boolean", least, most), coded))
        nothing = NumberCode.fit(np.empty((1, 0)), np.empty((1, 0), dtype=bool), options)
        units = NO_CONVERSIONS
        if options.units == "convert":
            numbers = [demanded_numbers(cells[name]).to_numpy() for name in names["number"]]
            units = Conversions.fit(names["number"], numbers)
        unfitted = cls(
            tuple(names["number"]), dates, texts, levels, Derived(), nothing, empty, units, written
        )
        read = unfitted._read(cells, coded=bool(options.constructed))
        derived = Derived.fit(read.number_matrix(), levels, read.code_matrix(), goal, options)
        unscaled = replace(unfitted, derived=derived)
        # The scales belong to what the network will see of training rows: what the target tells, out of fold.
        told = None if goal is None or not unscaled.told else unscaled.told_of(read, goal)
        counts = [text.counts(words) for text, words in zip(texts, read.words, strict=True)]
        fitted = replace(unscaled, code=NumberCode.fit(*unscaled._derived(read, counts, told), options))
        if not fitted.width and not levels:
            raise _nothing_varies(wanted)
        return fitted

    def told_of(self, cells: Cells, goal: Goal, known: NDArray[np.bool_] | None = None) -> Floats:
        """The numbers [rows, told] of training rows, none from a row's own target.

        Args:
            cells, goal: of the training rows.
            known: [rows] whose targets may be used at all; None: all.
        """
        means = self.derived.out_of_fold(cells.code_matrix(), goal, known)
        spoken = [
            text.speaking.out_of_fold(text.counts(words).sign(), goal, known)
            for text, words in zip(self.texts, cells.words, strict=True)
            if text.speaking
        ]
        return np.concatenate([*([] if means is None else [means]), *spoken], axis=1)

    def out_of_fold(self, frame: pl.DataFrame, schema: Schema) -> Floats | None:
        """For :meth:`transform`: what the target tells, [rows, told], of the training rows, all of them in their
        order, none from a row's own target; None where the target tells nothing.
        """
        goal = Goal.of(frame, schema)
        return self.told_of(self.cells(frame), goal) if self.told and goal is not None else None

    def transform(self, frame: pl.DataFrame, told: Floats | None = None) -> Inputs:
        """Network inputs of any rows; further columns are ignored, and types that convert are taken.

        Args:
            frame: the rows.
            told: of training rows, from :meth:`out_of_fold` (the same rows of it); None for any others.

        Raises:
            InputError: ``missing_column``, ``not_a_number``, ``infinite_value`` or ``not_a_date``, with the place.
        """
        return self.inputs(self.cells(frame), told)

    def cells(self, frame: pl.DataFrame, is_tidy: bool = False) -> Cells:
        """The needed cells of any rows, read; ``is_tidy`` where the rows are a table's own.

        Raises:
            InputError: see :meth:`transform`.
        """
        return self._read(self.raw_cells(frame, is_tidy))

    def raw_cells(self, frame: pl.DataFrame, is_tidy: bool = False) -> pl.DataFrame:
        """The needed columns of any rows, tidy; numbers read from text, placeholders missing. See :meth:`transform`."""
        cells = read_numbers(needed_cells(frame, self.columns, is_tidy, self.optional), self.written)
        return self.sentinels.apply(cells)[0]

    def inputs(self, cells: Cells, told: Floats | None = None) -> Inputs:
        """Network inputs of rows that were read; see :meth:`transform`."""
        dense = np.empty((cells.count, self.width), dtype=np.float32)
        counts = [text.counts(words) for text, words in zip(self.texts, cells.words, strict=True)]
        for rows in self.code.blocks(cells.count):
            own = cells.between(rows), [count[rows] for count in counts], None if told is None else told[rows]
            self.code.write(*self._derived(*own), dense[rows, : self.code.width])
        start = self.code.width
        for text, own in zip(self.texts, counts, strict=True):
            stop = start + len(text.words)
            dense[:, start:stop] = text.tf_idf(own)
            start = stop
        return Inputs(dense, kept_codes(cells.codes, self.levels, cells.count))

    def _derived(
        self, cells: Cells, counts: Sequence[csr_array], told: Floats | None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """All numbers before they are scaled, NaN where missing, and which were missing before."""
        means = self.derived.n_means
        codes = cells.code_matrix() if means else NO_CODES
        numbers, missing = self.derived.apply(
            cells.number_matrix(), codes, None if told is None else told[:, :means]
        )
        if told is None:
            spoken = [text.spoken(own) for text, own in zip(self.texts, counts, strict=True)]
        else:
            spoken = [told[:, means:]]
        added = np.concatenate([missing[:, :0].astype(float), *spoken], axis=1)
        if not added.shape[1]:
            return numbers, missing
        return np.concatenate([numbers, added], axis=1), np.concatenate([missing, np.isnan(added)], axis=1)

    def encoded(self, inputs: Inputs, places: bool = True) -> NDArray[np.float32]:
        """Inputs for other models than networks, float32 [rows, ·]: ``dense`` with a column for each one-hot level.

        Args:
            inputs: of :meth:`transform`.
            places: whether the places are wanted; a linear model can't use them.
        """
        numbers, gaps, words = self.n_numbers, self.code.width - self.gaps, self.code.width
        first = len(self.cardinalities)
        blocks = [inputs.dense[:, :numbers], inputs.dense[:, numbers if places else gaps : words]]
        for codes, count in zip(inputs.categories[:, first:].T, self.one_hot, strict=True):
            blocks.append(codes[:, None] == np.arange(1, count + 1, dtype=codes.dtype))
        return np.concatenate([*blocks, inputs.dense[:, words:]], axis=1, dtype=np.float32)

    def plain(self, frame: pl.DataFrame) -> tuple[Floats, NDArray[np.int64]]:
        """The same rows for trees, neither scaled nor embedded.

        Returns:
            numbers, float64 [rows, F] with NaN for missing (TF-IDF weights included), and the level codes of all
            categories and booleans, int64 [rows, K] (0 missing, 1 unknown).
        """
        cells = self.cells(frame)
        texts = zip(self.texts, cells.words, strict=True)
        weights = [text.tf_idf(text.counts(words)) for text, words in texts]
        return np.concatenate([cells.number_matrix(), *weights], axis=1), cells.code_matrix()

    def outlying(self, frame: pl.DataFrame, options: PrepareOptions) -> NDArray[np.bool_]:
        """Which of the training rows [rows] the options leave out; none but for ``drop``, ``isolation_forest``."""
        if options.outliers in ("keep", "clip"):
            return np.zeros(frame.height, dtype=bool)
        return outlying_rows(self.cells(frame).number_matrix(), options)

    def _read(self, cells: pl.DataFrame, coded: bool = True) -> Cells:
        words = tuple(as_words(cells[text.name]) for text in self.texts)
        numbers = [
            self.units.apply(name, demanded_numbers(cells[name]).to_numpy())  # missing: NaN
            for name in self.numbers
        ]
        blocks = [dates.numbers(cells[name]) for name, dates in self.dates] + [lengths(own) for own in words]
        numbers += [np.ascontiguousarray(column) for block in blocks for column in block.T]
        codes = tuple(levels.codes(cells[levels.name]) for levels in self.levels) if coded else ()
        return Cells(cells.height, tuple(numbers), codes, words)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {
            "numbers": list(self.numbers),
            "dates": [{"name": name, **dates.to_json()} for name, dates in self.dates],
            "texts": [text.to_json() for text in self.texts],
            "levels": [levels.to_json() for levels in self.levels],
            "derived": self.derived.to_json(),
            "code": self.code.to_json(),
            "sentinels": self.sentinels.to_json(),
            "units": self.units.to_json(),
            "written": {name: asdict(style) for name, style in self.written.items()},
            "joined": list(self.joined),
            "gone": list(self.gone),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Preparer:
        """The preparer that :meth:`to_json` wrote."""
        return cls(
            tuple(data["numbers"]),
            tuple((dates["name"], DateParts.from_json(dates)) for dates in data["dates"]),
            tuple(TextWords.from_json(text) for text in data["texts"]),
            tuple(Levels.from_json(levels) for levels in data["levels"]),
            Derived.from_json(data["derived"]),
            NumberCode.from_json(data["code"]),
            Sentinels.from_json(data["sentinels"]),
            Conversions.from_json(data["units"]),
            {name: Style(**own) for name, own in data["written"].items()},
            tuple(data.get("joined", ())),  # bundles from before columns could join have neither
            tuple(data.get("gone", ())),
        )


def _nothing_varies(columns: Sequence[str]) -> InputError:
    return InputError(
        "no_features",
        f"Nothing in the training rows tells one from another; the columns are: {', '.join(columns[:5])}.",
        {"column": columns[0]} if columns else None,
        "Give columns that describe the rows, or set data.kinds by hand.",
    )


_KINDS = ("number", "datetime", "text")
NO_CODES = np.empty((0, 0), dtype=np.int64)
"""Where nothing is told by levels, they need not be put side by side."""


def _selected(frame: pl.DataFrame, schema: Schema, options: PrepareOptions, goal: Goal | None) -> Schema:
    """The schema with the columns that selection keeps, chosen on a sample of the rows."""
    if goal is None or options.select == "none":
        raise ValueError("columns are selected by the target, but there is none")
    rows = sampled_rows(frame.height, len(schema.features()))
    sample = frame[rows]
    plain = Preparer.fit(sample, schema, PrepareOptions(number_embedding="none", scaling="none"))
    numbers, levels = plain.plain(sample)
    kept = selected(
        numbers, levels, plain.plain_owners, goal.taken(rows), options.select, options.select_columns
    )
    return replace(schema, columns=tuple(c for c in schema.columns if c.name in kept))
