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
    command = [sys.executable, "-m", "retemper.cli.main", "train", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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
    finish(begin(folder / "t.csv", "--target", "y", "--out", folder / "whole", "--json", *SETTINGS))
    return folder


def stop(process):
    """Ctrl-C: the run saves, says how to go on, and leaves with 130."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "retemper train --resume" in err


def kill(process):
    process.kill()
    process.communicate()


def test_stopped_and_killed_at_any_moment_the_weights_are_the_same(place):
    """The moments are drawn anew with another RETEMPER_KILL_SEED; the longer check is in a loop over it."""
    run = place / "killed"
    moments = np.random.default_rng(int(os.environ.get("RETEMPER_KILL_SEED", "0")))
    process = begin(place / "t.csv", "--target", "y", "--out", run, *SETTINGS)
    wait_for_start(run)
    for end in (stop, kill):
        time.sleep(float(moments.uniform(0.0, 4.0)))
        if process.poll() is None:
            end(process)
            process = begin("--resume", run)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert weights(run) == weights(place / "whole")
    results = [json.loads((folder / "result.json").read_text()) for folder in (run, place / "whole")]
    assert lasting(results[0]) == lasting(results[1])
    for line in (run / "log.jsonl").read_text().splitlines():
        json.loads(line)
