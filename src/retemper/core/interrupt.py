"""Ctrl-C and SIGTERM as a flag that the work looks at where it can stop cleanly.

The loop calls :func:`check` after each checkpoint; a second Ctrl-C ends the process at once.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from retemper.core.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_watches: list[Watch] = []


class Watch:
    """While open, SIGINT and SIGTERM set a flag instead of stopping the process.

    The first signal gives the signals back their plain effect (they end the process), so that the second one
    is not waited for. Outside the main thread Python can't set handlers: the watch does nothing.

    Args:
        run: the run's folder, named in the advice.
        verb: the command that the run is one of.

    >>> with Watch("runs/a") as watch:
    ...     watch.stopped
    False
    """

    def __init__(self, run: Path | str, verb: str = "train") -> None:
        self.run, self.verb = run, verb
        self.stopped = False
        self._before: dict[signal.Signals, Any] = {}

    def check(self) -> None:
        """Stop here when a signal has come.

        Raises:
            Interrupted: with the exact command that resumes the run.
        """
        if self.stopped:
            raise Interrupted(
                "interrupted",
                "Stopped on request; everything up to the last checkpoint is saved.",
                {"folder": str(self.run)},
                f"Go on with: retemper {self.verb} --resume {self.run}",
            )

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._stop) for number in SIGNALS}
        _watches.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _watches.remove(self)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)


def check() -> None:
    """Stop here when a signal has come to the watch that is open (nothing happens without one).

    Raises:
        Interrupted: with the exact command that resumes the run.
    """
    if _watches:
        _watches[-1].check()
