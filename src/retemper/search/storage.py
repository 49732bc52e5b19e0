"""The trials in ``trials.db``: an Optuna study in SQLite, which any Optuna tool can open."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retemper.core.loading import loading
from retemper.core.run_folder import disk_faults, whole
from retemper.search.space import Interval, Space

Finished = tuple[Mapping[str, Any], float, dict[str, Any]]
"""Parameters, validation loss, user attributes."""
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def write_study(path: Path, name: str, space: Space, trials: Sequence[Finished]) -> None:
    """Write finished trials as a study, whole or not at all; a study of that name is replaced, a damaged file is too.

    Args:
        path: the database.
        name: of the study.
        space: what was searched.
        trials: (parameters, validation loss, user attributes) of each.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    with disk_faults(path), whole(path) as beside:
        if path.exists():
            shutil.copyfile(path, beside)
        try:
            _write(beside, name, space, trials)
        except Exception as error:
            beside.with_name(f"{beside.name}-journal").unlink(missing_ok=True)
            fault = _of_sqlite(error)
            if fault is None:
                raise
            if fault.sqlite_errorcode & 0xFF not in DAMAGED:
                full = fault.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
                number = errno.ENOSPC if full else errno.EIO
                raise OSError(number, os.strerror(number), str(path)) from error
            beside.unlink()
            _write(beside, name, space, trials)


def _of_sqlite(error: BaseException | None) -> sqlite3.Error | None:
    """SQLite's own error beneath those of SQLAlchemy and Optuna, which name no cause."""
    while error is not None and not isinstance(error, sqlite3.Error):
        error = error.__cause__ or error.__context__
    return error


class _Unflushed(sqlite3.Connection):
    """Waits for the disk at no commit: Optuna makes several a trial, and :func:`whole` flushes the file at the end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA synchronous = OFF")
        self.execute("PRAGMA journal_mode = MEMORY")


def _write(path: Path, name: str, space: Space, trials: Sequence[Finished]) -> None:
    with loading():
        import optuna
        from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions: dict[str, BaseDistribution] = {
        key: FloatDistribution(axis.low, axis.high, log=axis.log)
        if isinstance(axis, Interval)
        else CategoricalDistribution(axis.values)
        for key, axis in space.items()
    }
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{path}", engine_kwargs={"connect_args": {"factory": _Unflushed}}
    )
    if name in [summary.study_name for summary in optuna.get_all_study_summaries(storage)]:
        optuna.delete_study(study_name=name, storage=storage)
    study = optuna.create_study(study_name=name, storage=storage, direction="minimize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(values), distributions=distributions, value=loss, user_attrs=attributes
            )
            for values, loss, attributes in trials
        ]
    )
    storage.remove_session()
    storage.engine.dispose()
