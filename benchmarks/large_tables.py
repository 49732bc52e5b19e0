"""How fast and in how much memory a large table is read and prepared, beside Polars reading the same file.

A table of mixed types (of 10 columns 6 fractions, one of them with gaps, a whole number, 50 levels, yes and no,
10,000 levels) is written once as CSV or Parquet parts. Each case runs in a process of its own, in turn: Polars reads
the table; retemper reads it, infers its schema, splits it, and writes the prepared arrays. Wall and processor time
are told, for on a busy machine only the latter compares; memory is the process's peak (ru_maxrss), imports included.
Targets: 1,000,000 × 50 at most twice Polars' time, at most 2 GB; with 10 times the rows memory stays flat and time
grows 10 times.

With --train LIMIT a whole `retemper train --time-limit LIMIT` is watched instead: the most memory that it and its
workers held at once during each step (a page that two share counts half in each), of that what no file holds (pages of
files go when somebody else needs the room), the wall time, and what it reached. Target: 10,000,000 × 30 below 2 GB.

usage: python benchmarks/large_tables.py [--rows 1000000 …] [--columns 50] [--parts 1] [--kind csv|parquet] [--rounds 3]
           [--classes 2] [--train 60s]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from measuring import RETEMPER as COMMAND
from measuring import met, print_table, run
from tree_memory import watched

Case = dict[str, float]
POLARS = """
import sys, polars as pl
from pathlib import Path
reader = pl.read_csv if sys.argv[2] == "csv" else pl.read_parquet
frame = pl.concat([reader(part) for part in sorted(Path(sys.argv[1]).iterdir())])
"""
RETEMPER = """
import sys
from pathlib import Path
from retemper.core.recipe import build
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.split import split
from retemper.procedure.prepare import prepare
from retemper.training import arrays
BEGIN = now()
table, recipe = read(sys.argv[1], "y"), build({"data": {"target": "y"}})
took("read")
schema = infer(table, recipe.data)
took("infer")
parts = split(table, schema, recipe.split, recipe.seed)
folder = Path(sys.argv[3])
prepared = prepare(table.frame, schema, recipe, parts.train, parts.validation, folder)
arrays.save(prepared.arrays, folder)
took("prepare")
"""
BEFORE = """
import json, resource, time
def now(): return time.perf_counter(), time.process_time()
MARKS = []
def took(step): MARKS.append((step, *now()))
BEGIN = now()
"""
AFTER = """
took("end")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps({"wall": MARKS[-1][1] - BEGIN[0], "cpu": MARKS[-1][2] - BEGIN[1], "peak_gb": peak,
                  "steps": {name: round(cpu - BEGIN[1], 2) for name, wall, cpu in MARKS}}))
"""


def write_parts(folder: Path, rows: int, columns: int, parts: int, kind: str, classes: int = 2) -> None:
    """The table, part by part; of more than two classes each is a narrow range of the first column, blurred."""
    levels = [pl.Series([f"level {k}" for k in range(n)]) for n in (50, 10_000)]
    for part in range(parts):
        random = np.random.default_rng(part)
        count = rows // parts
        cells: dict[str, pl.Series] = {}
        for k in range(columns - 1):
            place = k % 10
            if place < 6:
                numbers = pl.Series(random.normal(size=count) * 10.0 ** (k % 3)).round(4)
                gaps = pl.Series(random.random(count) < 0.05)
                cells[f"c{k}"] = numbers.set(gaps, None) if place == 5 else numbers
            elif place == 6:
                cells[f"c{k}"] = pl.Series(random.integers(0, 1000, count))
            elif place == 8:
                cells[f"c{k}"] = pl.Series(["yes", "no"])[random.integers(0, 2, count)]
            else:
                own = levels[place == 9]
                cells[f"c{k}"] = own[random.integers(0, len(own), count)]
        cells["y"] = ((cells["c0"] + random.normal(size=count)) > 0).cast(pl.Int64)
        if classes > 2:
            place_of = (cells["c0"] + random.normal(size=count) * 0.01).clip(-1.999, 1.999) / 4 + 0.5
            cells["y"] = "class " + (place_of * classes).floor().cast(pl.Int64).cast(pl.String)
        frame = pl.DataFrame(cells)
        path = folder / f"{part:04d}.{kind}"
        if kind == "csv":
            frame.write_csv(path)
        else:
            frame.write_parquet(path)


def measured(asked: argparse.Namespace, rows: int) -> tuple[list[Case], list[Case]]:
    """Polars' and retemper's rounds over a table of so many rows."""
    found: tuple[list[Case], list[Case]] = ([], [])
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        data.mkdir()
        write_parts(data, rows, asked.columns, max(1, asked.parts * rows // asked.rows[0]), asked.kind)
        for number in range(asked.rounds):
            for own, program in zip(found, (POLARS, RETEMPER), strict=True):
                # A cache of its own each round: reading is to be measured, not finding.
                os.environ["RETEMPER_CACHE"] = str(Path(place) / f"cache{number}")
                arrays = Path(place) / f"arrays{number}"
                _, printed = run(sys.executable, "-c", BEFORE + program + AFTER, data, asked.kind, arrays)
                own.append(json.loads(printed))
                print(rows, own[-1], file=sys.stderr)
                shutil.rmtree(os.environ["RETEMPER_CACHE"], ignore_errors=True)
                shutil.rmtree(arrays, ignore_errors=True)
    return found


def trained(asked: argparse.Namespace, rows: int) -> None:
    """Watch a whole training on a table of so many rows, and print what each step held."""
    with tempfile.TemporaryDirectory() as place:
        data, out = Path(place) / "data", Path(place) / "run"
        data.mkdir()
        write_parts(
            data, rows, asked.columns, max(1, asked.parts * rows // asked.rows[0]), asked.kind, asked.classes
        )
        os.environ["RETEMPER_CACHE"] = str(Path(place) / "cache")
        options = ("--target", "y", "--time-limit", asked.train, "--out", out, "--quiet")
        words = (*COMMAND, "train", data, *options)
        seconds, peaks = watched(words, out)
        result = json.loads((out / "result.json").read_text())
    held = [(step, *(f"{gb:.2f}" for gb in peak.largest.values())) for step, peak in peaks.items()]
    title = f"{rows:,} × {asked.columns}, {asked.kind}, {asked.classes} classes, --time-limit {asked.train}"
    print_table(title, ("during", "GB of all processes", "of it no file's"), held)
    metric = "log_loss"
    marks = {
        name: own[metric]
        for name, own in {"retemper": result["metrics"]["test"], **result["baselines"]}.items()
    }
    told = ", ".join(f"{name} {own['value']:.4g}" for name, own in marks.items())
    print(f"{seconds:.1f} s; test {metric}: {told}")
    print(f"peak GB: {met(max(peak.largest['Pss'] for peak in peaks.values()), at_most=2)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="reading and preparing a large table")
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_000_000], help="one size or more, the least first"
    )
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--parts", type=int, default=1, help="of the smallest table; larger ones have more")
    parser.add_argument("--kind", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument(
        "--train", metavar="LIMIT", help="watch a whole training with this time limit instead"
    )
    asked = parser.parse_args()
    if asked.train:
        for rows in asked.rows:
            trained(asked, rows)
        return
    found = {rows: measured(asked, rows) for rows in asked.rows}
    print_table(
        f"{asked.columns} columns, {asked.kind}",
        ("rows", "case", "wall s", "processor s", "peak GB"),
        [
            (f"{rows:,}", name, *(f"{median(own, key):.2f}" for key in ("wall", "cpu", "peak_gb")))
            for rows, cases in found.items()
            for name, own in zip(("polars reads", "retemper reads and prepares"), cases, strict=True)
        ],
    )
    for rows, (polars, own) in found.items():
        for key in ("wall", "cpu"):
            ratio = statistics.median(a[key] / b[key] for a, b in zip(own, polars, strict=True))
            print(f"{rows:,} rows, {key}: {ratio:.2f} times Polars; {met(ratio, at_most=2)}")
        print(f"{rows:,} rows, peak GB: {met(max(one['peak_gb'] for one in own), at_most=2)}")
    first, last = asked.rows[0], asked.rows[-1]
    if last > first:
        grown = median(found[last][1], "cpu") / median(found[first][1], "cpu") * first / last
        print(f"processor time a row, of the most rows by the fewest: {grown:.2f}")


def median(cases: list[Case], key: str) -> float:
    """Over the rounds."""
    return statistics.median(one[key] for one in cases)


if __name__ == "__main__":
    main()
