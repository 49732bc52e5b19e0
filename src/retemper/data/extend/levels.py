"""Levels that a category did not have, behind those that it had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from retemper.data.categories import UNKNOWN, Levels, word_counts
from retemper.data.prepare import Preparer
from retemper.data.scaling import Floats


def with_new_levels(preparer: Preparer, frame: pl.DataFrame, least_rows: int) -> Preparer:
    """The preparer with the levels that it has not learnt; the codes of those that it has stay.

    What was one-hot stays so, and what is embedded stays embedded, however many levels there are now. The target's mean
    in a new level is the one that unknown levels have.

    Args:
        preparer: of a model.
        frame: rows, with the columns that the preparer needs.
        least_rows: a level with fewer of them stays unknown (but not of a boolean column).

    >>> from retemper.core.prepare_options import PrepareOptions
    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"city": ["Rome", "Oslo"] * 20})
    >>> preparer = Preparer.fit(table.frame, infer(table, DataOptions()), PrepareOptions())
    >>> with_new_levels(preparer, pl.DataFrame({"city": ["Bonn", "Rome", "Bonn"]}), 2).levels[0].words
    ('Oslo', 'Rome', 'Bonn')
    """
    cells = preparer.raw_cells(frame)
    levels = tuple(_wider(own, cells[own.name], least_rows) for own in preparer.levels)
    derived = preparer.derived
    means = tuple(
        replace(own, means=_with_rows(own.means, levels[own.category].cardinality)) for own in derived.means
    )
    return replace(preparer, levels=levels, derived=replace(derived, means=means))


def new_levels(old: Preparer, new: Preparer) -> dict[str, tuple[str, ...]]:
    """By column, the levels that the old preparer did not know."""
    pairs = zip(old.levels, new.levels, strict=False)  # columns that are new stand behind the old ones
    found = {own.name: wider.words[len(own.words) :] for own, wider in pairs}
    return {name: words for name, words in found.items() if words}


def _wider(levels: Levels, column: pl.Series, least_rows: int) -> Levels:
    counts = word_counts(column, levels.boolean)
    enough = counts if levels.boolean else counts.filter(pl.col("rows") >= least_rows)
    known = set(levels.words)
    words = [word for word in enough["level"].sort() if word not in known]
    codes = range(levels.cardinality, levels.cardinality + len(words))
    return replace(levels, words=(*levels.words, *words), seen=(*levels.seen, *codes))


def _with_rows(means: Floats, levels: int) -> Floats:
    unknown = means[[UNKNOWN]].repeat(levels - len(means), axis=0)
    return np.concatenate([means, unknown])
