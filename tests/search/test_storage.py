"""trials.db is a study that Optuna opens."""

import math
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest

from retemper.core.errors import InputError
from retemper.search import study_file
from retemper.search.optuna_tables import COLUMNS, Row
from retemper.search.samplers.quasi_random import Sampler
from retemper.search.space import Interval, Space, Words
from retemper.search.storage import Finished, Storage, write_study
from retemper.search.study_file import StudyFile

SPACE = Space(
    {"rate": Interval(1e-4, 1e-1, log=True), "dropout": Interval(0.0, 0.5), "width": Words((64, 128))}
)


def trials(count: int) -> list[Finished]:
    points = Sampler(SPACE, 0, count).ask(count)
    return [(point, 1.0 / (k + 1), {"epochs": 3, "origin": "coarse"}) for k, point in enumerate(points)]


def load(path: Path, name: str) -> Any:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{path}")


def test_optuna_reads_the_trials(tmp_path: Path) -> None:
    path, own = tmp_path / "trials.db", trials(6)
    write_study(path, "search_coarse", SPACE, own)
    study = load(path, "search_coarse")
    assert [(trial.params, trial.value, trial.user_attrs) for trial in study.trials] == [*own]
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)
    assert study.best_params == own[-1][0]
    assert study.trials[0].distributions == {
        "rate": optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True),
        "dropout": optuna.distributions.FloatDistribution(0.0, 0.5),
        "width": optuna.distributions.CategoricalDistribution((64, 128)),
    }


def test_a_study_is_replaced_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "trials.db"
    write_study(path, "one", SPACE, trials(3))
    write_study(path, "two", SPACE, trials(2))
    write_study(path, "one", SPACE, trials(4))
    assert (len(load(path, "one").trials), len(load(path, "two").trials)) == (4, 2)
    write_study(path, "none", SPACE, [])
    assert load(path, "none").trials == []


@pytest.mark.parametrize("damage", [b"no database at all, but long enough to be one" * 100, None])
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "trials.db"
    write_study(path, "one", SPACE, trials(3))
    content = bytearray(path.read_bytes())
    content[100:8000] = b"?" * 7900
    path.write_bytes(damage or content)
    write_study(path, "one", SPACE, trials(4))
    assert len(load(path, "one").trials) == 4
    assert [file.name for file in tmp_path.iterdir()] == ["trials.db"]


@pytest.mark.parametrize(("code", "told"), [("FULL", "disk_full"), ("IOERR", "cannot_write")])
def test_a_disk_that_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    path = tmp_path / "trials.db"
    write_study(path, "one", SPACE, trials(3))

    class Refusing(sqlite3.Connection):
        def executemany(self, *arguments: Any) -> Any:
            error = sqlite3.OperationalError("the disk refuses")
            error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{code}")
            raise error

    with monkeypatch.context() as patch, pytest.raises(InputError) as caught:
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Refusing))
        write_study(path, "one", SPACE, trials(4))
    assert caught.value.code == told
    assert len(load(path, "one").trials) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["trials.db"]


def test_no_commit_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    class Watched(sqlite3.Connection):
        def close(self) -> None:
            told.append(self.execute("PRAGMA synchronous").fetchone())
            super().close()

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    write_study(tmp_path / "trials.db", "one", SPACE, trials(2))
    assert told and set(told) == {(0,)}


def test_the_tables_are_those_that_the_installed_optuna_makes(tmp_path: Path) -> None:
    optuna.create_study(study_name="one", storage=f"sqlite:///{tmp_path}/theirs.db", direction="minimize")
    StudyFile(str(tmp_path / "ours.db")).study("one")

    def content(name: str) -> list[Any]:
        with closing(sqlite3.connect(tmp_path / name)) as file:
            tables = file.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
            filled = ["alembic_version", "version_info", "studies", "study_directions", "trials"]
            rows = [file.execute(f"SELECT * FROM {table}").fetchall() for table in filled]
        return [*((kind, own, "".join((sql or "").split())) for kind, own, sql in tables), *rows]

    assert content("ours.db") == content("theirs.db")


def test_rows_are_as_optuna_writes_them(tmp_path: Path) -> None:
    """What lies in the tables, keys and times left out."""
    study = optuna.create_study(study_name="one", storage=f"sqlite:///{tmp_path}/theirs.db")
    space = {
        "rate": optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True),
        "width": optuna.distributions.CategoricalDistribution((64, 128)),
    }
    curve = {1: 0.5, 2: math.inf, 3: -math.inf, 4: math.nan}
    values, own = {"rate": 1e-3, "width": 128}, {"epochs": 4, "of": [1, 2]}
    study.add_trial(
        optuna.create_trial(
            params=values, distributions=space, value=0.25, intermediate_values=curve, user_attrs=own
        )
    )
    with Storage(f"sqlite:///{tmp_path}/ours.db", "one", SPACE) as ours:
        ours.write([Row(0, values, "complete", 0.25, list(curve.values()), own)])

    def content(name: str) -> list[Any]:
        with closing(sqlite3.connect(tmp_path / name)) as file:
            found = [file.execute("SELECT trial_id, number, study_id, state FROM trials").fetchall()]
            for table, columns in COLUMNS.items():
                kept = ", ".join(column for column in columns if not column.startswith("datetime"))
                found.append(sorted(map(repr, file.execute(f"SELECT {kept} FROM {table}"))))
            times = file.execute("SELECT length(datetime_complete) FROM trials").fetchall()
        return [*found, times]

    assert content("ours.db") == content("theirs.db")


def test_a_run_needs_neither_sqlalchemy_nor_alembic(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from retemper.search.space import Interval, Space
from retemper.search.storage import write_study

space = Space({{"rate": Interval(0.0, 1.0)}})
write_study(Path({str(tmp_path / "trials.db")!r}), "one", space, [({{"rate": 0.5}}, 1.0, {{}})])
print([name for name in ("sqlalchemy", "alembic", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert load(tmp_path / "trials.db", "one").best_params == {"rate": 0.5}


STATES = [
    Row(0, {"rate": 1e-3, "dropout": 0.5, "width": 64}, "complete", 0.25, [0.5, 0.25], {"epochs": 2}, 3.0),
    Row(1, {"rate": 1e-2, "width": 128}, "pruned", 0.5, [0.5]),
    Row(2, {"rate": 1e-1, "width": 64}, "fail", math.nan, [math.inf, math.nan], {"error": "diverged"}),
    Row(3, {"rate": 1e-4, "width": 64}, "running", 0.75, [0.75]),
]


def test_states_curves_and_conditions_come_back(tmp_path: Path) -> None:
    with Storage(f"sqlite:///{tmp_path}/trials.db", "search", SPACE) as storage:
        storage.write(STATES)
    found = load(tmp_path / "trials.db", "search").trials
    assert [trial.state.name for trial in found] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert [trial.params for trial in found] == [row.values for row in STATES]
    assert [trial.value for trial in found] == [0.25, 0.5, None, None]
    assert found[0].intermediate_values == {1: 0.5, 2: 0.25}
    assert found[0].duration.total_seconds() == 3.0 and found[3].datetime_complete is None
    assert math.isnan(found[2].intermediate_values[2]) and found[2].intermediate_values[1] == math.inf
    assert found[2].user_attrs == {"error": "diverged"}
    assert abs((found[0].datetime_complete - datetime.now()).total_seconds()) < 60


def test_what_changed_is_written_over_and_optuna_goes_on_from_it(tmp_path: Path) -> None:
    with Storage(f"sqlite:///{tmp_path}/trials.db", "search", SPACE) as storage:
        storage.write(STATES)
    with Storage(f"sqlite:///{tmp_path}/trials.db", "search", SPACE) as storage:
        storage.write([replace(STATES[3], state="complete", loss=0.1, curve=[0.75, 0.2, 0.1])])
    study = load(tmp_path / "trials.db", "search")
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
    assert study.best_trial.number == 3 and study.best_trial.intermediate_values == {1: 0.75, 2: 0.2, 3: 0.1}
    trial = study.ask()
    trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    study.tell(trial, 0.05)
    assert study.best_trial.number == 4


def test_values_outside_the_space_and_lists_are_kept(tmp_path: Path) -> None:
    space = Space(
        {"rate": Interval(0.1, 0.2), "widths": Words(([64, 32], [16])), "count": Interval(1, 4, integer=True)}
    )
    rows = [
        Row(0, {"rate": 0.15, "widths": [16], "count": 3}, "complete", 1.0),
        Row(1, {"rate": 0.5, "widths": [8], "count": 9, "own": None}, "complete", 1.0),
    ]
    with Storage(f"sqlite:///{tmp_path}/trials.db", "search", space) as storage:
        storage.write(rows)
    one, other = load(tmp_path / "trials.db", "search").trials
    assert one.params == {"rate": 0.15, "widths": "[16]", "count": 3}
    assert other.params == {"rate": 0.5, "widths": "[8]", "count": 9, "own": None}
    assert one.distributions["rate"].high == 0.2 and other.distributions["rate"].high == 0.5
    assert one.distributions["widths"].choices == ("[64, 32]", "[16]")


def test_a_write_that_fails_leaves_the_study_as_it_was(tmp_path: Path) -> None:
    with Storage(f"sqlite:///{tmp_path}/trials.db", "search", SPACE) as storage:
        storage.write(STATES[:2])
        twice = [replace(STATES[2], attributes={}), replace(STATES[2], attributes={})]
        broken = [STATES[3], *twice]
        with pytest.raises(InputError) as caught:
            storage.write(broken)
        assert caught.value.code == "storage_refused"
        storage.write([STATES[3]])
    assert [trial.number for trial in load(tmp_path / "trials.db", "search").trials] == [0, 1, 3]


def test_a_file_of_another_optuna_is_told_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "trials.db"
    write_study(path, "search", SPACE, trials(2))
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE alembic_version SET version_num = 'v9.0.0.a'")
    content = path.read_bytes()
    with pytest.raises(InputError) as caught:
        Storage(f"sqlite:///{path}", "search", SPACE)
    assert caught.value.code == "unknown_optuna" and "v9.0.0.a" in caught.value.where_text()
    assert path.read_bytes() == content


def test_options_in_a_url_of_sqlite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Storage(f"sqlite:///{tmp_path}/trials.db?timeout=60", "search", SPACE)
    assert caught.value.code == "storage_refused" and list(tmp_path.iterdir()) == []


def test_a_study_that_optuna_made_is_gone_on_with(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/trials.db"
    other = optuna.create_study(study_name="other", storage=url)
    other.tell(other.ask(), 1.0)
    optuna.create_study(study_name="mine", storage=url)
    with Storage(url, "mine", SPACE) as own:
        own.write(STATES)
    assert len(load(tmp_path / "trials.db", "mine").trials) == 4
    assert [trial.value for trial in load(tmp_path / "trials.db", "other").trials] == [1.0]


def test_a_persons_own_file_that_is_no_database_stays(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    path.write_text("my notes, which are no database at all" * 100)
    with pytest.raises(InputError) as caught:
        Storage(f"sqlite:///{path}", "search", SPACE)
    assert caught.value.code == "storage_damaged" and path.read_text().startswith("my notes")


def test_a_file_that_another_program_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_file, "BUSY_S", 0.05)
    with Storage(f"sqlite:///{tmp_path}/trials.db", "search", SPACE) as study:
        other = sqlite3.connect(tmp_path / "trials.db")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError) as caught:
            study.write(STATES)
        assert caught.value.code == "storage_busy"
        other.close()
        study.write(STATES)
    assert len(load(tmp_path / "trials.db", "search").trials) == 4
