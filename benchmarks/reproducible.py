"""Same seed, same bits: the weights in the bundle compared byte by byte.

On 2,000 rows of Adult with a small preset:

- *again*: the same command twice, no time limit; once more with one worker instead of one a core;
- *replay*: a run with a limit of half the time that it would need (and so, as the table shows, with other
  weights), then `--replay` of its log, which reads no clock;
- *killed*: kill -9 at random moments, `--resume` after each, against the run that nothing disturbed;
- *other seed*: the control, which must differ.

usage: python benchmarks/reproducible.py [--kills 5] [--seed 3]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from measuring import RETEMPER, ROOT, print_table, run

SMALL = ("--preset", "quick", "--set", "training.epochs=15", "--set", "search.trials=6")
ROWS = 2000


class Bench:
    """Runs of one table in one folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.table = folder / "adult.csv"
        pl.read_csv(ROOT / "examples/data/adult.csv.gz", infer_schema=False).head(ROWS).write_csv(self.table)

    def words(self, name: str, *options: object, seed: int | None = None) -> list[str]:
        """The command of a run."""
        seed = self.seed if seed is None else seed
        every = (*RETEMPER, "train", self.table, "--target", "income", "--out", self.folder / name)
        return [str(word) for word in (*every, *SMALL, "--seed", seed, "--quiet", *options)]

    def train(self, name: str, *options: object, seed: int | None = None) -> float:
        """One run to its end; seconds."""
        seconds, _ = run(*self.words(name, *options, seed=seed))
        return seconds

    def weights(self, name: str) -> bytes:
        """The bundle's weights."""
        return (self.folder / name / "model" / "weights.safetensors").read_bytes()

    def train_killed(self, name: str, kills: int, seconds: float) -> int:
        """One run killed again and again; how often it really died."""
        moments = np.random.default_rng(self.seed)
        place = self.folder / name
        words, died = self.words(name), 0
        for _ in range(kills):
            died += _killed(words, place, float(moments.uniform(0, 1.2 * seconds / kills)))
            if (place / "result.json").exists():
                return died
            words = [str(word) for word in (*RETEMPER, "train", "--resume", place, "--quiet")]
        run(*words)
        return died


def _killed(words: list[str], place: Path, after_s: float) -> bool:
    """Start a process, kill -9 it ``after_s`` after the run's start is on disk; whether it was still alive."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (place / "checkpoints" / "run.json").exists():
        time.sleep(0.02)
    time.sleep(after_s)
    process.kill()
    return process.wait() != 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="same seed, same bits")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), asked.seed)
        seconds = bench.train("first")
        bench.train("again")
        bench.train("one worker", "--set", "workers=1")
        limit = max(1, round(seconds / 2))
        bench.train("limited", "--time-limit", f"{limit}s")
        bench.train("replayed", "--replay", bench.folder / "limited" / "log.jsonl")
        died = bench.train_killed("killed", asked.kills, seconds)
        bench.train("other seed", seed=asked.seed + 1)
        pairs = [
            ("the same command again", "first", "again", True),
            ("one worker instead of one a core", "first", "one worker", True),
            (f"--time-limit {limit}s, then --replay", "limited", "replayed", True),
            (f"kill -9 {died} times, --resume after each", "first", "killed", True),
            (f"control: --time-limit {limit}s cut the run short", "first", "limited", False),
            ("control: another seed", "first", "other seed", False),
        ]
        rows = []
        for what, one, other, wanted in pairs:
            same = bench.weights(one) == bench.weights(other)
            rows.append((what, "same" if same else "differ", "met" if same == wanted else "MISSED"))
    print_table(f"{ROWS} rows of Adult, seed {asked.seed}", ("runs", "bytes of the weights", "target"), rows)
    if any(row[2] != "met" for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
