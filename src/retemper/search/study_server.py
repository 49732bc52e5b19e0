"""Studies in a PostgreSQL server, whose tables Optuna makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from retemper.core.errors import InputError
from retemper.core.loading import loading
from retemper.search.optuna_tables import COLUMNS


class StudyServer:
    """Optuna studies in a server.

    Args:
        url: ``postgresql://user@host/database``.

    Raises:
        InputError: ``missing_package``, or ``unknown_optuna``: the installed one keeps trials in other tables.
        RuntimeError, sqlalchemy.exc.SQLAlchemyError: it can't be used.
    """

    def __init__(self, url: str) -> None:
        if find_spec("psycopg") is None:
            raise InputError(
                "missing_package",
                "Trials in PostgreSQL need psycopg, which is not installed.",
                {"option": "tune.storage"},
                "Install it: pip install 'retemper[postgres]'.",
            )
        with loading():
            import optuna
            from optuna.storages._rdb import models

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        _check(models.BaseModel.metadata.tables)
        driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
        self._optuna, self._storage = optuna, optuna.storages.RDBStorage(driver)

    def study(self, name: str) -> int:
        """The id of the study by that name, which is made where there is none."""
        self._optuna.create_study(
            study_name=name, storage=self._storage, direction="minimize", load_if_exists=True
        )
        found = self._storage.get_study_id_from_name(name)
        self._storage.remove_session()
        return int(found)

    @contextmanager
    def transaction(self) -> Iterator[_Open]:
        """All statements within it, or none."""
        with self._storage.engine.begin() as connection:
            yield _Open(connection)

    def close(self) -> None:
        """Let go of the server."""
        self._storage.remove_session()
        self._storage.engine.dispose()


class _Open:
    """The server within a transaction."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def read(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows that a statement finds."""
        from sqlalchemy import text

        return [tuple(row) for row in self._connection.execute(text(statement), values)]

    def write(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry a statement out for the values of each row."""
        from sqlalchemy import text

        self._connection.execute(text(statement), list(rows))


def _check(tables: Mapping[str, Any]) -> None:
    for name, columns in COLUMNS.items():
        found = (
            [column.name for column in tables[name].columns if not column.primary_key]
            if name in tables
            else []
        )
        if set(found) != set(columns):
            raise InputError(
                "unknown_optuna",
                f"The installed Optuna keeps trials in another way: its table {name!r} is not as expected.",
                {"package": "optuna"},
                "Install the version that is known to do: pip install 'optuna<6'.",
            )
