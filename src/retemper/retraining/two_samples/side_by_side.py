"""From two sources of rows to two samples that can be compared, and why some columns can't."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from retemper.bundle.chunks import CHUNK_ROWS
from retemper.bundle.model import Model
from retemper.core.errors import InputError, nearest
from retemper.core.recipe_sections import DataOptions
from retemper.core.records import Task
from retemper.data.cells import chosen, of_rows
from retemper.data.frame import FrameOnDisk
from retemper.data.kinds import count_distinct
from retemper.data.read import Table, append, read
from retemper.data.rewritten import read_for, rewritten
from retemper.data.roles import infer_task
from retemper.data.schema import UNUSED, Column, infer
from retemper.retraining.two_samples.monte_carlo import Floats
from retemper.retraining.two_samples.samples import OUTPUT_NAME, TwoSamples

FEWEST_ROWS = 2
Reasons = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Wanted:
    """How to compare: see :func:`retemper.drift`."""

    alpha: float
    families: int
    seed: int
    model: Model | None = None
    target: str | None = None
    leave_out: tuple[str, ...] = ()


def side_by_side(reference: Any, current: Any, wanted: Wanted) -> tuple[TwoSamples, Reasons]:
    """Both sources as one table of the columns that they share, with the reasons why others are not compared.

    The kinds of the columns are the model's, or else are inferred from both sources together.

    Raises:
        InputError: a source can't be read or has one row, a name is no column, the sources share no column, or a
            column has cells of another kind in one of them.
    """
    model = wanted.model
    tables = [read(data) if model is None else as_learnt(data, model) for data in (reference, current)]
    for side, table in zip(("reference", "current"), tables, strict=True):
        check_rows(side, table)
    target = wanted.target or (model.target if model else None) or tables[0].target
    check_names(wanted, tables)
    shared = [name for name in tables[0].frame.columns if name in tables[1].frame.columns]
    both = append(_only(tables[0], shared), _only(tables[1], shared))
    aside = (*wanted.leave_out, *([target] if target in shared else []))
    columns, both, reasons = _columns(both, model, [name for name in shared if name in aside])
    labels = both.frame[target] if target in shared else None
    outputs, no_outputs = outputs_of(model, both)
    samples = TwoSamples(
        both.frame,
        tables[0].frame.height,
        columns,
        wanted.alpha,
        wanted.families,
        wanted.seed,
        outputs,
        _names(model),
        labels,
        _task(model, labels),
    )
    return samples, (*_not_shared(tables, target, model), *reasons, *no_outputs)


def as_learnt(data: Any, model: Model) -> Table:
    """Rows read for a model, numbers that are written as text among them.

    Raises:
        InputError: they can't be read.
    """
    return rewritten(read_for(data, model.schema), model.schema)


def check_rows(side: str, table: Table) -> None:
    """Refuse a side with fewer than two rows."""
    if table.frame.height < FEWEST_ROWS:
        raise InputError(
            "too_few_rows",
            f"The {side} data have {of_rows(table.frame.height)}, but at least {FEWEST_ROWS} are needed.",
            {"file": table.source},
            "Wait for more rows; a hundred show a moderate drift.",
        )


def check_names(wanted: Wanted, tables: Sequence[Table]) -> None:
    """Refuse names that are no columns, and sources without a column in common."""
    known = list(dict.fromkeys(name for table in tables for name in table.frame.columns))
    named = [("target", wanted.target), *(("leave_out", name) for name in wanted.leave_out)]
    for option, name in named:
        if name is not None and name not in known:
            message = f"{option} names {name!r}, which is no column of either source; {nearest(name, known)}"
            raise InputError("missing_column", message, {"option": option}, "Name a column of the data.")
    if not set.intersection(*(set(table.frame.columns) for table in tables)):
        message = "The two sources have no column in common, so there is nothing to compare."
        raise InputError("different_columns", message, {"file": tables[-1].source}, "Give rows of one table.")


def _only(table: Table, columns: list[str]) -> Table:
    frame: Any = table.frame
    some: Any = frame.only(columns) if isinstance(frame, FrameOnDisk) else chosen(frame, columns)
    return replace(table, frame=some)


def _columns(both: Table, model: Model | None, aside: list[str]) -> tuple[tuple[Column, ...], Table, Reasons]:
    """The columns to compare, the table with their cells as they are to be read, and why others are left out."""
    left = [name for name in both.frame.columns if name not in aside]
    if not left:
        return (), both, ()
    if model is None:
        schema = infer(_only(both, left), DataOptions(), FEWEST_ROWS)
        both = rewritten(both, schema)
    else:
        schema = model.schema
    known = [column for column in schema.columns if column.name in left]
    whys = {column.name: f"{column.kind}: {column.why}" for column in known if column.kind in UNUSED}
    if model is not None:
        whys |= {name: "no column of the model" for name in left if name not in {c.name for c in known}}
    if schema.time in left:
        whys[schema.time] = "the time column, which always moves on"
    columns = [_counted(column, both) for column in known if column.name not in whys]
    return tuple(columns), both, tuple(whys.items())


def _counted(column: Column, both: Table) -> Column:
    return replace(column, missing=both.frame[column.name].null_count())


def _not_shared(tables: Sequence[Table], target: str | None, model: Model | None) -> Reasons:
    """Columns that one side lacks; of a model, its own ones only."""
    own = None if model is None else {column.name for column in model.schema.features()}
    sides = [table.frame.columns for table in tables]
    only = [
        (name, "the current rows do not have it" if name in sides[0] else "the reference does not have it")
        for name in dict.fromkeys([*sides[0], *sides[1]])
        if not (name in sides[0] and name in sides[1])
    ]
    return tuple((name, why) for name, why in only if name != target and (own is None or name in own))


def outputs_of(model: Model | None, both: Table) -> tuple[Floats | None, Reasons]:
    """The model's outputs [N, C] of all rows; without them, None and why."""
    if model is None:
        return None, ()
    frame = both.frame
    lacking = [column.name for column in model.schema.features() if column.name not in frame.columns]
    if lacking:
        return None, (("model", f"it can't predict rows without {', '.join(map(repr, lacking))}"),)
    parts = [model.outputs(rows) for rows in _slices(frame)]
    outputs = np.concatenate(parts)
    return outputs.reshape(len(outputs), -1), ()


def _slices(frame: Any) -> list[pl.DataFrame]:
    return [frame.slice(start, CHUNK_ROWS) for start in range(0, frame.height, CHUNK_ROWS)]


def _names(model: Model | None) -> tuple[str, ...]:
    if model is None or model.task == "regression":
        return ("prediction",)
    return tuple(f"{OUTPUT_NAME}{name}" for name in model.classes)


def _task(model: Model | None, labels: pl.Series | None) -> Task | None:
    if model is not None or labels is None:
        return model.task if model is not None else None
    return infer_task(labels.drop_nulls(), count_distinct(labels))[0]
