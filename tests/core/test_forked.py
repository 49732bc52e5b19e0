"""Forked copies share the work, say what went wrong, and end with their parent however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from retemper.core.forked import each

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are forked on Linux alone")
SLOW = """
import os, sys, time
from pathlib import Path
from retemper.core.forked import each

def do(number):
    (Path(sys.argv[1]) / str(os.getpid())).touch()
    time.sleep(60)

each(do, 2, workers=2)
"""


def test_answers_come_in_order_from_several_processes() -> None:
    found = each(lambda number: (time.sleep(0.05), np.full(2, number), os.getpid())[1:], 8, workers=2)
    assert [int(values[0]) for values, _ in found] == list(range(8))
    assert len({pid for _, pid in found}) == 2


def test_what_goes_wrong_in_a_copy_is_raised_here() -> None:
    here = os.getpid()

    def do(number: int) -> int:
        time.sleep(0.05)
        if os.getpid() != here:
            raise ValueError("in a copy")
        return number

    with pytest.raises(ValueError, match="in a copy"):
        each(do, 6, workers=2)


def test_what_a_copy_that_died_had_not_done_is_done_here() -> None:
    here = os.getpid()

    def do(number: int) -> int:
        time.sleep(0.05)
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    assert each(do, 6, workers=2) == list(range(6))


def test_copies_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path)])
    try:
        pids = _until(lambda: [int(path.name) for path in tmp_path.iterdir()], lambda own: len(own) == 2)
        copy = next(pid for pid in pids if pid != parent.pid)
    finally:
        parent.kill()
        parent.wait()
    assert _until(lambda: _lives(copy), lambda lives: not lives) is False


def _until(look, enough):  # type: ignore[no-untyped-def]
    for _ in range(600):
        found = look()
        if enough(found):
            return found
        time.sleep(0.05)
    return look()


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # nobody may be there to take note of its end
