"""A search killed at any moment goes on to the same trials and the same bits; none is lost, none is trained twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

SPACE = "training.optimizer.learning_rate: [0.01, 0.001, 1.0e+30]\nmodel.width: [16, 32]\n"
SETTINGS = [
    *("--sampler", "grid", "--folds", "2", "--set", "tune.fidelity=halving", "--set", "tune.epochs=9"),
    *("--set", "tune.batch=3", "--set", "procedure.bootstrap=100"),
]


def begin(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "retemper.cli.main", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """The command that begins a search on 300 rows, --out left out."""
    folder = tmp_path_factory.mktemp("search")
    draws = np.random.default_rng(0)
    x = draws.normal(size=(300, 3)).round(3)
    y = np.where(x[:, 0] * x[:, 1] + draws.normal(scale=0.3, size=300) > 0, "yes", "no")
    lines = [",".join([*map(str, row), label]) for row, label in zip(x, y, strict=True)]
    (folder / "t.csv").write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    (folder / "space.yaml").write_text(SPACE)
    return ["tune", folder / "t.csv", "--target", "y", "--space", folder / "space.yaml", *SETTINGS]


@pytest.fixture(scope="module")
def whole(words: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that nothing disturbed, in one process."""
    run = tmp_path_factory.mktemp("whole") / "run"
    finish(begin(*words, "--out", run, "--set", "workers=1"))
    return run


def found(run: Path) -> tuple[Any, ...]:
    """What must be the same: the model's bits, the result, the trials."""
    result = json.loads((run / "result.json").read_text())
    rows = result["search"]["evidence"]["trials"]
    trials = [{k: v for k, v in trial.items() if k != "seconds"} for trial in rows]
    return (
        (run / "model" / "weights.safetensors").read_bytes(),
        result["metrics"],
        result["search"]["best"],
        trials,
    )


def stored(run: Path) -> list[Any]:
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{run / 'trials.db'}")
    return [(t.number, t.state, t.params, t.value, t.user_attrs["folds"]) for t in study.trials]


def journal(run: Path) -> list[tuple[int, int]]:
    path = run / "checkpoints" / "trials.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    orders = [json.loads(line)["order"] for line in lines]
    return [(order["trial"], order["epochs"]) for order in orders]


@pytest.mark.parametrize(
    ("engine", "ends"),
    [("stack", (signal.SIGKILL, signal.SIGINT)), ("processes", (signal.SIGKILL, signal.SIGTERM))],
)
def test_killed_at_any_moment_nothing_is_lost_or_trained_twice(
    words: list[object], whole: Path, tmp_path: Path, engine: str, ends: tuple[signal.Signals, ...]
) -> None:
    """The moments are drawn anew with another RETEMPER_KILL_SEED; the longer check is in a loop over it."""
    run = tmp_path / "killed"
    moments = np.random.default_rng(int(os.environ.get("RETEMPER_KILL_SEED", "0")))
    process = begin(*words, "--out", run, "--set", "workers=2", "--engine", engine)
    while not (run / "checkpoints" / "run.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    for end in ends:
        _wait_for_trials(run, process, len(journal(run)) + int(moments.integers(1, 4)))
        time.sleep(float(moments.uniform(0.0, 0.3)))
        process.send_signal(end)
        _, err = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == (-end if end == signal.SIGKILL else 130)
        assert end == signal.SIGKILL or "retemper tune --resume" in err
        process = begin("tune", "--resume", run)
    if process.returncode is None:
        finish(process)
    assert found(run) == found(whole)
    assert stored(run) == stored(whole)
    assert sorted(journal(run)) == sorted(journal(whole))
    assert set(Counter(journal(run)).values()) == {1}


def _wait_for_trials(run: Path, process: subprocess.Popen[str], count: int) -> None:
    """Until so many evaluations are in the journal, or the search is over."""
    while process.poll() is None:
        if len(journal(run)) >= count:
            return
        time.sleep(0.02)


def test_a_setting_that_diverges_is_told_and_the_best_is_not_it(whole: Path) -> None:
    _, _, best, trials = found(whole)
    lost = [trial for trial in trials if trial["error"]]
    assert {trial["values"]["training.optimizer.learning_rate"] for trial in lost} == {1e30}
    assert {trial["error"]["code"] for trial in lost} == {"diverged"}
    assert best["training.optimizer.learning_rate"] < 1
    states = Counter(state.name for _, state, *_ in stored(whole))
    assert states["FAIL"] == 2 and states["COMPLETE"] >= 1


def test_train_says_how_a_search_is_resumed(words: list[object], whole: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    (begun / "checkpoints").mkdir(parents=True)
    for name in ("recipe.yaml", "checkpoints/run.json"):
        (begun / name).write_bytes((whole / name).read_bytes())
    process = begin("train", "--resume", begun, "--json")
    out, _ = process.communicate(timeout=120)
    error = json.loads(out)["error"]
    assert process.returncode == 2 and error["code"] == "other_verb"
    assert error["try"] == f"retemper tune --resume {begun}"
