"""Studies in a SQLite file: Optuna's tables, made and written without Optuna's storage.

That needs SQLAlchemy and Alembic, which take half a second to load and a tenth to make the tables: as long as many a
small network trains. The tables are those of :data:`~retemper.search.optuna_tables.REVISION`; a test compares them to
what the installed Optuna makes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from retemper.core.errors import InputError
from retemper.search.optuna_tables import REVISION

BUSY_S = 30.0
"""So long another program may hold the file."""
LAYOUT = 12
"""Optuna's number of the tables before it named them."""
MADE = """
CREATE TABLE studies (
    study_id INTEGER NOT NULL, study_name VARCHAR(512) NOT NULL, PRIMARY KEY (study_id)
);
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE TABLE version_info (
    version_info_id INTEGER NOT NULL, schema_version INTEGER, library_version VARCHAR(256),
    PRIMARY KEY (version_info_id), CHECK (version_info_id=1)
);
CREATE TABLE study_directions (
    study_direction_id INTEGER NOT NULL, direction VARCHAR(8) NOT NULL, study_id INTEGER NOT NULL,
    objective INTEGER NOT NULL,
    PRIMARY KEY (study_direction_id), UNIQUE (study_id, objective),
    FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
    study_user_attribute_id INTEGER NOT NULL, study_id INTEGER, "key" VARCHAR(512), value_json TEXT,
    PRIMARY KEY (study_user_attribute_id), UNIQUE (study_id, "key"),
    FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_system_attributes (
    study_system_attribute_id INTEGER NOT NULL, study_id INTEGER, "key" VARCHAR(512), value_json TEXT,
    PRIMARY KEY (study_system_attribute_id), UNIQUE (study_id, "key"),
    FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE trials (
    trial_id INTEGER NOT NULL, number INTEGER, study_id INTEGER, state VARCHAR(8) NOT NULL,
    datetime_start DATETIME, datetime_complete DATETIME,
    PRIMARY KEY (trial_id), FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE TABLE trial_user_attributes (
    trial_user_attribute_id INTEGER NOT NULL, trial_id INTEGER, "key" VARCHAR(512), value_json TEXT,
    PRIMARY KEY (trial_user_attribute_id), UNIQUE (trial_id, "key"),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_system_attributes (
    trial_system_attribute_id INTEGER NOT NULL, trial_id INTEGER, "key" VARCHAR(512), value_json TEXT,
    PRIMARY KEY (trial_system_attribute_id), UNIQUE (trial_id, "key"),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_params (
    param_id INTEGER NOT NULL, trial_id INTEGER, param_name VARCHAR(512), param_value FLOAT,
    distribution_json TEXT,
    PRIMARY KEY (param_id), UNIQUE (trial_id, param_name),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_values (
    trial_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL, objective INTEGER NOT NULL, value FLOAT,
    value_type VARCHAR(7) NOT NULL,
    PRIMARY KEY (trial_value_id), UNIQUE (trial_id, objective),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
    trial_intermediate_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL, step INTEGER NOT NULL,
    intermediate_value FLOAT, intermediate_value_type VARCHAR(7) NOT NULL,
    PRIMARY KEY (trial_intermediate_value_id), UNIQUE (trial_id, step),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_heartbeats (
    trial_heartbeat_id INTEGER NOT NULL, trial_id INTEGER NOT NULL, heartbeat DATETIME NOT NULL,
    PRIMARY KEY (trial_heartbeat_id), UNIQUE (trial_id),
    FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
"""


class StudyFile:
    """Optuna studies in a SQLite file, which is opened for each transaction alone.

    Args:
        path: of the file; one that holds no tables of Optuna gets them.

    Raises:
        InputError: ``unknown_optuna``: it holds those of another version.
        sqlite3.Error: it can't be used.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with self.transaction() as file:
            if not file.read("SELECT name FROM sqlite_master WHERE name = 'alembic_version'"):
                _make(file)
            found = file.read("SELECT version_num FROM alembic_version")
        if found != [(REVISION,)]:
            raise InputError(
                "unknown_optuna",
                "Another version of Optuna made this file, whose tables are not as expected.",
                {"storage": path, "version": str(found[0][0]) if found else ""},
                f"Run `optuna storage upgrade --storage sqlite:///{path}`, or name another file.",
            )

    def study(self, name: str) -> int:
        """The id of the study by that name, which is made where there is none."""
        own = "SELECT study_id FROM studies WHERE study_name = :name"
        with self.transaction() as file:
            if not file.read(own, name=name):
                file.write("INSERT INTO studies (study_name) VALUES (:name)", [{"name": name}])
                ((study,),) = file.read(own, name=name)
                file.write(
                    "INSERT INTO study_directions (direction, study_id, objective) VALUES ('MINIMIZE', :study, 0)",
                    [{"study": study}],
                )
            ((found,),) = file.read(own, name=name)
        return int(found)

    @contextmanager
    def transaction(self) -> Iterator[_Open]:
        """All statements within it, or none."""
        with closing(sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)) as connection:
            # No commit waits for the disk, which may be busy for long. A killed process loses nothing by it; a machine
            # that loses power may damage the file, which is then made anew.
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Open(connection)
            except BaseException:
                if connection.in_transaction:  # SQLite ends it by itself where the disk is full
                    connection.rollback()
                raise
            connection.commit()

    def close(self) -> None:
        """It is open for transactions alone."""


class _Open:
    """The file within a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows that a statement finds."""
        return self._connection.execute(statement, values).fetchall()

    def write(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry a statement out for the values of each row."""
        self._connection.executemany(statement, rows)


def _make(file: _Open) -> None:
    from optuna.version import __version__

    for statement in MADE.split(";"):
        if statement.strip():
            file.read(statement)
    own = {"version": __version__, "layout": LAYOUT, "revision": REVISION}
    file.write("INSERT INTO version_info VALUES (1, :layout, :version)", [own])
    file.write("INSERT INTO alembic_version VALUES (:revision)", [own])
