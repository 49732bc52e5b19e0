"""The schema: what each column is, which one is the target, and what the rest are for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from retemper.core.errors import InputError, nearest
from retemper.core.recipe_sections import ColumnKind, DataOptions
from retemper.core.records import Task, to_json
from retemper.core.threads import threaded
from retemper.data.kinds import check_kind, count_distinct, demanded_numbers, infer_kind
from retemper.data.read import Table, missing_target
from retemper.data.roles import check_target, check_weight, class_labels, infer_task
from retemper.data.written_numbers import Style, style_of_all

MIN_ROWS = 10
UNUSED: tuple[ColumnKind, ...] = ("identifier", "constant")


@dataclass(frozen=True)
class Column:
    """A column's kind, its missing cells, its distinct values (missing not counted), and why it is that kind.

    ``written``: how its numbers are written where they are read from text, such as ``$1,200``.
    """

    name: str
    kind: ColumnKind
    missing: int
    distinct: int
    why: str
    written: Style | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Column:
        """The column that was written as plain data."""
        return cls(**{**data, "written": data["written"] and Style(**data["written"])})


@dataclass(frozen=True)
class Schema:
    """What the columns of a table mean.

    ``columns`` are the features in the table's order, without target, weight and group; ``classes`` are the
    target's labels as text, in the order of the network's outputs (empty for regression); ``dropped`` are the
    columns that the recipe leaves out.
    """

    columns: tuple[Column, ...]
    target: Column | None = None
    task: Task | None = None
    classes: tuple[str, ...] = ()
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    dropped: tuple[str, ...] = ()

    def features(self) -> tuple[Column, ...]:
        """The columns that the network sees: all but identifiers and constants."""
        return tuple(column for column in self.columns if column.kind not in UNUSED)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back."""
        data: dict[str, Any] = to_json(self)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Schema:
        """The schema that :meth:`to_json` wrote.

        >>> schema = Schema((Column("a", "number", 0, 3, "numbers"),))
        >>> Schema.from_json(schema.to_json()) == schema
        True
        """
        target = Column.from_json(data["target"]) if data["target"] else None
        columns = tuple(map(Column.from_json, data["columns"]))
        tuples = {name: tuple(data[name]) for name in ("classes", "dropped")}
        return cls(**{**data, **tuples, "columns": columns, "target": target})


def infer(table: Table, options: DataOptions, least_rows: int = MIN_ROWS) -> Schema:
    """Infer the schema of a table; what the options say comes first.

    The group's and the weight's columns are no features; the time's column is one. Without a target in the options
    the source's own is taken (``y`` of an archive); without either, the schema has no target and no task.

    Columns of text whose every cell is a number (``$1,200``, ``12 %``) are numbers, unless cleaning is off, and so is a
    regression's target; the frame is still to be read so, by :func:`retemper.data.rewritten.rewritten`.

    Args:
        table: all rows, the test's too.
        options: target, task, roles, kinds by hand, columns to drop; ``clean`` false keeps identifiers as features.
        least_rows: fewer rows are refused.

    Returns:
        The schema.

    Raises:
        InputError: a name is no column (with the nearest right spelling), a column has two roles, the table has
            too few rows, the target can't be learnt, a weight or a number is out of range, or nothing is
            left to learn from.

    >>> from retemper.data.read import read
    >>> table = read({"size": [1.5 * i for i in range(30)], "y": ["a", "b"] * 15})
    >>> schema = infer(table, DataOptions(target="y"))
    >>> schema.task, schema.classes, schema.columns[0].kind
    ('classification', ('a', 'b'), 'number')
    """
    target = table.target if options.target is None else options.target
    _check_names(table, options, target)
    frame = table.frame
    if frame.height < least_rows:
        raise InputError(
            "too_few_rows",
            f"The table has {frame.height} row{'s' * (frame.height != 1)}, but at least {least_rows} are needed.",
            {"file": table.source},
            "Give more rows; a few hundred make a useful network.",
        )
    if options.weight is not None:
        check_weight(frame[options.weight], table.source)
    aside = {target, options.weight, options.group, *options.drop}
    features = [name for name in frame.columns if name not in aside]
    columns = tuple(threaded(lambda name: _column(table, name, options), features))
    dropped = tuple(name for name in frame.columns if name in options.drop)
    roles = {"weight": options.weight, "group": options.group, "time": options.time, "dropped": dropped}
    if target is None:
        return Schema(columns, **roles)  # type: ignore[arg-type]
    labelled = _with_target(table, columns, frame[target], options)
    return Schema(columns, *labelled, **roles)  # type: ignore[arg-type]


def _with_target(
    table: Table, columns: tuple[Column, ...], target: pl.Series, options: DataOptions
) -> tuple[Column, Task, tuple[str, ...]]:
    distinct = count_distinct(target)
    task, why = infer_task(target.drop_nulls(), distinct)
    style = _style_of_target(target, options)
    if style is not None:
        target = style.read(target)
        task, why = "regression", f"numbers written as text with {distinct} distinct values{style.said()}"
    if options.task != "auto":
        task, why = options.task, f"the recipe says {options.task}"
    check_target(target, task, table.source)
    if all(column.kind in UNUSED for column in columns):
        left_out = ", ".join(f"{column.name} ({column.kind})" for column in columns[:10]) or "none"
        raise InputError(
            "no_features",
            f"No column is left to learn from; beside the target there are: {left_out}.",
            {"file": table.source},
            "Give columns that describe the rows, or set data.kinds by hand.",
        )
    if task == "regression":
        return Column(target.name, "number", 0, distinct, why, style), task, ()
    kind: ColumnKind = "boolean" if target.dtype == pl.Boolean else "category"
    return Column(target.name, kind, 0, distinct, why), task, tuple(map(str, class_labels(target)))


def _style_of_target(target: pl.Series, options: DataOptions) -> Style | None:
    """How the target's numbers are written, where they are a regression's; a few round numbers stay classes."""
    style = style_of_all(target) if options.clean and options.task != "classification" else None
    if style is None or options.task == "regression":
        return style
    numbers = style.read(target).drop_nulls()
    return style if infer_task(numbers, count_distinct(numbers))[0] == "regression" else None


def _column(table: Table, name: str, options: DataOptions) -> Column:
    cells = table.frame[name]
    missing = cells.null_count()
    different = cells.unique() if cells.dtype == pl.String else None
    distinct = count_distinct(cells) if different is None else len(different) - (missing > 0)
    by_hand = options.kinds.get(name)
    style = None
    if options.clean and by_hand in (None, "number") and name != options.time:
        style = style_of_all(cells, different)
    if style is not None:
        cells = style.read(cells)
        distinct = count_distinct(cells)
    if by_hand is not None:
        check_kind(cells, by_hand, table.source)
        return Column(name, by_hand, missing, distinct, "set by hand", style)
    kind, why = infer_kind(cells, distinct, identifiers=options.clean, different=different)
    if kind == "number":
        demanded_numbers(cells, table.source)
    if style is not None:
        why = f"{why}, written as text{style.said()}"
    return Column(name, kind, missing, distinct, why, style)


def _named(options: DataOptions) -> Iterator[tuple[str, str]]:
    for role in ("weight", "group", "time"):
        name = getattr(options, role)
        if name is not None:
            yield f"data.{role}", name
    yield from (("data.kinds", name) for name in options.kinds)
    yield from (("data.drop", name) for name in options.drop)


def _check_names(table: Table, options: DataOptions, target: str | None) -> None:
    known = table.frame.columns
    if target is not None and target not in known:
        raise missing_target(target, known, table.source)
    for option, name in _named(options):
        if name not in known:
            raise InputError(
                "unknown_column",
                f"{option} names {name!r}, which is no column; {nearest(name, known)}",
                {"file": table.source, "option": option, "column": name},
                "Name a column of the table.",
            )
    roles = [(role, getattr(options, role)) for role in ("weight", "group", "time")]
    taken = {target: "target"} | dict.fromkeys(options.drop, "drop")
    for role, name in roles:
        if name is None:
            continue
        if name in taken:
            raise InputError(
                "two_roles",
                f"Column {name!r} is named both as {taken[name]} and as {role}.",
                {"file": table.source, "column": name},
                "Give each role a column of its own.",
            )
        taken[name] = role
    for name in options.kinds:
        if taken.get(name) in ("target", "weight", "group"):
            raise InputError(
                "two_roles",
                f"data.kinds names {name!r}, which is the {taken[name]}: kinds are for the columns to learn from.",
                {"file": table.source, "option": "data.kinds", "column": name},
                "Take it out of data.kinds; data.task says what the target is.",
            )
    if target in options.drop:
        raise InputError(
            "two_roles",
            f"The target {target!r} is also to be dropped.",
            {"file": table.source, "column": target},
            "Take it out of data.drop.",
        )
