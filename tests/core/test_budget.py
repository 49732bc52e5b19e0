"""The budget: decisions are logged, repeated, and without a limit no clock is read."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from retemper.core.budget import Budget, Deadline, decisions, now, seconds_noted


def test_without_a_limit_no_clock_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget(None, started=0.0)
    monkeypatch.setattr(time, "monotonic", lambda: pytest.fail("the clock was read"))
    assert budget.decide("a", lambda left: math.isinf(left)) is True
    assert budget.deadline("b", 1.0) == Deadline("b")


def test_decisions_are_logged_and_repeated(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    budget = Budget(100.0, started=now(), log=events.append)
    assert budget.decide("epochs", lambda left: 7 if left < 100 else 0) == 7
    budget.record_stop("job.stopped", 42)
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(event) + "\n" for event in events) + '{"event": "decis')
    made = decisions(log)
    assert made == {"epochs": 7, "job.stopped": 42}
    replay = Budget(None, 0.0, made=made, strict=True)
    assert replay.decide("epochs", lambda left: -1) == 7
    assert replay.deadline("job.stopped", 1.0) == Deadline("job.stopped", None, 42)
    assert replay.decide("another", lambda left: left) == math.inf


def test_a_resumed_run_counts_what_it_used() -> None:
    budget = Budget(100.0, started=now(), used_s=60.0)
    assert budget.left_s() < 40
    assert budget.deadline("x", -5.0).passed(0)


def test_the_ending_is_kept_out_of_what_is_left() -> None:
    assert Budget(60.0, started=now()).left_s() < 60 - 2.5 - 0.05 * 60 + 0.1


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_jump_of_the_time_of_day_changes_nothing(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    budget = Budget(100.0, started=now())
    deadline = budget.deadline("x", 50.0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert 99 < budget.limit_s - budget.elapsed_s() <= 100
    assert not deadline.passed(0) and budget.deadline("y", -1.0).passed(0)


def test_a_killed_run_has_noted_its_seconds(tmp_path: Path) -> None:
    place = tmp_path / "seconds.json"
    with Budget(None, started=0.0).noted(place):
        pass
    assert not place.exists() and seconds_noted(place) == 0.0
    with Budget(100.0, started=now() - 7.0).noted(place):
        while not seconds_noted(place):
            time.sleep(0.001)
        assert 7.0 <= seconds_noted(place) < 20.0
    with Budget(100.0, started=now()).noted(tmp_path / "no folder" / "seconds.json"):
        pass  # a disk that can't be written is told elsewhere


def test_the_process_started_before_it_could_look() -> None:
    code = "from retemper.core.budget import now, process_started; print(now() - process_started())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 <= float(said.stdout) < 60


@pytest.mark.parametrize(
    "damage", [b"\xff\xfe\n", b"[1]\n", b"null\n", b'{"event": "decision"}\n', b'{"event": "decis']
)
def test_a_damaged_line_of_the_log_is_passed_over(tmp_path: Path, damage: bytes) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(b'{"event": "decision", "name": "a", "value": 1}\n' + damage)
    assert decisions(log) == {"a": 1}
