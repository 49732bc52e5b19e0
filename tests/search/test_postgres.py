"""Trials in PostgreSQL: a real server of the test's own, read back by Optuna."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import optuna
import pytest

from retemper.core.errors import InputError
from retemper.search import optuna_tables
from retemper.search.optuna_tables import Row
from retemper.search.space import Interval, Space, Words
from retemper.search.storage import Storage

SPACE = Space({"rate": Interval(1e-4, 1e-1, log=True), "width": Words((64, 128))})


def _programs() -> Path | None:
    """Where initdb and pg_ctl are; Debian keeps them off the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[-1].parent if places else None


PROGRAMS = _programs()
pytestmark = [
    pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL server here (Debian: apt install postgresql)"),
    pytest.mark.skipif(find_spec("psycopg") is None, reason="psycopg is not installed"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that listens on a socket in a folder alone; PostgreSQL refuses to run as root."""
    folder = tmp_path_factory.mktemp("postgres")
    as_root = os.geteuid() == 0
    if as_root:
        for place in (folder, *folder.parents):
            if place.name.startswith(("pytest-", "postgres")):
                place.chmod(0o755)
        shutil.chown(folder, "nobody")

    def do(program: str, *words: str) -> None:
        assert PROGRAMS is not None
        command = [str(PROGRAMS / program), *words]
        if as_root:
            command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert done.returncode == 0, done.stderr

    data = str(folder / "data")
    do("initdb", "-D", data, "-A", "trust", "-U", "tester", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    do("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql://tester@/postgres?host={folder}"
    do("pg_ctl", "-D", data, "-m", "immediate", "stop")


def rows(count: int) -> list[Row]:
    return [
        Row(
            k,
            {"rate": 0.01, "width": 64},
            "running" if k % 2 else "complete",
            1 / (k + 1),
            [0.5, 0.4],
            {"a": k},
        )
        for k in range(count)
    ]


def test_optuna_reads_what_was_written_and_goes_on(server: str) -> None:
    with Storage(server, "one", SPACE) as storage:
        storage.write(rows(700))
    with Storage(server, "one", SPACE) as storage:
        assert storage.states[1] == "running" and len(storage.states) == 700
        storage.write([Row(1, {"rate": 0.02, "width": 128}, "complete", 0.0, [0.5, 0.4, 0.1])])
    own = optuna.storages.RDBStorage(server.replace("postgresql", "postgresql+psycopg", 1))
    study = optuna.load_study(study_name="one", storage=own)
    assert [trial.number for trial in study.trials] == list(range(700))
    assert study.best_trial.number == 1 and study.best_params == {"rate": 0.02, "width": 128}
    assert study.trials[2].user_attrs == {"a": 2} and study.trials[2].intermediate_values == {1: 0.5, 2: 0.4}
    trial = study.ask()
    study.tell(trial, 1.0)
    assert trial.number == 700
    own.remove_session()
    own.engine.dispose()


def test_studies_of_one_server_do_not_touch_each_other(server: str) -> None:
    with Storage(server, "two", SPACE) as two, Storage(server, "three", SPACE) as three:
        two.write(rows(4))
        three.write(rows(6))
        two.clear()
    with Storage(server, "two", SPACE) as two, Storage(server, "three", SPACE) as three:
        assert two.states == {} and three.states.keys() == set(range(6))


def test_what_is_not_finite_and_what_fails_half_way(server: str) -> None:
    with Storage(server, "four", SPACE) as storage:
        storage.write(
            [Row(0, {"rate": 0.01}, "fail", math.nan, [math.inf, -math.inf, math.nan], {"why": None})]
        )
        twice = [Row(1, {"rate": 0.01}, "pruned", 0.5)] * 2
        with pytest.raises(InputError) as caught:
            storage.write([Row(2, {"rate": 0.02}, "complete", 0.5), *twice])
        assert caught.value.code == "storage_refused"
    own = optuna.storages.RDBStorage(server.replace("postgresql", "postgresql+psycopg", 1))
    (trial,) = optuna.load_study(study_name="four", storage=own).trials
    assert trial.state.name == "FAIL" and trial.value is None and trial.user_attrs == {"why": None}
    assert repr(list(trial.intermediate_values.values())) == "[inf, -inf, nan]"
    own.remove_session()
    own.engine.dispose()


def test_an_optuna_with_other_tables_is_told(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(optuna_tables.COLUMNS, "trials", ("number",))
    with pytest.raises(InputError) as caught:
        Storage(server, "five", SPACE)
    assert caught.value.code == "unknown_optuna"


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Storage(f"postgresql://tester@/postgres?host={tmp_path}", "one", SPACE)
    assert caught.value.code == "storage_refused" and caught.value.exit_code == 2
    assert "server" in caught.value.hint
