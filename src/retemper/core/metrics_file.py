"""Anyone's metrics file as rows: CSV, JSON lines, and the JSON that training libraries write."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError

Row = Mapping[str, Any]
SEPARATORS = (",", ";", "\t")
LISTS = ("log_history", "history", "metrics", "logs", "rows")
"""Where a JSON document keeps its rows or columns: Hugging Face's trainer_state.json, Keras's history, and others."""
HINT = "Give CSV with a header or JSON lines with columns such as epoch, train_loss, val_loss."


def read_rows(path: Path) -> list[Row]:
    """The rows of a metrics file; cells are text or what JSON holds.

    By its content, not its ending: CSV (comma, semicolon or tab), JSON lines, a JSON list of rows, a JSON document with
    ``log_history`` (Hugging Face's ``trainer_state.json``) or columns (Keras's ``History.history``); also gzipped.
    A last line that was cut off, as by a killed training, is left out.

    Args:
        path: of the file.

    Returns:
        One mapping a row, at least one.

    Raises:
        InputError: ``no_such_file``, ``cannot_read``, ``empty_file`` or ``bad_metrics``, with the file and the row.
    """
    text = _text(path)
    if not text.strip():
        raise InputError("empty_file", "The metrics file is empty.", {"file": str(path)}, HINT)
    rows = _from_json(text, path) if text.lstrip()[0] in "[{" else _from_csv(text, path)
    if not rows:
        raise InputError("empty_file", "The metrics file has no rows.", {"file": str(path)}, HINT)
    return rows


def _text(path: Path) -> str:
    if path.is_dir() or not path.exists():
        what = "a folder, and no run" if path.is_dir() else "not there"
        raise InputError(
            "no_such_file",
            f"The metrics file is {what}.",
            {"file": str(path)},
            "Name a RUN folder or a metrics file (CSV or JSON lines).",
        )
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        return raw.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        message = f"The metrics file can't be read as text: {error}."
        raise InputError("cannot_read", message, {"file": str(path)}, HINT) from None


def _from_csv(text: str, path: Path) -> list[Row]:
    lines = text.splitlines()
    separator = max(SEPARATORS, key=lines[0].count)
    reader = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    header = [name.strip() for name in reader[0]]
    rows: list[Row] = []
    body = [
        cells for cells in reader[1:] if cells and cells != reader[0]
    ]  # loggers that append repeat the header
    for number, cells in enumerate(body, 1):
        if len(cells) == len(header):
            rows.append(dict(zip(header, cells, strict=True)))
        elif number < len(body) or len(cells) > len(header):
            message = f"The row has {len(cells)} cells, but the header has {len(header)}."
            raise InputError("bad_metrics", message, {"file": str(path), "row": number}, HINT)
    return rows


def _from_json(text: str, path: Path) -> list[Row]:
    try:
        return rows_of(json.loads(text), str(path))
    except json.JSONDecodeError as whole:
        first = text.lstrip().splitlines()[0]
        try:
            json.loads(first)
        except json.JSONDecodeError:
            place = {"file": str(path), "line": whole.lineno}
            raise InputError("bad_metrics", f"The file is not JSON: {whole.msg}.", place, HINT) from None
    return _lines(text, path)


def _lines(text: str, path: Path) -> list[Row]:
    lines = [line for line in text.splitlines() if line.strip()]
    rows: list[Row] = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            place = {"file": str(path), "row": number}
            raise InputError("bad_metrics", f"The row is not JSON: {error.msg}.", place, HINT) from None
        if not isinstance(row, dict):
            message = f"The row is a {type(row).__name__}, not an object of names and numbers."
            raise InputError("bad_metrics", message, {"file": str(path), "row": number}, HINT)
        rows.append(row)
    return rows


def rows_of(document: Any, source: str) -> list[Row]:
    """Rows from a list of rows, a mapping of columns, or a document that holds either.

    Args:
        document: as JSON or a training library gives it.
        source: for messages.

    Raises:
        InputError: ``bad_metrics``: it is neither, or its columns have different lengths.

    >>> rows_of({"log_history": [{"loss": 0.7}, {"eval_loss": 0.6}]}, "trainer_state.json")
    [{'loss': 0.7}, {'eval_loss': 0.6}]
    >>> rows_of({"loss": [0.7, 0.5], "val_loss": [0.8, 0.6]}, "history")[1]
    {'loss': 0.5, 'val_loss': 0.6}
    """
    if isinstance(document, Mapping):
        inner = next((document[name] for name in LISTS if isinstance(document.get(name), (list, dict))), None)
        if inner is not None:
            return rows_of(inner, source)
        if not any(_is_column(values) for values in document.values()):
            return [document]
        return _from_columns({name: list(v) for name, v in document.items() if _is_column(v)}, source)
    if isinstance(document, Sequence) and not isinstance(document, str):
        wrong = next((n for n, row in enumerate(document, 1) if not isinstance(row, Mapping)), None)
        if wrong is None:
            return list(document)
        place = {"file": source, "row": wrong}
        raise InputError("bad_metrics", "The row is not an object of names and numbers.", place, HINT)
    message = f"Metrics must be rows or columns, but got {type(document).__name__}."
    raise InputError("bad_metrics", message, {"file": source}, HINT)


def _is_column(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str)


def _from_columns(columns: dict[str, list[Any]], source: str) -> list[Row]:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        message = f"The columns have different lengths: {told}."
        raise InputError("bad_metrics", message, {"file": source}, HINT)
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
