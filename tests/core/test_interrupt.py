"""Ctrl-C and SIGTERM: saved at a safe place, and the second time at once."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from retemper.core import interrupt
from retemper.core.errors import Interrupted

WAIT = """
import time
from retemper.core.interrupt import Watch
with Watch("runs/a"):
    print("ready", flush=True)
    time.sleep(0.3)
    print("still here", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_looked_at_where_the_work_asks(number):
    before = signal.getsignal(number)
    with interrupt.Watch("runs/a"):
        interrupt.check()
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted) as caught:
            interrupt.check()
    assert caught.value.exit_code == 130
    assert "retemper train --resume runs/a" in caught.value.hint
    assert signal.getsignal(number) is before


def test_a_request_ends_with_its_watch():
    with interrupt.Watch("runs/a"):
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            interrupt.check()
    assert interrupt.check() is None


def test_outside_the_main_thread_the_watch_leaves_signals_alone():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with interrupt.Watch("runs/a"):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_the_second_signal_kills():
    process = subprocess.Popen([sys.executable, "-c", WAIT], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "still here\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT
    process.stdout.close()
