"""Anyone's metrics file as rows: CSV, JSON lines, and the JSON that training libraries write."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

from retemper.core.errors import InputError
from retemper.core.metrics_layout import HINT, Row, plain_rows, rows_of

SEPARATORS = (",", ";", "\t")
COMMENT = "#"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Its byte order marks: what a shell's redirection writes on Windows."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a metrics file; cells are text or what JSON holds.

    By its content, not its ending: CSV (comma, semicolon, tab or spaces; comments before the header), JSON lines, a
    JSON list of rows, a JSON document with ``log_history`` (Hugging Face's ``trainer_state.json``) or columns
    (Keras's ``History.history``), and the other layouts of :mod:`retemper.core.metrics_layout`; also gzipped.
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
        return raw.decode("utf-16" if raw[:2] in UTF_16 else "utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        message = f"The metrics file can't be read as text: {error}."
        raise InputError("cannot_read", message, {"file": str(path)}, HINT) from None


def _from_csv(text: str, path: Path) -> list[Row]:
    lines = _without_comments(text.splitlines())
    separator = max(SEPARATORS, key=lines[0].count)
    if separator not in lines[0] and len(lines) > 1 and len(lines[0].split()) == len(lines[1].split()) > 1:
        lines, separator = [" ".join(line.split()) for line in lines], " "
    reader = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    header = [name.strip().lstrip(COMMENT).strip() for name in reader[0]]
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
    return plain_rows(rows)


def _without_comments(lines: list[str]) -> list[str]:
    """The lines from the header on: the last of those that start as comments where the rows are as wide as it is."""
    lines = [line for line in lines if line.strip()]
    first = next((at for at, line in enumerate(lines) if not line.startswith(COMMENT)), len(lines))
    if 0 < first < len(lines):
        widths = [
            max(line.count(separator) for separator in SEPARATORS) for line in lines[first - 1 : first + 1]
        ]
        first -= widths[0] == widths[1] > 0
    return lines[first:] or lines[-1:]


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
    return plain_rows(rows)
