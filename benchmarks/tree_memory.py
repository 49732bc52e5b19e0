"""Memory of a program and of all processes that it starts, sampled while they run, told step by step of a run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECONDS_BETWEEN = 0.5
FACTS = ("Pss", "Pss_Anon")


@dataclass
class Peak:
    """GB of all processes at once: ``Pss`` counts a page that n of them share as 1/n in each; ``Pss_Anon`` of it is
    what no file holds."""

    largest: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FACTS, 0.0))

    def see(self, held: dict[str, float]) -> None:
        """A sample."""
        for fact, gb in held.items():
            self.largest[fact] = max(self.largest[fact], gb)


def watched(words: Sequence[object], run_folder: Path | None = None) -> tuple[float, dict[str, Peak]]:
    """Run a program to its end.

    Args:
        words: the program and its arguments.
        run_folder: of a `retemper train`: what is seen counts for the step that its log has not finished yet.

    Returns:
        wall seconds, and the peak of each step in their order (one step, "", without a folder).

    Raises:
        RuntimeError: the program failed.
    """
    peaks: dict[str, Peak] = {}
    began = time.perf_counter()
    with subprocess.Popen(
        [str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as program:
        while program.poll() is None:
            peaks.setdefault(_step(run_folder), Peak()).see(held_by(tree(program.pid)))
            time.sleep(SECONDS_BETWEEN)
        assert program.stderr is not None
        said = program.stderr.read().decode()
    if program.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}\nleft with {program.returncode}:\n{said}")
    return time.perf_counter() - began, peaks


def tree(root: int) -> list[int]:
    """A process and all that it started, and so on."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue  # the thread ended meanwhile
    return found


def held_by(processes: list[int]) -> dict[str, float]:
    """GB of :data:`FACTS`."""
    total = dict.fromkeys(FACTS, 0.0)
    for pid in processes:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue  # it ended meanwhile
        own = {line.split(":")[0]: line.split()[1] for line in lines}
        for fact in FACTS:
            total[fact] += int(own.get(fact, 0)) / 1e6
    return total


def _step(run_folder: Path | None) -> str:
    """The last step that a run's log names as done; what follows it is under way."""
    log = run_folder / "log.jsonl" if run_folder else None
    if log is None or not log.is_file():
        return "start" if run_folder else ""
    events = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    done = [event["name"] for event in events if event.get("event") == "step"]
    return f"after {done[-1]}" if done else "start"


if __name__ == "__main__":
    seconds, steps = watched(sys.argv[2:], Path(sys.argv[1]))
    for name, peak in steps.items():
        print(f"{name:32s} {peak.largest['Pss']:.2f} {peak.largest['Pss_Anon']:.2f}")
    print(f"{seconds:.1f} s")
