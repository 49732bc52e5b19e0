"""The time limit: the only place that reads the clock, and writes down what it decided.

A decision that depends on time is asked for by name, ``budget.decide("train_long.epochs", choose)``, and its
value is logged. Replay answers from the log instead of the clock, so the same run comes out without one; a
resumed run first goes through the decisions it had made before it was killed.

The clock is the monotonic one, which nobody sets: a jump of the time of day ends no run early and lets none go on for
ever. On one machine it is the same for all processes.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from retemper.core.crowding import Crowding

ENDING_S, ENDING_SHARE = 2.5, 0.05
"""What is kept for the ending: seconds on a machine of its own, and a share of the limit."""
MOST_ENDING = 0.5
"""Of the limit, however crowded the machine is."""
BEAT_S = 1.0
"""So often a run notes how long it has been going."""
SHORT_LIMIT_S = 45.0
"""Of a shorter limit nothing is set aside: all of it is for the model."""

Log = Callable[[dict[str, Any]], None]


def now() -> float:
    """Seconds of a clock that only goes forward; differences of it count, the figure itself says nothing."""
    return time.monotonic()


def process_started() -> float:
    """:func:`now` when this process started, as the system knows it; where it doesn't say, now."""
    try:
        # Field 22 of proc(5)'s stat, counted behind the command's name, which may hold spaces.
        ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return now()
    return now() - max(0.0, age)


@dataclass
class Budget:
    """Seconds for a run, from the start of the process to its end.

    Args:
        limit_s: the limit; None: no clock is read.
        started: :func:`now` at the start of the process.
        used_s: seconds that earlier parts of a resumed run have used.
        made: decisions to repeat: name → value.
        log: where decisions are written.
        strict: replay: a decision that is not in ``made`` means "as without a limit".
        kept_s: seconds that are set aside for later, and count as spent until then.
        crowding: how much longer work takes, since others want the processors too.
    """

    limit_s: float | None
    started: float
    used_s: float = 0.0
    made: Mapping[str, Any] = field(default_factory=dict)
    log: Log = lambda event: None
    strict: bool = False
    kept_s: float = 0.0
    crowding: Crowding = field(default_factory=Crowding)

    @property
    def limited(self) -> bool:
        """Whether a clock decides anything."""
        return self.limit_s is not None and not self.strict

    def elapsed_s(self) -> float:
        """Seconds used so far, earlier parts of a resumed run included."""
        return self.used_s + now() - self.started

    def left_s(self) -> float:
        """Seconds left until the ending (ensemble, test, report) must begin; infinite without a limit."""
        if self.limit_s is None or self.strict:
            return math.inf
        ending = min(ENDING_S * self.crowding.now() + ENDING_SHARE * self.limit_s, MOST_ENDING * self.limit_s)
        return self.limit_s - ending - self.kept_s - self.elapsed_s()

    def set_aside_s(self, share: float) -> float:
        """Seconds that a share of the limit comes to; 0 without a limit, and of a short one.

        >>> Budget(100.0, started=now()).set_aside_s(0.06), Budget(20.0, started=now()).set_aside_s(0.06)
        (6.0, 0.0)
        """
        if self.limit_s is None or self.limit_s < SHORT_LIMIT_S:
            return 0.0
        return share * self.limit_s

    def decide(self, name: str, choose: Callable[[float], Any]) -> Any:
        """A decision that may depend on time.

        Args:
            name: unique in a run, for example ``search_coarse.epochs``.
            choose: seconds left → JSON value.
        """
        if name in self.made:
            return self.made[name]
        value = choose(self.left_s())
        if self.limited:
            self.log(
                {"event": "decision", "name": name, "value": value, "elapsed_s": round(self.elapsed_s(), 3)}
            )
        return value

    def deadline(self, name: str, seconds: float) -> Deadline:
        """A stop for one training: by the clock ``seconds`` from now, or where the log says it stopped."""
        stopped = self.made.get(name)
        if stopped is not None or not self.limited:
            return Deadline(name, None, stopped)
        return Deadline(name, now() + max(0.0, seconds), None)

    @contextmanager
    def noted(self, place: Path) -> Iterator[None]:
        """While open, the seconds used so far are in a file, for whoever goes on after a kill.

        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "seconds.json"
        >>> with Budget(60.0, started=now(), used_s=5.0).noted(place):
        ...     pass
        >>> 5 <= seconds_noted(place) < 10
        True
        """
        if not self.limited:
            yield
            return
        over = threading.Event()
        beat = threading.Thread(target=self._beat, args=(place, over), daemon=True)
        beat.start()
        try:
            yield
        finally:
            over.set()
            beat.join()

    def _beat(self, place: Path, over: threading.Event) -> None:
        beside = place.with_name(f".{place.name}.{os.getpid()}.tmp")
        while True:
            # A disk that can't be written stops the run elsewhere, in words; here it costs the note alone.
            with suppress(OSError):
                beside.write_text(json.dumps(round(self.elapsed_s(), 3)))
                beside.replace(place)
            if over.wait(BEAT_S):
                return

    def record_stop(self, name: str, units: int) -> None:
        """Write down that the deadline ``name`` ended a training after so many units."""
        if self.limited and name not in self.made:
            self.log(
                {"event": "decision", "name": name, "value": units, "elapsed_s": round(self.elapsed_s(), 3)}
            )

    def record(self, name: str, value: Any) -> None:
        """Write down a decision that the machine made, not the clock: whoever repeats the run makes it too."""
        if name not in self.made:
            self.log({"event": "decision", "name": name, "value": value})


@dataclass(frozen=True)
class Deadline:
    """When a training must stop: at a time of the clock, or, in a replay, after so many units (steps)."""

    name: str = ""
    at: float | None = None
    units: int | None = None

    def passed(self, units_done: int) -> bool:
        """Whether to stop now.

        >>> Deadline("x", None, 30).passed(29), Deadline("x", None, 30).passed(30), Deadline().passed(10**9)
        (False, True, False)
        """
        if self.units is not None:
            return units_done >= self.units
        return self.at is not None and now() >= self.at

    def share(self, weight: float, waiting: float, running: Sequence[Deadline], workers: int) -> Deadline:
        """The deadline of the next of several trainings that share the time until this one, each by its weight.

        What the workers have left until then, less what the running trainings may take, times its part of the weights.
        Whoever ends early leaves the rest to those who wait, and the last one may use all of it.

        Args:
            weight: what it will take, in any unit.
            waiting: the weights of all that have not begun, its own included.
            running: the deadlines of those that train now.
            workers: how many train at a time.

        >>> whole = Deadline("x", now() + 1000.0)
        >>> one = whole.share(1.0, 4.0, [], 2)
        >>> [round(own.at - now(), -1) for own in (one, whole.share(1.0, 3.0, [one], 2), whole.share(1.0, 1.0, [], 2))]
        [500.0, 500.0, 1000.0]
        """
        if self.at is None or weight <= 0:
            return self
        here = now()
        left = workers * (self.at - here)
        left -= sum(min(own.at, self.at) - here for own in running if own.at is not None and own.at > here)
        return replace(self, at=min(self.at, here + max(0.0, left) * weight / waiting))

    def halves(self, first: str, second: str) -> tuple[Deadline, Deadline]:
        """For two trainings by these names, one after the other, in place of one: half of the time left for each."""
        middle = None if self.at is None else (now() + self.at) / 2
        return Deadline(first, middle, self.units), Deadline(second, self.at, self.units)


def decisions(log: Path) -> dict[str, Any]:
    """The decisions written in a run's log.jsonl; a line cut off by a kill is passed over."""
    made: dict[str, Any] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(event, dict) and event.get("event") == "decision" and {"name", "value"} <= set(event):
            made[event["name"]] = event["value"]
    return made


def seconds_noted(place: Path) -> float:
    """What :meth:`Budget.noted` wrote last; 0 where nothing can be read."""
    try:
        return float(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return 0.0
