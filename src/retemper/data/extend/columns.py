"""Columns that came later, and columns that came no more."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from retemper.core.errors import InputError, nearest
from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.categories import MISSING
from retemper.data.cells import chosen, place
from retemper.data.check_columns import listed
from retemper.data.extend.join import joined
from retemper.data.extend.places import gap_keys
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import Column, Schema, infer

ALONE = {"constructed": [], "components": 0, "select": "none", "text_scores": False}
"""A column that joins is only read: no numbers are derived from it, and the target has no say in what it becomes, since
networks are judged by rows that are among these."""


def new_columns(
    schema: Schema, frame: pl.DataFrame, options: DataOptions, given: Schema | None
) -> tuple[Column, ...]:
    """Columns of the rows that a model does not know, or knew as one and the same value, and that it could learn from.

    Args:
        schema: of the model.
        frame: rows.
        options: the model's, for ``kinds`` and ``clean``.
        given: a schema of rows that have the new columns; None: inferred from the rows in which any of them has a cell.

    Raises:
        InputError: see :func:`retemper.data.schema.infer`.
    """
    known = {column.name for column in schema.columns if column.kind != "constant"}
    roles = (schema.target and schema.target.name, schema.weight, schema.group, *schema.dropped)
    known |= {name for name in roles if isinstance(name, str)}
    names = [name for name in frame.columns if name not in known]
    if given is None:
        given = _inferred(chosen(frame, names), options) if names else Schema(())
    return tuple(column for column in given.features() if column.name in names)


def with_new_columns(
    preparer: Preparer, frame: pl.DataFrame, schema: Schema, options: PrepareOptions
) -> Preparer:
    """The preparer with further columns, which rows may lack.

    Args:
        preparer: of a model.
        frame: rows with these columns, missing where rows are older.
        schema: of these columns alone.
        options: of the model. Bins are as many as if all columns had come together.

    Raises:
        InputError: see :meth:`Preparer.fit`.
    """
    others = max(1, preparer.n_numbers + len(schema.columns))
    bins = max(2, min(options.bins, options.embedding_inputs // others))
    own = options.replaced(**ALONE, bins=bins, scaling=preparer.code.scaler.method)
    return joined(preparer, Preparer.fit(frame, schema, own))


def without_columns(preparer: Preparer, frame: pl.DataFrame, given: Schema | None) -> Preparer:
    """The preparer that takes rows without the columns that new rows no longer have: they count as missing there.

    Args:
        preparer: of a model.
        frame: rows.
        given: a schema of the new rows; a column that it lacks is gone, though older rows may have it.

    Raises:
        InputError: ``column_gone``: a column that is gone had no missing cells in training, so that nothing is known of
            rows without it.
    """
    there = set(frame.columns)
    if given is not None:
        there &= {*(column.name for column in given.columns), *given.dropped}
    gone = tuple(name for name in preparer.columns if name not in there and name not in preparer.optional)
    needed = [name for name in gone if not _takes_missing(preparer, name)]
    if needed:
        columns, them = ("column", "it") if len(needed) == 1 else ("columns", "them")
        names = listed([repr(name) for name in needed])
        others = f"; {nearest(needed[0], sorted(there))}" if there else "."
        raise InputError(
            "column_gone",
            f"The new rows have no {columns} {names}, and the model has never seen {them} missing{others}",
            place("", needed[0]),
            f"Give the {columns} (cells may be empty where training had empty ones), or train again without {them}.",
        )
    return replace(preparer, gone=preparer.gone + gone)


def _takes_missing(preparer: Preparer, name: str) -> bool:
    for levels in preparer.levels:
        if levels.name == name:
            return MISSING in levels.seen
    filled = preparer.derived.imputer is not None
    return filled or any(key[0] == name for key in gap_keys(preparer))


def _inferred(frame: pl.DataFrame, options: DataOptions) -> Schema:
    rows = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    if rows.is_empty():
        return Schema(())
    kinds = {name: kind for name, kind in options.kinds.items() if name in rows.columns}
    return infer(read(rows), DataOptions(kinds=kinds, clean=options.clean), least_rows=1)
