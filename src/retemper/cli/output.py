"""What the verbs print: one JSON document with --json, else text and tables for a person."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from retemper.core.errors import RetemperError, shown


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    from retemper.core.records import to_json

    write(json.dumps(to_json(document), indent=1, allow_nan=False) + "\n")


def write(text: str) -> None:
    """Write to standard output; a reader that has closed the pipe (``… | head``) ends the command quietly."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def print_error(error: RetemperError, as_json: bool) -> int:
    """An error in the form that the caller asked for; returns its exit code."""
    if as_json:
        print_json(error.as_json())
    else:
        text = f"error: {error.message}\nwhere: {error.where_text()}\ntry: {error.hint}\n"
        sys.stderr.write(text)
    return error.exit_code


_NUMBER = (*"-0123456789", "")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: columns of numbers stand to the right, columns of text to the left."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120  # a file has no width of its own, and 80 cuts the intervals
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
        numbers = all(cell[:1] in _NUMBER for cell in cells)
        table.add_column(Text(column), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    with console.capture() as captured:
        console.print(table)
    write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def score_text(score: Mapping[str, Any]) -> str:
    """A metric with its interval: ``0.2851 [0.2790, 0.2913]``."""
    value = number(score["value"])
    if score.get("low") is None or score.get("high") is None:
        return value
    return f"{value} [{number(score['low'])}, {number(score['high'])}]"


def number(value: float) -> str:
    """Four digits that tell something: ``0.2851``, ``1532``, ``12.35``; powers of ten where nobody counts digits.

    >>> number(0.28512), number(1532.4), number(12.3456), number(-4.7594e24)
    ('0.2851', '1532', '12.35', '-4.759e+24')
    """
    size = abs(value)
    if size < 1:
        return f"{value:.4f}"
    return f"{value:.0f}" if 1000 <= size < 1e9 else f"{value:.4g}"
