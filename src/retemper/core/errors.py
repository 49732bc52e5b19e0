"""Every error a person can meet, in one form: what is wrong, where, and what to do.

Exit codes: 2 the input or the machine is at fault, 130 interrupted (saved and resumable), 1 our fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any


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
            return ", ".join(f"{key} {value}" for key, value in self.where.items())
        return self.where or "-"

    def as_json(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        return {"error": {"code": self.code, "message": self.message, "where": self.where, "try": self.hint}}


class InputError(RetemperError):
    """The user's data, options or machine are at fault."""

    exit_code = 2


class Interrupted(RetemperError):
    """Stopped by Ctrl-C or SIGTERM; the run is saved and can be resumed."""

    exit_code = 130


def nearest(word: str, known: list[str]) -> str:
    """A clause with the nearest right spelling, or the known words.

    >>> nearest("adamwx", ["adamw", "sgd"])
    'did you mean adamw?'
    >>> nearest("zzz", ["adam", "sgd"])
    'known: adam, sgd'
    """
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else "known: " + ", ".join(sorted(known)[:40])
