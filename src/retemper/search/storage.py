"""Trials in an Optuna study: SQLite in the run's folder, or a PostgreSQL server; any Optuna tool opens it.

Optuna's own ask and tell makes several commits a trial. Here all trials that changed go into the tables of the
installed Optuna in one transaction, so that a reader sees all of it or nothing.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from retemper.core.errors import InputError
from retemper.core.loading import loading
from retemper.core.run_folder import disk_faults, whole
from retemper.search.optuna_tables import Row, Tables
from retemper.search.space import Space

Finished = tuple[Mapping[str, Any], float, dict[str, Any]]
"""Parameters, validation loss, user attributes."""
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
BUSY_S = 30.0
"""So long another program may hold a SQLite file."""


class Storage:
    """One study in a database, open for writing.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user@host/database``.
        study: its name; made where there is none by that name.
        space: the ranges of the parameters.

    Raises:
        InputError: ``missing_package``, ``storage_refused``, ``disk_full``, ``cannot_write`` or ``unknown_optuna``.

    >>> import tempfile
    >>> from retemper.search.space import Interval
    >>> url = f"sqlite:///{tempfile.mkdtemp()}/trials.db"
    >>> with Storage(url, "search", Space({"rate": Interval(0.0, 1.0)})) as storage:
    ...     storage.write([Row(0, {"rate": 0.25}, "complete", 0.5, curve=[0.7, 0.5])])
    >>> import optuna
    >>> optuna.load_study(study_name="search", storage=url).best_params
    {'rate': 0.25}

    Attributes:
        states: number → state of the trials that were there when it was opened.
    """

    def __init__(self, url: str, study: str, space: Space) -> None:
        with loading():
            import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._url, self._tables = url, Tables(space)
        local = {"connect_args": {"factory": _Unflushed, "timeout": BUSY_S}}
        with _faults(url):
            self._storage = optuna.storages.RDBStorage(
                _with_driver(url), engine_kwargs=local if url.startswith("sqlite") else {}
            )
            optuna.create_study(
                study_name=study, storage=self._storage, direction="minimize", load_if_exists=True
            )
            self._study = self._storage.get_study_id_from_name(study)
            self._storage.remove_session()
            self._ids, self.states = self._known()

    def write(self, rows: Sequence[Row]) -> None:
        """Add trials, or replace those with the same numbers; all or none.

        Raises:
            InputError: as on opening.
        """
        from sqlalchemy import bindparam, delete, insert, update

        trials = self._tables.trials
        stamped = {row.number: self._tables.trial_of(row, self._study) for row in rows}
        new = [own for number, own in stamped.items() if number not in self._ids]
        old = [own | {"old": self._ids[number]} for number, own in stamped.items() if number in self._ids]
        with _faults(self._url), self._storage.engine.begin() as connection:
            ids = dict(self._ids)
            if new:
                made = connection.execute(insert(trials).returning(trials.c.number, trials.c.trial_id), new)
                ids |= {row.number: row.trial_id for row in made}
            if old:
                changes: dict[str, Any] = {
                    name: bindparam(name) for name in ("state", "datetime_start", "datetime_complete")
                }
                same = trials.c.trial_id == bindparam("old")
                connection.execute(update(trials).where(same).values(changes), old)
            for table, entries in self._tables.parts_of(rows, ids).items():
                if old:
                    same = table.c.trial_id == bindparam("old")
                    connection.execute(delete(table).where(same), [{"old": own["old"]} for own in old])
                if entries:
                    connection.execute(insert(table), entries)
        self._ids = ids

    def clear(self) -> None:
        """Delete all trials of the study."""
        from sqlalchemy import delete, select

        trials = self._tables.trials
        own = select(trials.c.trial_id).where(trials.c.study_id == self._study)
        with _faults(self._url), self._storage.engine.begin() as connection:
            for table in self._tables.parts:
                connection.execute(delete(table).where(table.c.trial_id.in_(own)))
            connection.execute(delete(trials).where(trials.c.study_id == self._study))
        self._ids = {}

    def close(self) -> None:
        """Let go of the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _known(self) -> tuple[dict[int, int], dict[int, str]]:
        """number → id of the trials that are there, and number → state."""
        from sqlalchemy import select

        trials = self._tables.trials
        own = select(trials.c.number, trials.c.trial_id, trials.c.state).where(
            trials.c.study_id == self._study
        )
        with self._storage.engine.connect() as connection:
            found = connection.execute(own).all()
        return (
            {number: id_ for number, id_, _ in found},
            {number: state.name.lower() for number, _, state in found},
        )


def opened(path: Path, study: str, space: Space) -> Storage:
    """A study in a run's own database; a damaged one is made anew (a run has its trials elsewhere, too).

    Raises:
        InputError: as for :class:`Storage`.
    """
    try:
        return Storage(f"sqlite:///{path}", study, space)
    except InputError as error:
        if error.code != "storage_damaged":
            raise
        for file in (path, _journal(path)):
            file.unlink(missing_ok=True)
        return Storage(f"sqlite:///{path}", study, space)


def write_study(path: Path, name: str, space: Space, trials: Sequence[Finished]) -> None:
    """Write finished trials as a study, whole or not at all; a study of that name is replaced, a damaged file is too.

    Args:
        path: the database.
        name: of the study.
        space: what was searched.
        trials: (parameters, validation loss, user attributes) of each.

    Raises:
        InputError: as for :class:`Storage`.
    """
    rows = [Row(k, values, "complete", loss, (), own) for k, (values, loss, own) in enumerate(trials)]
    for left in path.parent.glob(f".{path.name}.*-journal"):  # of a process that was killed
        left.unlink()
    with disk_faults(path), whole(path) as beside:
        if path.exists():
            shutil.copyfile(path, beside)
        try:
            with opened(beside, name, space) as storage:
                storage.clear()
                storage.write(rows)
        except BaseException:
            _journal(beside).unlink(missing_ok=True)
            raise


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-journal")


class _Unflushed(sqlite3.Connection):
    """Waits for the disk at no commit: Optuna makes a dozen when it makes its tables, and a busy disk takes long.

    A killed process loses nothing by it; a machine that loses power may damage the file, which is then made anew.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA synchronous = OFF")


def _with_driver(url: str) -> str:
    """PostgreSQL by psycopg, unless the URL names another driver."""
    scheme, colon, rest = url.partition(":")
    if scheme not in ("postgresql", "postgres"):
        return url
    if find_spec("psycopg") is None:
        raise InputError(
            "missing_package",
            "Trials in PostgreSQL need psycopg, which is not installed.",
            {"option": "tune.storage"},
            "Install it: pip install 'retemper[postgres]'.",
        )
    return f"postgresql+psycopg{colon}{rest}"


@contextmanager
def _faults(url: str) -> Iterator[None]:
    """What a database refuses, in a person's words.

    Raises:
        InputError: ``storage_damaged``, ``storage_busy``, ``storage_refused``, ``disk_full`` or ``cannot_write``.
    """
    try:
        with disk_faults(url):
            try:
                yield
            except Exception as error:
                _raise_of_disk(error, url)
                raise
    except Exception as error:
        fault = _beneath(error, sqlite3.Error)
        if isinstance(error, InputError) or not (fault or _of_database(error)):
            raise
        kind = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        code, message, hint = SAID.get(kind, REFUSED)
        said = str(fault or _of_database(error)).splitlines()[0]
        raise InputError(code, f"{message}: {said}", {"storage": url}, hint) from error


REFUSED = (
    "storage_refused",
    "The database of the trials can't be used",
    "Check the URL and the server; a search that had begun goes on with `retemper tune --resume RUN`.",
)
SAID = {
    **dict.fromkeys(
        DAMAGED,
        (
            "storage_damaged",
            "This file is no database of trials, or it is damaged",
            "Name another file in the URL.",
        ),
    ),
    sqlite3.SQLITE_BUSY: (
        "storage_busy",
        f"Another program has held the database of the trials for {BUSY_S:.0f} s",
        "End it, then go on with `retemper tune --resume RUN`.",
    ),
}
"""SQLite's error → code, message and hint."""


def _raise_of_disk(error: Exception, url: str) -> None:
    """SQLite's refusals that are the disk's, as the system would have raised them."""
    fault = _beneath(error, sqlite3.Error)
    kind = getattr(fault, "sqlite_errorcode", 0) & 0xFF
    if kind in OF_DISK:
        number = OF_DISK[kind]
        raise OSError(number, os.strerror(number), url.removeprefix("sqlite:///")) from error


OF_DISK = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CANTOPEN: errno.ENOENT,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
}
"""SQLite's error → the system's."""


def _of_database(error: BaseException) -> Any:
    """The database's own words beneath those of SQLAlchemy and Optuna."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    found = _beneath(error, DBAPIError)
    return getattr(found, "orig", None) or _beneath(error, SQLAlchemyError)


def _beneath(error: BaseException | None, kind: type[Any]) -> Any:
    """The first error of a kind in a chain of causes."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
