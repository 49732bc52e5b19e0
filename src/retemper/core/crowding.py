"""How much longer than its own seconds this thread's work takes, since others want the processors too.

Who keeps time for a piece of work knows what it takes on a machine of its own. On a busy one it takes as much longer as
threads wait for a processor. Linux counts both for every thread; other systems tell nothing, and nothing is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

COUNTED = Path("/proc/thread-self/schedstat")
"""Nanoseconds on a processor, nanoseconds of waiting for one, turns (Linux, Documentation/scheduler/sched-stats)."""
WINDOW_S = 1.0
"""The last so many seconds of work tell how it is now."""
MOST = 10.0
"""A thread that gets less than a tenth of a processor is no measure for the next minute."""


@dataclass(frozen=True)
class Mark:
    """Seconds of a thread so far: at work, and kept waiting for a processor."""

    worked_s: float
    waited_s: float


@dataclass
class Crowding:
    """The thread that makes it, watched.

    >>> Crowding.of(Mark(2.0, 0.0), Mark(4.0, 5.0)), Crowding.of(Mark(2.0, 0.0), Mark(2.0, 9.0))
    (3.5, 1.0)
    """

    before: Mark | None = field(default_factory=lambda: counted())
    last: Mark | None = None

    def now(self) -> float:
        """Seconds for a second of work, 1 or more; asked in the thread that is watched."""
        here = counted()
        if here is None or self.before is None:
            return 1.0
        found = self.of(self.before, here)
        if self.last is None:
            self.last = here
        elif here.worked_s - self.last.worked_s >= WINDOW_S:
            self.before, self.last = self.last, here
        return found

    @staticmethod
    def of(before: Mark, now: Mark) -> float:
        """The same between two marks; 1 where no work was done."""
        worked = now.worked_s - before.worked_s
        return min(MOST, 1 + (now.waited_s - before.waited_s) / worked) if worked > 0 else 1.0


def counted() -> Mark | None:
    """What the system has counted of this thread; None: it doesn't say."""
    try:
        worked, waited, _ = map(int, COUNTED.read_text().split())
    except (OSError, ValueError):
        return None
    return Mark(worked / 1e9, waited / 1e9)
