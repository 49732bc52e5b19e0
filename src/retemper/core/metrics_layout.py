"""The layouts in which people keep metrics, brought to one: rows with a column for each metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from retemper.core.errors import InputError

Row = Mapping[str, Any]
LISTS = ("log_history", "history", "metrics", "logs", "rows")
"""Where a JSON document keeps its rows or columns: Hugging Face's trainer_state.json, Keras's history, and others."""
HINT = "Give CSV with a header or JSON lines with columns such as epoch, train_loss, val_loss."
NAMED, VALUE = ("metric", "key", "name", "tag"), "value"
"""Columns of one metric a row, as MLflow and TensorBoard's readers have it."""
RUN_MARK = " - "
"""Weights & Biases' exports call a column "run - metric", and its range over a point "run - metric__MIN"."""
BOUNDS = ("__MIN", "__MAX")


def rows_of(document: Any, source: str) -> list[Row]:
    """Rows from a list of rows, a mapping of columns, or a document that holds either.

    Args:
        document: as JSON or a training library gives it.
        source: for messages.

    Raises:
        InputError: ``bad_metrics``: it is none of these.

    >>> rows_of({"log_history": [{"loss": 0.7}, {"eval_loss": 0.6}]}, "trainer_state.json")
    [{'loss': 0.7}, {'eval_loss': 0.6}]
    >>> rows_of({"train": {"loss": [0.7, 0.5]}, "val": {"loss": [0.6]}}, "metrics.json")  # validated every other epoch
    [{'train/loss': 0.7}, {'train/loss': 0.5, 'val/loss': 0.6}]
    """
    if isinstance(document, Mapping):
        return _of_mapping(document, source)
    if isinstance(document, Sequence) and not isinstance(document, str):
        wrong = next((n for n, row in enumerate(document, 1) if not isinstance(row, Mapping)), None)
        if wrong is None:
            return plain_rows(document)
        place = {"file": source, "row": wrong}
        raise InputError("bad_metrics", "The row is not an object of names and numbers.", place, HINT)
    message = f"Metrics must be rows or columns, but got {type(document).__name__}."
    raise InputError("bad_metrics", message, {"file": source}, HINT)


def plain_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows without nesting, one column a metric.

    >>> plain_rows([{"epoch": 1, "val": {"loss": 0.5}}])
    [{'epoch': 1, 'val/loss': 0.5}]
    >>> plain_rows([{"key": "loss", "value": 0.5, "step": 9}])
    [{'loss': 0.5, 'step': 9}]
    >>> plain_rows([{"Step": 1, "big - val/loss": 0.5, "big - val/loss__MAX": 0.5, "small - val/loss": 0.6}])
    [{'Step': 1, 'val/loss': 0.5, 'run': 'big'}, {'Step': 1, 'val/loss': 0.6, 'run': 'small'}]
    """
    return [told for row in rows for told in _by_run(_by_metric(_flat(row)))]


def _of_mapping(document: Mapping[str, Any], source: str) -> list[Row]:
    inner = next((document[name] for name in LISTS if isinstance(document.get(name), (list, dict))), None)
    if inner is not None:
        return rows_of(inner, source)
    if document and all(_is_number(name) and isinstance(row, Mapping) for name, row in document.items()):
        return plain_rows({"epoch": name, **row} for name, row in document.items())
    flat = _flat({name: _listed(values) for name, values in document.items()})
    columns = {name: list(values) for name, values in flat.items() if _is_column(values)}
    return plain_rows(_side_by_side(columns) if columns else [flat])


def _is_number(name: str) -> bool:
    return str(name).strip().lstrip("-").isdigit()


def _listed(values: Any) -> Any:
    """Columns as pandas' ``to_json`` has them, keyed by the row, as lists; what is nested deeper likewise."""
    if not isinstance(values, Mapping) or not values:
        return values
    if all(_is_number(name) and not isinstance(cell, (Mapping, list)) for name, cell in values.items()):
        return list(values.values())
    return {name: _listed(inner) for name, inner in values.items()}


def _is_column(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str)


def _flat(row: Row, before: str = "") -> dict[str, Any]:
    """Nested mappings as one, names joined by a slash."""
    flat: dict[str, Any] = {}
    for name, cell in row.items():
        flat |= _flat(cell, f"{before}{name}/") if isinstance(cell, Mapping) else {f"{before}{name}": cell}
    return flat


def _side_by_side(columns: Mapping[str, Sequence[Any]]) -> list[Row]:
    """Rows from columns; a shorter one (validated every few epochs, trained batch by batch) is spread evenly."""
    length = max(len(values) for values in columns.values())
    rows: list[dict[str, Any]] = [{} for _ in range(length)]
    for name, values in columns.items():
        for at, cell in enumerate(values, 1):
            rows[-(-at * length // len(values)) - 1][name] = cell
    return list(rows)


def _by_metric(row: Row) -> Row:
    """A row that names its metric in one cell and tells its value in another."""
    lower = {str(name).strip().lower(): name for name in row}
    named = next((lower[name] for name in NAMED if name in lower), None)
    if named is None or VALUE not in lower:
        return row
    rest = {name: cell for name, cell in row.items() if name not in (named, lower[VALUE])}
    return {str(row[named]): row[lower[VALUE]], **rest}


def _by_run(row: Row) -> list[Row]:
    """A row for each run that the columns' names tell."""
    marked = [name for name in row if RUN_MARK in str(name)]
    if not marked:
        return [row]
    shared = {name: cell for name, cell in row.items() if name not in marked}
    own = [name for name in marked if not name.endswith(BOUNDS)]
    return [
        {**shared, **{name.rpartition(RUN_MARK)[2]: row[name] for name in names}, "run": run}
        for run, names in groupby(sorted(own), lambda name: name.rpartition(RUN_MARK)[0])
    ]
