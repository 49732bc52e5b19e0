"""Blocks of CSV text to typed frames: as if the types were inferred from all rows at once, but in one pass.

The first block's types are found from its text, and the next blocks are read straight into them, which is as fast
as reading text. A block that does not fit is read as text again; where it takes a column's type away (a word among
numbers), the blocks before have to be read once more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
import polars.selectors as cs

from retemper.core.errors import InputError
from retemper.data.cells import LEADING_ZERO, chosen, tidy, typed
from retemper.data.columns import types_of, wider
from retemper.data.csv_file import Block, cells_of, without_blank_lines

LONG_NUMBER = 10**18
"""Numbers this large may have been written with more digits than Float64 holds."""
BEFORE_A_CELL = 45
"""Line ends, blanks, quotes, commas and signs are bytes up to 45; digits, letters and the point are above."""
WINDOW_BYTES = 1 << 17
STEPS_BACK = 8


@dataclass(frozen=True)
class Guess:
    """The types that a block is read into, and the names of those columns that are read as text for now."""

    types: tuple[pl.DataType, ...]
    text: frozenset[str]


@dataclass(frozen=True)
class Attempt:
    """A block read into guessed types: its frame, or None where a cell does not fit or says more than its number."""

    guess: Guess
    frame: pl.DataFrame | None
    long: frozenset[str] = frozenset()


@dataclass
class Typing:
    """What is known of the columns' types so far, over blocks and parts.

    Args:
        decimal_comma: ``3,14`` is a number.
        words: columns that stay text whatever they hold.
        known: type of each column that has had a cell.
        doubtful: columns of numbers that have to be read as text (``NA`` among them, ``3,14``, 19 digits).
        again: columns of words that were read as numbers in an earlier block.
    """

    decimal_comma: bool
    words: frozenset[str] = frozenset()
    known: dict[str, pl.DataType] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    _long: set[str] = field(default_factory=set)

    def ahead(self, block: Block) -> Attempt | None:
        """The block read into the types known so far; it may be called in any thread, for blocks whose turn is yet to
        come. What is found wrong is left to be told when it is the block's turn.
        """
        guess = self._guess(block)
        try:
            return None if guess is None else _attempt(block, guess)
        except InputError:
            return None

    def frame(self, block: Block, tried: Attempt | None = None) -> pl.DataFrame:
        """The block's rows in tidy columns; the record learns from them.

        Args:
            block: the next one.
            tried: of :meth:`ahead`; it counts if nothing has been learnt since.

        Raises:
            InputError: the block is not valid CSV.
        """
        frame = self._straight(block, tried)
        if frame is None:
            frame = self._from_text(block)
        for name, dtype in types_of(frame).items():
            before = self.known.get(name, dtype)
            self.known[name] = wider(before, dtype)
            if (dtype == pl.String) != (before == pl.String):
                self.again.add(name)
        self._long |= _long_numbers(frame.select(cs.integer()))
        self.again |= {name for name in self._long if self.known[name] == pl.Float64}
        return frame

    def _guess(self, block: Block) -> Guess | None:
        if not self.known:
            return None
        text = frozenset(name for name in block.names if name in self.doubtful or name not in self.known)
        types = (pl.String() if name in text else self.known[name] for name in block.names)
        return Guess(tuple(types), text)

    def _straight(self, block: Block, tried: Attempt | None) -> pl.DataFrame | None:
        """The block read into the known types; None where it does not fit."""
        guess = self._guess(block)
        if guess is None:
            return None
        if tried is None or tried.guess != guess:
            tried = _attempt(block, guess)
        self.doubtful |= tried.long
        return None if tried.frame is None else self._typed(tried.frame, guess.text)

    def _from_text(self, block: Block) -> pl.DataFrame:
        cells = cells_of(block)
        numbers = chosen(cells, [name for name, dtype in self.known.items() if dtype != pl.String])
        read = numbers.select(pl.all().cast(pl.Float64, strict=False))
        gaps = zip(numbers.columns, numbers.null_count().row(0), read.null_count().row(0), strict=True)
        self.doubtful |= {name for name, before, after in gaps if after > before}
        return self._typed(tidy(cells), frozenset(block.names))

    def _typed(self, frame: pl.DataFrame, names: frozenset[str]) -> pl.DataFrame:
        free = [n for n in frame.columns if n in names - self.words and self.known.get(n) != pl.String]
        return frame.with_columns(typed(chosen(frame, free), self.decimal_comma)) if free else frame


def _attempt(block: Block, guess: Guess) -> Attempt:
    schema = dict(zip(block.places, guess.types, strict=True))
    try:
        frame = pl.read_csv(block.data, separator=block.delimiter, schema=schema)
    except pl.exceptions.PolarsError:
        return Attempt(guess, None)
    frame = without_blank_lines(frame, block)
    frame = tidy(frame.rename(dict(zip(block.places, block.names, strict=True))))
    long = frozenset(_long_numbers(frame))
    fits = not long and not _zeros_lead_numbers(block, frame)
    return Attempt(guess, frame if fits else None, long)


def _long_numbers(frame: pl.DataFrame) -> set[str]:
    numbers = frame.select(cs.numeric())
    if not numbers.width or not numbers.height:
        return set()
    ends = zip(
        numbers.columns,
        numbers.select(pl.all().min()).row(0),
        numbers.select(pl.all().max()).row(0),
        strict=True,
    )
    return {name for name, low, high in ends if low is not None and max(-low, high) >= LONG_NUMBER}


def _zeros_lead_numbers(block: Block, frame: pl.DataFrame) -> bool:
    """Whether more cells of the text begin like ``007`` than the frame has in its columns of words."""
    found = _leading_zeros(block.data, ord(block.delimiter))
    if not found:
        return False
    words = frame.select(cs.string().str.contains(LEADING_ZERO).sum())
    return found > int(sum(words.row(0) if words.width else ()))


def _leading_zeros(data: bytes, delimiter: int) -> int:
    """How many cells begin with a zero and another digit, blanks, quotes and a sign aside."""
    text = np.frombuffer(data, dtype=np.uint8)
    edges, skipped = np.zeros(256, dtype=bool), np.zeros(256, dtype=bool)
    edges[[delimiter, *b"\r\n"]] = True
    skipped[[*b' +-"', *([] if delimiter == 9 else b"\t")]] = True
    count = 0
    # Windows that fit the processor's cache: each comparison would else go through the memory.
    for start in range(0, len(text) - 2, WINDOW_BYTES):
        part = text[start : start + WINDOW_BYTES + 2]
        here = part[1:-1] == 48
        here &= part[2:] - np.uint8(48) < 10
        here &= (part[:-2] <= BEFORE_A_CELL) | (part[:-2] == delimiter)
        places = np.flatnonzero(here) + start
        for _ in range(STEPS_BACK):
            places = places - skipped[text[places]]
        count += int((edges | skipped)[text[places]].sum())
    return count
