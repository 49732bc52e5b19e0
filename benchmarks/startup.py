"""How long a person waits for an answer: whole processes, from their start to their end.

Interleaved with a Python that does nothing, so that the table shows what the interpreter itself costs here.
Target: each under 0.3 s. The files are warm in the system's cache after the first round, which does not count.

usage: python benchmarks/startup.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from measuring import interleaved, met, print_table, run

COMMANDS: dict[str, tuple[str, ...]] = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "import retemper": (sys.executable, "-c", "import retemper"),
    "retemper --help": (str(Path(sys.executable).with_name("retemper")), "--help"),
    "retemper train --help": (str(Path(sys.executable).with_name("retemper")), "train", "--help"),
}
TARGET_S = 0.3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="start of the command and of the package")
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    cases = {name: (lambda words=words: run(*words)) for name, words in COMMANDS.items()}
    seconds = interleaved(cases, asked.rounds)
    rows = []
    for name, taken in seconds.items():
        median = statistics.median(taken)
        verdict = met(median, at_most=TARGET_S) if "retemper" in name else ""
        rows.append((name, f"{median:.3f}", f"{min(taken):.3f}", f"{max(taken):.3f}", verdict))
    print_table(
        f"Whole processes, {asked.rounds} rounds",
        ("command", "median s", "fastest s", "slowest s", "target"),
        rows,
    )


if __name__ == "__main__":
    main()
