"""trials.db is a study that Optuna opens."""

import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest

from retemper.core.errors import InputError
from retemper.search import storage
from retemper.search.samplers.quasi_random import Sampler
from retemper.search.space import Interval, Space, Words
from retemper.search.storage import Finished, write_study

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

    def refuse(*arguments: Any) -> None:
        error = sqlite3.OperationalError("the disk refuses")
        error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{code}")
        raise RuntimeError from error

    monkeypatch.setattr(storage, "_write", refuse)
    with pytest.raises(InputError) as caught:
        write_study(path, "one", SPACE, trials(4))
    assert caught.value.code == told
    assert len(load(path, "one").trials) == 3


def test_no_commit_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna makes some ten commits a trial, and a busy disk takes a second for each."""
    told: list[Any] = []

    class Watched(storage._Unflushed):
        def close(self) -> None:
            told.append(self.execute("PRAGMA synchronous").fetchone())
            super().close()

    monkeypatch.setattr(storage, "_Unflushed", Watched)
    write_study(tmp_path / "trials.db", "one", SPACE, trials(2))
    assert told and set(told) == {(0,)}
