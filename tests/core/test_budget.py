"""The budget: decisions are logged, repeated, and without a limit no clock is read."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from retemper.core.budget import Budget, Deadline, decisions


def test_without_a_limit_no_clock_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget(None, started=0.0)
    monkeypatch.setattr(time, "time", lambda: pytest.fail("the clock was read"))
    assert budget.decide("a", lambda left: math.isinf(left)) is True
    assert budget.deadline("b", 1.0) == Deadline("b")


def test_decisions_are_logged_and_repeated(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    budget = Budget(100.0, started=time.time(), log=events.append)
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
    budget = Budget(100.0, started=time.time(), used_s=60.0)
    assert budget.left_s() < 40
    assert budget.deadline("x", -5.0).passed(0)


def test_the_ending_is_kept_out_of_what_is_left() -> None:
    assert Budget(60.0, started=time.time()).left_s() < 60 - 2.5 - 0.05 * 60 + 0.1
