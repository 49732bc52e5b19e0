"""A process that does jobs: one line of JSON in for each, lines of progress out, then the line that it's done.

Only paths and plain data pass through the pipe. When the parent dies, its end of the pipe closes, and the
worker ends at once; what it was doing is in the job's checkpoint.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from retemper.core import device
from retemper.core.budget import Deadline
from retemper.core.errors import RetemperError
from retemper.core.loading import loading
from retemper.core.memory import is_short, let_go

AT_ONCE_S = 0.05
"""A next job that there is comes within that time; it would ask the system for all that memory again."""


def main() -> None:
    """Serve jobs from standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a stray print must not be taken for an answer
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    with loading():
        from retemper.training import carry_out  # PyTorch loads while the parent prepares the data

    device.one_thread()
    while True:
        _serve(carry_out, json.loads(_taken(orders)), answers)


def _taken(orders: queue.SimpleQueue[str]) -> str:
    """The next order; what memory the last one needed goes back to the system where none comes at once."""
    try:
        return orders.get(timeout=AT_ONCE_S)
    except queue.Empty:
        let_go()
    return orders.get()


def _listen(orders: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        orders.put(line)
    os._exit(0)


def _serve(carry_out: Any, order: dict[str, Any], answers: Any) -> None:
    def say(**answer: Any) -> None:
        try:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
        except BrokenPipeError:
            os._exit(0)  # the parent is gone, and nobody is left to be told

    last = 0.0

    def tell(fraction: float, text: str) -> None:
        nonlocal last
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            say(progress=fraction, text=text)

    try:
        carry_out.run(Path(order["folder"]), Deadline(**order["deadline"]), tell)
    except RetemperError as error:
        say(error={"code": error.code, "message": error.message, "where": error.where, "hint": error.hint})
    except BaseException as error:
        say(**({"short": str(error)} if is_short(error) else {"crash": traceback.format_exc()}))
    else:
        say(done=True)


if __name__ == "__main__":
    main()
