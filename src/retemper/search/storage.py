"""Trials in an Optuna study: SQLite in the run's folder, or a PostgreSQL server; any Optuna tool opens it.

Optuna's own ask and tell makes several commits a trial. Here all trials that changed go into the tables of the
installed Optuna in one transaction, so that a reader sees all of it or nothing.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from retemper.core.errors import InputError
from retemper.core.loading import loading
from retemper.core.run_folder import disk_faults, whole
from retemper.search.optuna_tables import Row, Tables
from retemper.search.space import Space
from retemper.search.storage_faults import BUSY_S, database_faults

Finished = tuple[Mapping[str, Any], float, dict[str, Any]]
"""Parameters, validation loss, user attributes."""
AT_A_TIME = 200
"""Trials whose rows are in memory together."""


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
        with database_faults(url):
            self._storage = optuna.storages.RDBStorage(
                _with_driver(url), engine_kwargs=local if url.startswith("sqlite") else {}
            )
            optuna.create_study(
                study_name=study, storage=self._storage, direction="minimize", load_if_exists=True
            )
            self._study = self._storage.get_study_id_from_name(study)
            self._storage.remove_session()
            self._ids, self.states = self._known()

    def write(self, rows: Iterable[Row]) -> None:
        """Add trials, or replace those with the same numbers; all or none.

        Args:
            rows: are taken a few at a time, so that those who make them as they are taken need little memory.

        Raises:
            InputError: as on opening.
        """
        ids, left = dict(self._ids), iter(rows)
        with database_faults(self._url), self._storage.engine.begin() as connection:
            while part := list(islice(left, AT_A_TIME)):
                self._write_part(connection, part, ids)
        self._ids = ids

    def _write_part(self, connection: Any, rows: Sequence[Row], ids: dict[int, int]) -> None:
        from sqlalchemy import bindparam, delete, insert, update

        trials = self._tables.trials
        stamped = {row.number: self._tables.trial_of(row, self._study) for row in rows}
        new = [own for number, own in stamped.items() if number not in ids]
        old = [own | {"old": ids[number]} for number, own in stamped.items() if number in ids]
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

    def clear(self) -> None:
        """Delete all trials of the study."""
        from sqlalchemy import delete, select

        trials = self._tables.trials
        own = select(trials.c.trial_id).where(trials.c.study_id == self._study)
        with database_faults(self._url), self._storage.engine.begin() as connection:
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
