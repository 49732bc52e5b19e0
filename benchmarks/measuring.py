"""Interleaved timing, child processes, and plain tables: what every benchmark here shares.

The cases of a benchmark run in turn, round after round, so that whatever else the machine does meets all of
them alike. A case's figure is its median over the rounds; a ratio is the median of the rounds' own ratios.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

RETEMPER = (sys.executable, "-m", "retemper.cli.main")
ROOT = Path(__file__).resolve().parents[1]


def interleaved(cases: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each case in each round; a first round warms up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, case in cases.items():
            gc.collect()
            began = time.perf_counter()
            case()
            taken = time.perf_counter() - began
            if number:
                seconds[name].append(taken)
    return seconds


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Median over the rounds of above / below."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def spread(above: Sequence[float], below: Sequence[float]) -> str:
    """The middle half of the rounds' ratios."""
    low, _, high = statistics.quantiles([a / b for a, b in zip(above, below, strict=True)], n=4)
    return f"{low:.2f} to {high:.2f}"


def met(value: float, *, at_most: float | None = None, at_least: float | None = None) -> str:
    """Whether a figure reaches its target."""
    if at_most is not None:
        return f"at most {at_most:g}: {'met' if value <= at_most else 'MISSED'}"
    assert at_least is not None
    return f"at least {at_least:g}: {'met' if value >= at_least else 'MISSED'}"


def run(*words: object, where: Path | None = None, check: bool = True) -> tuple[float, str]:
    """Run a program to its end: wall time in seconds, standard output.

    Raises:
        RuntimeError: it failed, and ``check`` asks for success.
    """
    began = time.perf_counter()
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=where)
    seconds = time.perf_counter() - began
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}\nleft with {done.returncode}:\n{done.stderr}")
    return seconds, done.stdout


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table in Markdown, as wide as its cells."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    rule = " | ".join("-" * width for width in widths)
    print(f"\n{title}\n\n| {lines[0]} |\n| {rule} |")
    for line in lines[1:]:
        print(f"| {line} |")
    sys.stdout.flush()
