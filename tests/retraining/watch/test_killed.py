"""A stream that is killed at any touch of the disk loses no file and uses none twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it forks")
ROOT = Path(__file__).parents[3]
STRIDE = 19
"""1 tries every touch and takes a minute."""


def test_a_kill_at_any_step_loses_no_file_and_uses_none_twice(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.retraining.watch.killed", str(tmp_path), str(STRIDE)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    points = json.loads(done.stdout)
    assert points["registered"] > points["plain"] > 100
