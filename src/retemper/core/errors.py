"""Every error a person can meet, in one form: what is wrong, where, and what to do.

Exit codes: 2 the input or the machine is at fault, 130 interrupted (saved and resumable), 1 our fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Self

LONGEST = 1000  # characters of a message
LONGEST_NAME = 60


class RetemperError(Exception):
    """Base of all errors that retemper raises on purpose.

    Args:
        code: short name in snake case that programs can rely on, for example ``missing_target``.
        message: what is wrong, one sentence of at least ten characters.
        where: the place: ``{"file": …, "column": …, "row": …}`` (rows count from 1, the header not included).
        hint: what to do about it.

    >>> raise_me = InputError("empty_file", "The file has no rows.", {"file": "a.csv"}, "Give a file with rows.")
    >>> raise_me.exit_code, raise_me.as_json()["error"]["try"]
    (2, 'Give a file with rows.')
    """

    exit_code = 1

    def __init__(self, code: str, message: str, where: Mapping[str, Any] | str | None, hint: str) -> None:
        message = shown(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = dict(where) if isinstance(where, Mapping) else where
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message, self.where, self.hint)

    def __str__(self) -> str:
        return (
            f"{self.message} ({self.where_text()}) {self.hint}"
            if self.where
            else f"{self.message} {self.hint}"
        )

    def where_text(self) -> str:
        """The place in one line: ``file a.csv, column age, row 3``."""
        if isinstance(self.where, dict):
            return ", ".join(f"{key} {shown(str(value))}" for key, value in self.where.items())
        return shown(self.where or "-")

    def after(self, rows: int) -> Self:
        """The same error about a part of a table that has so many rows before it.

        >>> error = InputError("not_a_number", "Row 3 is 'x', in row 3.", {"column": "age", "row": 3}, "Mend it.")
        >>> error.after(10).message, error.after(10).where["row"]
        ("Row 13 is 'x', in row 13.", 13)
        """
        row = self.where.get("row") if isinstance(self.where, dict) else None
        if not rows or not isinstance(self.where, dict) or not isinstance(row, int):
            return self
        message = re.sub(rf"\b(row) {row}\b", rf"\g<1> {row + rows}", self.message, flags=re.IGNORECASE)
        return type(self)(self.code, message, {**self.where, "row": row + rows}, self.hint)

    def as_json(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        return {"error": {"code": self.code, "message": self.message, "where": self.where, "try": self.hint}}


class InputError(RetemperError):
    """The user's data, options or machine are at fault."""

    exit_code = 2


class Interrupted(RetemperError):
    """Stopped by Ctrl-C or SIGTERM; the run is saved and can be resumed."""

    exit_code = 130


def shown(text: str) -> str:
    """Text that a person can read on one screen, whatever the data put into it: one line, bounded, nothing hidden.

    >>> shown("a\\x1b[31m\\u202eb"), len(shown("x" * 5000))
    ('a\\\\x1b[31m\\\\u202eb', 1000)
    """
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: 2 * LONGEST])
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def nearest(word: str, known: list[str]) -> str:
    """A clause with the nearest right spelling, or the known words.

    >>> nearest("adamwx", ["adamw", "sgd"])
    'did you mean adamw?'
    >>> nearest("zzz", ["adam", "sgd"])
    'known: adam, sgd'
    """
    close = get_close_matches(word[:LONGEST_NAME], [name[:LONGEST_NAME] for name in known], n=1, cutoff=0.6)
    listed = ", ".join(
        name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…" for name in sorted(known)[:40]
    )
    return f"did you mean {close[0]}?" if close else f"known: {listed}"
