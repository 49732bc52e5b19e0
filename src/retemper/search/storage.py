"""Trials in an Optuna study: SQLite in the run's folder, or a PostgreSQL server; any Optuna tool opens it.

Optuna's own ask and tell makes several commits a trial. Here all trials that changed go into Optuna's tables in one
transaction, so that a reader sees all of it or nothing.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from retemper.core.errors import InputError
from retemper.core.run_folder import disk_faults, whole
from retemper.search.database import Database, Statements
from retemper.search.optuna_tables import COLUMNS, PARTS, Row, Tables
from retemper.search.space import Space
from retemper.search.storage_faults import database_faults
from retemper.search.study_file import StudyFile
from retemper.search.study_server import StudyServer

Finished = tuple[Mapping[str, Any], float, dict[str, Any]]
"""Parameters, validation loss, user attributes."""
AT_A_TIME = 64
"""Trials whose rows are in memory together."""
IN_FILE = "sqlite:///"


class Storage:
    """One study in a database, open for writing.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user@host/database``.
        study: its name; made where there is none by that name.
        space: the ranges of the parameters.

    Raises:
        InputError: ``missing_package``, ``storage_refused``, ``storage_busy``, ``storage_damaged``, ``disk_full``,
            ``cannot_write`` or ``unknown_optuna``.

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
        self._url, self._tables = url, Tables(space)
        with database_faults(url):
            self._database: Database = StudyFile(_path(url)) if url.startswith(IN_FILE) else StudyServer(url)
            self._study = self._database.study(study)
            with self._database.transaction() as tables:
                found = tables.read(
                    "SELECT number, trial_id, state FROM trials WHERE study_id = :study", study=self._study
                )
        self._ids: dict[int, int] = {number: id_ for number, id_, _ in found}
        self.states: dict[int, str] = {number: sys.intern(state.lower()) for number, _, state in found}

    def write(self, rows: Iterable[Row]) -> None:
        """Add trials, or replace those with the same numbers; all or none.

        Args:
            rows: are taken a few at a time, so that those who make them as they are taken need little memory.

        Raises:
            InputError: as on opening.
        """
        ids, left = dict(self._ids), iter(rows)
        with database_faults(self._url), self._database.transaction() as tables:
            while part := list(islice(left, AT_A_TIME)):
                self._write_part(tables, part, ids)
        self._ids = ids

    def _write_part(self, tables: Statements, rows: Sequence[Row], ids: dict[int, int]) -> None:
        stamped = {row.number: self._tables.trial_of(row, self._study) for row in rows}
        new = [own for number, own in stamped.items() if number not in ids]
        old = [own | {"id": ids[number]} for number, own in stamped.items() if number in ids]
        if new:
            newest = max(ids.values(), default=-1)
            tables.write(_insert("trials"), new)
            ids |= dict(
                tables.read(
                    "SELECT number, trial_id FROM trials WHERE study_id = :study AND trial_id > :newest",
                    study=self._study,
                    newest=newest,
                )
            )
        if old:
            changed = (
                "state = :state, datetime_start = :datetime_start, datetime_complete = :datetime_complete"
            )
            tables.write(f"UPDATE trials SET {changed} WHERE trial_id = :id", old)
        for table, entries in self._tables.parts_of(rows, ids).items():
            if old:
                tables.write(f"DELETE FROM {table} WHERE trial_id = :id", [{"id": own["id"]} for own in old])
            if entries:
                tables.write(_insert(table), entries)

    def clear(self) -> None:
        """Delete all trials of the study."""
        own = "SELECT trial_id FROM trials WHERE study_id = :study"
        with database_faults(self._url), self._database.transaction() as tables:
            for table in PARTS:
                tables.write(f"DELETE FROM {table} WHERE trial_id IN ({own})", [{"study": self._study}])
            tables.write("DELETE FROM trials WHERE study_id = :study", [{"study": self._study}])
        self._ids = {}

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _path(url: str) -> str:
    if "?" in url:
        raise InputError(
            "storage_refused",
            "The URL of a SQLite file has no options.",
            {"storage": url},
            "Leave out what follows the question mark.",
        )
    return url.removeprefix(IN_FILE)


def _insert(table: str) -> str:
    names = COLUMNS[table]
    values = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"


def opened(path: Path, study: str, space: Space) -> Storage:
    """A study in a run's own database; a damaged one is made anew (a run has its trials elsewhere, too).

    Raises:
        InputError: as for :class:`Storage`.
    """
    try:
        return Storage(f"{IN_FILE}{path}", study, space)
    except InputError as error:
        if error.code != "storage_damaged":
            raise
        for file in (path, _journal(path)):
            file.unlink(missing_ok=True)
        return Storage(f"{IN_FILE}{path}", study, space)


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
