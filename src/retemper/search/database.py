"""What a study's storage needs of a database that has Optuna's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Statements(Protocol):
    """SQL within one transaction; values stand in it as ``:name``."""

    def read(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows that a statement finds."""

    def write(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry a statement out for the values of each row."""


class Database(Protocol):
    """Where studies are; see ``study_file`` and ``study_server``."""

    def study(self, name: str) -> int:
        """The id of the study by that name, which is made where there is none."""

    def transaction(self) -> AbstractContextManager[Statements]:
        """All statements within it, or none."""

    def close(self) -> None:
        """Let go of the database."""
