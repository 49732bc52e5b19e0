"""Killed at any moment, a run goes on to the same bits; nothing of the killed session is lost or doubled."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

SETTINGS = [
    "--preset",
    "quick",
    "--set",
    "training.epochs=12",
    "--set",
    "search.trials=6",
    "--set",
    "workers=1",
]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


def begin(*words):
    # A session of its own: its workers are killed with it, as when the machine goes down.
    command = [sys.executable, "-m", "retemper.cli.main", "train", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def wait_for_start(run):
    for _ in range(600):
        if (run / "checkpoints" / "run.json").exists():
            return
        time.sleep(0.05)
    raise AssertionError("the run never saved its start")


def weights(run):
    return (run / "model" / "weights.safetensors").read_bytes()


def lasting(result):
    """result.json without what the clock says."""
    plain = {key: value for key, value in result.items() if key not in ("seconds", "steps")}
    return plain | {"steps": [{k: v for k, v in step.items() if k != "seconds"} for step in result["steps"]]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the table and ``whole``, a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("resume")
    draws = np.random.default_rng(0)
    x = draws.normal(size=(400, 4)).round(3)
    y = np.where(x[:, 0] * x[:, 1] + draws.normal(scale=0.3, size=400) > 0, "yes", "no")
    lines = [",".join([*map(str, row), label]) for row, label in zip(x, y, strict=True)]
    (folder / "t.csv").write_text("a,b,c,d,y\n" + "\n".join(lines) + "\n")
    before = time.time()
    finish(begin(folder / "t.csv", "--target", "y", "--out", folder / "whole", "--json", *SETTINGS))
    (folder / "seconds").write_text(str(time.time() - before))
    return folder


def test_killed_again_and_again_the_weights_are_the_same(place):
    run = place / "killed"
    moments = np.random.default_rng(int(os.environ.get("RETEMPER_KILL_SEED", "0")))
    seconds = float((place / "seconds").read_text())
    process = begin(place / "t.csv", "--target", "y", "--out", run, *SETTINGS)
    wait_for_start(run)
    for _ in range(3):
        time.sleep(float(moments.uniform(0.0, 0.5 * seconds)))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:
            break
        process = begin("--resume", run)
    finish(process)
    assert weights(run) == weights(place / "whole")
    results = [json.loads((folder / "result.json").read_text()) for folder in (run, place / "whole")]
    assert lasting(results[0]) == lasting(results[1])
    for line in (run / "log.jsonl").read_text().splitlines():
        json.loads(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_saves_and_says_how_to_go_on(place, number):
    run = place / f"stopped-{number}"
    process = begin(place / "t.csv", "--target", "y", "--out", run, *SETTINGS)
    wait_for_start(run)
    time.sleep(0.3)
    os.killpg(process.pid, number)  # as a terminal does: to the workers too
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"retemper train --resume {run}" in err
    finish(begin("--resume", run))
    assert weights(run) == weights(place / "whole")


def test_a_finished_run_is_not_resumed(place):
    process = begin("--resume", place / "whole", "--json")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["error"]["code"]) == (2, "run_finished")
