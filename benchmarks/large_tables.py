"""How fast and in how much memory a large table is read and prepared, beside Polars reading the same file.

A table of mixed types (of 10 columns 6 fractions, one of them with gaps, a whole number, 50 levels, yes and no,
10,000 levels) is written once as CSV or Parquet parts. Each case runs in a process of its own, in turn: Polars reads
the table; retemper reads it, infers its schema, splits it, and writes the prepared arrays. Wall and processor time
are told, for on a busy machine only the latter compares; memory is the process's peak (ru_maxrss), imports included.
Targets: 1,000,000 × 50 at most twice Polars' time, at most 2 GB; with 10 times the rows memory stays flat and time
grows 10 times.

usage: python benchmarks/large_tables.py [--rows 1000000 …] [--columns 50] [--parts 1] [--kind csv|parquet] [--rounds 3]
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
from measuring import met, print_table, run

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


def write_parts(folder: Path, rows: int, columns: int, parts: int, kind: str) -> None:
    """The table, part by part."""
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
    asked = parser.parse_args()
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
