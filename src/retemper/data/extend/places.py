"""Where the prepared rows of a larger preparer continue those of the one that it came from."""

from __future__ import annotations

from collections.abc import Hashable

from retemper.core.growth_records import Sources
from retemper.data.categories import FIRST_LEVEL, UNKNOWN
from retemper.data.fitted_columns import FittedColumns
from retemper.data.text import LENGTHS

Key = tuple[Hashable, ...]
Keys = list[Key]
NEW = -1


def sources_of(old: FittedColumns, new: FittedColumns) -> Sources:
    """For every place of what ``new`` makes of a row, the place of the same thing in what ``old`` makes of it.

    A level that ``old`` did not know continues its unknown level, where there was one: rows of it counted as that.

    >>> from retemper.core.prepare_options import PrepareOptions
    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.prepare import Preparer
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"a": [1.5 * k for k in range(30)], "b": [k % 7 + 0.5 for k in range(30)]})
    >>> both, one = (Preparer.fit(frame, infer(read(frame), DataOptions()), PrepareOptions())
    ...     for frame in (table.frame, table.frame[["b"]]))
    >>> sources_of(one, both).numbers
    (-1, 0)
    """
    tables = {own.name: own.cardinality for own in old.levels if own.embedded}
    return Sources(
        _found(number_keys(old), number_keys(new)),
        _found(gap_keys(old), gap_keys(new)),
        _found(_level_keys(old), _level_keys(new)),
        _found(_word_keys(old), _word_keys(new)),
        tuple(_rows(own.cardinality, tables.get(own.name, 0)) for own in new.levels if own.embedded),
    )


def encoded_sources(old: FittedColumns, new: FittedColumns) -> tuple[int, ...]:
    """The same for the columns of :meth:`retemper.data.prepare.Preparer.encoded`."""
    return _found(_encoded_keys(old), _encoded_keys(new))


def number_keys(fitted: FittedColumns) -> Keys:
    """What tells each scaled number from all others, in a preparer that grew too."""
    parts = [(name, part) for name, dates in fitted.dates for part in dates.names]
    raw: Keys = [*((name, "") for name in fitted.numbers), *parts]
    raw += [(text.name, length) for text in fitted.texts for length in LENGTHS]
    spoken: Keys = [(text.name, name) for text in fitted.texts for name in text.spoken_names]
    derived = fitted.n_numbers - len(raw) - len(spoken)
    return [*raw, *(("derived", str(k)) for k in range(derived)), *spoken]


def gap_keys(fitted: FittedColumns) -> Keys:
    """The keys of the numbers that say whether they were missing, in the order of their indicators."""
    keys = number_keys(fitted)
    return [keys[k] for k in fitted.code.gaps]


def _level_keys(fitted: FittedColumns) -> Keys:
    """Codes of known levels never change, so that a code tells them apart."""
    return [(own.name, code) for own in fitted.levels if not own.embedded for code in own.seen]


def _word_keys(fitted: FittedColumns) -> Keys:
    return [(text.name, word) for text in fitted.texts for word in text.words]


def _encoded_keys(fitted: FittedColumns) -> Keys:
    numbers = number_keys(fitted)
    places = [("place", key) for key, bins in zip(numbers, fitted.bins, strict=True) if bins]
    gaps = [("gap", key) for key in gap_keys(fitted)]
    words = [("word", key) for key in _word_keys(fitted)]
    return [*(("number", key) for key in numbers), *places, *gaps, *_level_keys(fitted), *words]


def _found(old: Keys, new: Keys) -> tuple[int, ...]:
    places = {key: place for place, key in enumerate(old)}
    return tuple(places.get(key, places.get(_instead(key), NEW)) for key in new)


def _instead(key: Key) -> Key:
    """For a level, the key of its column's unknown levels."""
    match key:
        case (str() as column, int() as code) if code >= FIRST_LEVEL:
            return column, UNKNOWN
        case _:
            return ()


def _rows(levels: int, known: int) -> tuple[int, ...]:
    """Rows of a table: the known levels' own, the row of the unknown level for others; −1 where there was no table."""
    return tuple(k if k < known else UNKNOWN if known else NEW for k in range(levels))
