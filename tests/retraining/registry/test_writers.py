"""Killed writers leave the registry whole, and writers that meet leave one history."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from retemper.core.folder_lock import FolderLock
from retemper.retraining.registry import waiting
from retemper.retraining.registry.folder import FolderRegistry

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it forks")
ROOT = Path(__file__).parents[3]


def writers(*words: str) -> Any:
    """What the program beside this file saw."""
    program = [sys.executable, "-m", "tests.retraining.registry.writers", *words]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_kill_at_any_step_leaves_the_registry_whole(tmp_path: Path) -> None:
    points = writers("kill", str(tmp_path))
    assert points["first"] > points["add"] > 20 and points["promote"] > 10 and points["rollback"] > 10


@pytest.mark.parametrize("seed", range(3))
def test_writers_that_meet_leave_one_history(tmp_path: Path, seed: int) -> None:
    seen = writers("race", str(tmp_path), str(seed))
    assert seen["versions"] > 4 and seen["changes"] > 4


def test_a_writer_waits_no_longer_than_half_a_minute(
    registry: FolderRegistry, bundles: list[Path], code_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add("churn", bundles[0])
    pauses: list[float] = []
    monkeypatch.setattr(waiting.time, "sleep", pauses.append)
    lock = FolderLock(Path(registry.place) / "churn")
    assert code_of(registry.promote, "churn", 1) == "registry_in_use" and sum(pauses) == pytest.approx(30)
    assert registry.life("churn").in_force == 1  # readers wait for nobody
    lock.close()
    assert registry.promote("churn", 1).version == 1
