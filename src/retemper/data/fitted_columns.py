"""What was learnt about a table's columns, and the names, the order and the widths that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from retemper.data.categories import Levels
from retemper.data.cleaning import NO_SENTINELS, Sentinels
from retemper.data.converted import NO_CONVERSIONS, Conversions
from retemper.data.dates import DateParts
from retemper.data.features.derived import Derived
from retemper.data.numbers import NumberCode
from retemper.data.text import LENGTHS, TextWords
from retemper.data.written_numbers import Style


@dataclass(frozen=True)
class FittedColumns:
    """The state of all columns, and how prepared rows are laid out.

    ``dense`` holds from left to right: scaled numbers, their places among bins, gaps, words of texts.

    ``numbers`` are the raw columns of kind number; ``dates``, ``texts`` and ``levels`` hold the state of the others.
    ``derived`` mends the numbers and adds new ones; ``code`` scales them. ``sentinels`` are the cells that count as
    missing, ``units`` the cells that are divided by a factor, ``written`` how columns of text are written that hold
    numbers. ``joined`` are columns that came after the networks were built, ``gone`` those that came no more: rows
    without them count as missing there.
    """

    numbers: tuple[str, ...]
    dates: tuple[tuple[str, DateParts], ...]
    texts: tuple[TextWords, ...]
    levels: tuple[Levels, ...]
    derived: Derived
    code: NumberCode
    sentinels: Sentinels = NO_SENTINELS
    units: Conversions = NO_CONVERSIONS
    written: dict[str, Style] = field(default_factory=dict)
    joined: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

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
        """Inputs of the network's first layer, bins and levels worked out and embeddings left out."""
        return self.width - self.code.n_places + sum(self.bins) + sum(self.one_hot)

    @property
    def gaps(self) -> int:
        """The columns of ``dense`` after the places that say which numbers were missing."""
        return len(self.code.gaps)

    @property
    def groups(self) -> tuple[int, ...]:
        """Widths of the columns after the gaps that belong together: each text's words."""
        return tuple(len(text.words) for text in self.texts if text.words)

    @property
    def width(self) -> int:
        """D, the columns of ``dense``."""
        return self.code.width + sum(self.groups)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of codes, missing and unknown included, of each column with learned embeddings."""
        return tuple(levels.cardinality for levels in self.levels if levels.embedded)

    @property
    def one_hot(self) -> tuple[int, ...]:
        """How many levels each one-hot column has."""
        return tuple(len(levels.seen) for levels in self.levels if not levels.embedded)

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that are needed."""
        dates = (name for name, _ in self.dates)
        return (*self.numbers, *dates, *(t.name for t in self.texts), *(v.name for v in self.levels))

    @property
    def optional(self) -> tuple[str, ...]:
        """Columns that rows may lack: they count as missing there."""
        return self.joined + self.gone

    @property
    def late(self) -> tuple[int, ...]:
        """Places of what joined late, among the numbers, then the blocks of inputs that belong together (gaps, each
        one-hot column, each text's words), then the columns with learned embeddings.
        """
        parts = [name for name, dates in self.dates for _ in dates.names]
        raw = [*self.numbers, *parts, *(text.name for text in self.texts for _ in LENGTHS)]
        spoken = [text.name for text in self.texts for _ in text.spoken_names]
        derived = self.n_numbers - len(raw) - len(spoken)
        numbers = [*(name in self.joined for name in raw), *[False] * derived]
        numbers += [name in self.joined for name in spoken]
        gaps = [all(numbers[k] for k in self.code.gaps)] if self.code.gaps else []
        words = [text.name in self.joined for text in self.texts if text.words]
        one_hot, tables = (
            [own.name in self.joined for own in self.levels if own.embedded == kind] for kind in (False, True)
        )
        late = [*numbers, *gaps, *one_hot, *words, *tables]
        return tuple(place for place, is_late in enumerate(late) if is_late)

    @property
    def raw_names(self) -> list[str]:
        """Names of the raw numbers: number columns, parts of dates, lengths of texts."""
        parts = [f"{name}:{part}" for name, dates in self.dates for part in dates.names]
        return [
            *self.numbers,
            *parts,
            *(f"{text.name}:{length}" for text in self.texts for length in LENGTHS),
        ]

    @property
    def number_names(self) -> list[str]:
        """Names of the numbers that are scaled: the raw ones, then those derived from them."""
        spoken = [name for text in self.texts for name in text.spoken_names]
        return [*self.raw_names, *self.derived.names(self.raw_names, self.levels), *spoken]

    @property
    def plain_owners(self) -> list[str]:
        """The table's column behind each number, then each level's column, of :meth:`plain`."""
        return [
            *self.numbers,
            *(name for name, dates in self.dates for _ in dates.names),
            *(text.name for text in self.texts for _ in LENGTHS),
            *(text.name for text in self.texts for _ in text.words),
            *(levels.name for levels in self.levels),
        ]

    @cached_property
    def feature_names(self) -> list[str]:
        """Names of the columns of :meth:`encoded`."""
        one_hot = [name for levels in self.levels if not levels.embedded for name in levels.one_hot_names]
        return [
            *self.code.names(self.number_names),
            *one_hot,
            *(n for text in self.texts for n in text.names),
        ]

    @property
    def spoken(self) -> list[int]:
        """Places, among the scaled numbers, of what the words of texts speak for: the last ones."""
        count, stop = sum(len(text.spoken_names) for text in self.texts), len(self.number_names)
        return list(range(stop - count, stop))

    @property
    def told(self) -> list[int]:
        """Places, among the scaled numbers, of those that the target tells: group means, and what words speak for."""
        first = len(self.raw_names) + len(self.derived.built)
        return [*range(first, first + self.derived.n_means), *self.spoken]
