"""Which rows a model was trained on: a filter that answers, and can't be read back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.memory.row_hash import Alone, Hashes, row_hashes
from retemper.core.records import to_json
from retemper.core.seeds import generator
from retemper.data.cells import as_words, level_counts, tidy
from retemper.data.frame import Frame
from retemper.data.schema import Schema

FALSE_YES = 0.01
MOST_BYTES = 2_000_000
LEAST_BYTES = 64
"""A layer smaller than that is not begun: the one before takes its rows."""
KEYS_AT_ONCE = 1 << 17
FEWEST_ROWS, MOST_VALUES = 5, 100
"""A value that a column had alone is noted where so many rows have it, and so many values of a column: no single row
shows. A column with others is not counted from then on."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One Bloom filter: ``bits`` uint8 [B], each row sets ``hashes`` of them; made for ``capacity`` rows."""

    bits: NDArray[np.uint8]
    hashes: int
    capacity: int
    rows: int

    @classmethod
    def sized(cls, capacity: int, false_yes: float, most_bytes: int) -> Layer:
        """An empty filter: −ln(p)/ln²2 bits a row, as far as there is room."""
        wanted = math.ceil(capacity * -math.log(false_yes) / math.log(2) ** 2 / 8)
        size = max(1, min(wanted, most_bytes))
        return cls(np.zeros(size, np.uint8), max(1, round(8 * size / capacity * math.log(2))), capacity, 0)

    @property
    def false_yes(self) -> float:
        """How often a row that is not in it is said to be, by the share of bits that are set."""
        return float((np.bitwise_count(self.bits).sum() / (8 * self.bits.size)) ** self.hashes)

    def with_keys(self, keys: Hashes) -> Layer:
        """With these rows added."""
        flags = np.unpackbits(self.bits, bitorder="little")
        for part in _parts(keys):
            flags[self._places(part).ravel()] = 1
        return replace(self, bits=np.packbits(flags, bitorder="little"), rows=self.rows + len(keys))

    def holds(self, keys: Hashes) -> NDArray[np.bool_]:
        """Which rows are in it."""
        answers = [np.zeros(0, dtype=np.bool_)]
        for part in _parts(keys):
            places = self._places(part)
            answers.append(((self.bits[places >> 3] >> (places & 7)) & 1).all(axis=0))
        return np.concatenate(answers)

    def _places(self, keys: Hashes) -> NDArray[np.int64]:
        """Bits [hashes, N] of each row: two halves of its number make them all (Kirsch & Mitzenmacher 2006)."""
        first, second = keys & np.uint64(0xFFFFFFFF), (keys >> np.uint64(32)) | np.uint64(1)
        turns = np.arange(self.hashes, dtype=np.uint64)[:, None]
        return np.asarray((first + turns * second) % np.uint64(8 * self.bits.size)).astype(np.int64)


def _parts(keys: Hashes) -> list[Hashes]:
    return [keys[start : start + KEYS_AT_ONCE] for start in range(0, len(keys), KEYS_AT_ONCE)]


@dataclass(frozen=True, eq=False)
class Trained:
    """The rows that a model was trained on, those that validated it among them.

    A scalable Bloom filter (Bloom 1970; Almeida et al. 2007): a row that was trained on is always known; of others,
    about 1 % are taken for known, at 9.6 bits a row. Rows that come later fill further layers; each is made for as many
    rows as all before and for half the share, so that the sum stays under 2 %. All layers together take 2 MB at most;
    with more rows the share rises. ``false_yes`` says it.

    Args:
        salt: of the rows' numbers, see :func:`row_hashes`.
        layers: the filters.
        alone: columns that were constants for rows in here, with the values that they had.

    >>> import polars as pl
    >>> from retemper.data.schema import Column, Schema
    >>> schema = Schema((Column("a", "number", 0, 9, ""),), Column("y", "number", 0, 9, ""), "regression")
    >>> rows = pl.DataFrame({"a": range(500), "y": range(500)})
    >>> trained = Trained.drawn(0).with_rows(rows.head(400), schema)
    >>> bool(trained.seen(rows.head(400), schema).all()), int(trained.seen(rows.tail(100), schema).sum()) < 6
    (True, True)
    """

    salt: int
    layers: tuple[Layer, ...] = ()
    alone: Alone = field(default_factory=dict)

    @classmethod
    def drawn(cls, seed: int) -> Trained:
        """An empty filter with the salt of a recipe's seed."""
        return cls(int(generator(seed, "row filter").integers(2**63)))

    @property
    def rows(self) -> int:
        """Different rows that are in it."""
        return sum(layer.rows for layer in self.layers)

    @property
    def false_yes(self) -> float:
        """How often a row that was not trained on is taken for one that was, 0 to 1."""
        return 1.0 - math.prod(1.0 - layer.false_yes for layer in self.layers)

    def seen(self, frame: Frame, schema: Schema) -> NDArray[np.bool_]:
        """Which rows [N] the model was trained on (True: it was, or a false yes).

        Args:
            frame: rows with their target.
            schema: the model's.

        Raises:
            InputError: see :func:`row_hashes`.
        """
        return self._holds(row_hashes(frame, schema, self.salt, alone=self.alone))

    def with_rows(self, frame: Frame, schema: Schema, rows: NDArray[np.int64] | None = None) -> Trained:
        """With further rows that a model was trained on.

        Args:
            frame, schema: as for :meth:`seen`.
            rows: their numbers in ``frame``, ascending; None: all.
        """
        alone = {**self.alone, **_constants(frame, schema, rows, self.alone)}
        keys = np.unique(row_hashes(frame, schema, self.salt, rows, alone))
        keys = keys[~self._holds(keys)]
        layers = list(self.layers)
        room = layers[-1].capacity - layers[-1].rows if layers else 0
        left = MOST_BYTES - sum(layer.bits.size for layer in layers)
        if layers and left < LEAST_BYTES:
            room = len(keys)
        if room > 0:
            layers[-1] = layers[-1].with_keys(keys[:room])
        if len(keys) > room:
            capacity = max(len(keys) - room, self.rows)
            layers.append(Layer.sized(capacity, FALSE_YES / 2 ** len(layers), left).with_keys(keys[room:]))
        return replace(self, layers=tuple(layers), alone=alone)

    def _holds(self, keys: Hashes) -> NDArray[np.bool_]:
        found = np.zeros(len(keys), dtype=np.bool_)
        for layer in self.layers:
            found |= layer.holds(keys)
        return found

    def to_json(self) -> dict[str, Any]:
        """All but the bits, which :meth:`bits` gives; :meth:`from_json` is the way back."""
        layers = [{"hashes": own.hashes, "capacity": own.capacity, "rows": own.rows} for own in self.layers]
        facts = {"salt": self.salt, "rows": self.rows, "false_yes": self.false_yes, "layers": layers}
        return {**facts, "alone": to_json(self.alone)}

    def bits(self) -> dict[str, NDArray[np.uint8]]:
        """The layers' bits by name."""
        return {f"layer_{number}": layer.bits for number, layer in enumerate(self.layers)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], bits: Mapping[str, NDArray[np.uint8]]) -> Trained:
        """The filter that :meth:`to_json` and :meth:`bits` wrote."""
        layers: Sequence[Mapping[str, int]] = data["layers"]
        return cls(
            data["salt"],
            tuple(Layer(bits[f"layer_{number}"], **own) for number, own in enumerate(layers)),
            {name: None if words is None else tuple(words) for name, words in data["alone"].items()},
        )


def _constants(frame: Frame, schema: Schema, rows: NDArray[np.int64] | None, known: Alone) -> Alone:
    """The values of the schema's constants in these rows, beside those that were known."""
    found: dict[str, tuple[str, ...] | None] = {}
    for column in schema.columns:
        before = known.get(column.name, ())
        if column.kind != "constant" or column.name not in frame.columns or before is None:
            continue
        cells = frame[column.name] if rows is None else frame[column.name][rows]
        counts = level_counts(as_words(tidy(cells.to_frame()).to_series()))
        words = tuple(dict.fromkeys([*before, *counts["level"]]))
        rare = counts.filter(~pl.col("level").is_in(before), pl.col("rows") < FEWEST_ROWS)
        if words:
            found[column.name] = None if rare.height or len(words) > MOST_VALUES else words
    return found
