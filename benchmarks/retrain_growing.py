"""Growing data: a table comes in fifths; how near to training from scratch, for how much of its work?

The first model is trained on a fifth (`retemper.train`, as in retrain_streams.py). Each further fifth is handed to
`retrain(model, fifth, old=all before)`, once as it is and once with `strategy="from_scratch"`, whose challenger is
always taken: the same networks, trained anew on everything. All are scored on up to 20,000 rows that nobody learns
from. A point is .01 of accuracy, or 1 % of an RMSE; work is counted in multiply-adds, which for the same networks are
steps times rows a step.

usage: python benchmarks/retrain_growing.py --data FOLDER --keep FOLDER [--also NAME=TARGET@FILE]… [--tables a,b]
       [--rows 10000] [--budget X] [--folds K] [--seed S] [--tag NAME]
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measuring import print_table
from retrain_streams import TRAINED, scores, spent

import retemper

FIFTHS, LEARNT, MOST_TEST = 5, 0.8, 20_000
Record = dict[str, Any]


def _digits(folder: Path) -> pl.DataFrame:
    found = np.load(folder / "mnist_5k.npz")
    pixels = found["x"].reshape(len(found["x"]), -1)
    return pl.DataFrame(
        {**{f"p{k}": pixels[:, k] for k in range(pixels.shape[1])}, "y": found["y"]}
    ).with_columns(pl.col("y").cast(pl.String))


def tables(folder: Path, also: list[str]) -> dict[str, tuple[Callable[[], pl.DataFrame], str]]:
    """Name → how it is read, and its target."""
    found: dict[str, tuple[Callable[[], pl.DataFrame], str]] = {
        "adult": (lambda: pl.read_csv(folder / "adult.csv.gz"), "income"),
        "diamonds": (lambda: pl.read_csv(folder / "diamonds.csv.gz"), "price"),
        "employment": (lambda: pl.read_csv(folder / "employment_by_year.csv.gz").drop("year"), "employed"),
        "mnist_5k": (lambda: _digits(folder), "y"),
    }
    for word in also:
        name, _, told = word.partition("=")
        target, _, file = told.partition("@")
        found[name] = partial(pl.read_csv, file, infer_schema_length=None), target
    return found


def grown(
    first: Path, place: Path, parts: list[pl.DataFrame], test: pl.DataFrame, **settings: Any
) -> list[Record]:
    """One record a fifth: the score afterwards, and what it took."""
    model, records = first, []
    for k in range(1, FIFTHS):
        folder = place / f"{settings.get('strategy', 'auto')}_{k}"
        shutil.rmtree(folder, ignore_errors=True)
        began = spent()
        run = retemper.retrain(model, parts[k], old=pl.concat(parts[:k]), out=folder, seed=k, **settings)
        record = {"cpu": spent() - began, "promoted": run.promoted, "strategy": run.decision["strategy"]}
        record |= run.decision["compute"]
        if run.promoted:
            model = folder
        elif "strategy" in settings:
            model = folder / "challenger"
        records.append(record | {"scores": scores(model, test)})
    return records


def points_behind(own: Record, mark: Record) -> float:
    """By how many points the score is worse."""
    if "rmse" in mark["scores"]:
        return 100 * float(own["scores"]["rmse"] / mark["scores"]["rmse"] - 1)
    return 100 * float(mark["scores"]["accuracy"] - own["scores"]["accuracy"])


def compared(
    name: str, read: Callable[[], pl.DataFrame], target: str, options: argparse.Namespace
) -> list[list[str]]:
    """A line a fifth."""
    frame = read().sample(fraction=1, shuffle=True, seed=options.seed)
    learnt = round(LEARNT * min(options.rows, frame.height))
    rest, test = frame[:learnt], frame[learnt : learnt + MOST_TEST]
    edges = np.linspace(0, rest.height, FIFTHS + 1).astype(int).tolist()
    parts = [rest[a:b] for a, b in pairwise(edges)]
    place = options.keep / f"growing_{name}_{options.seed}"
    first = place / "first"
    if not (first / "result.json").exists():
        shutil.rmtree(first, ignore_errors=True)
        retemper.train(parts[0], target, seed=options.seed, out=first, **TRAINED)
    said: dict[str, Any] = {} if options.budget is None else {"budget": options.budget}
    said |= {} if options.folds is None else {"set": {"folds": options.folds}}
    ours = _kept(place / f"ours{options.tag}.json", lambda: grown(first, place, parts, test, **said))
    mark = _kept(place / "mark.json", lambda: grown(first, place, parts, test, strategy="from_scratch"))
    key = "rmse" if "rmse" in mark[0]["scores"] else "accuracy"
    return [
        [
            name, f"{20 * (k + 2)} %", f"{own['scores'][key]:.4f}", f"{anew['scores'][key]:.4f}",
            f"{points_behind(own, anew):+.2f}", f"{own['spent'] / anew['spent']:.0%}",
            f"{own['cpu']:.1f}", f"{anew['cpu']:.1f}", own["strategy"], "yes" if own["promoted"] else "no",
        ]
        for k, (own, anew) in enumerate(zip(ours, mark, strict=True))
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--also", action="append", default=[], metavar="NAME=TARGET@FILE")
    parser.add_argument("--tables")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--budget", type=float)
    parser.add_argument(
        "--folds", type=int, help="of the new rows; fewer leave more work to the networks that serve"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the order of rows, and of the first model")
    parser.add_argument("--tag", default="", help="added to the names of what is kept, to compare versions")
    options = parser.parse_args()
    known = tables(options.data, options.also)
    wanted = options.tables.split(",") if options.tables else list(known)
    rows = [row for name in wanted for row in compared(name, *known[name], options)]
    header = ("table", "rows", "retrained", "from scratch", "points behind", "of its work", "CPU s", "its", "strategy",
              "promoted")  # fmt: skip
    print_table("Growing data, a fifth at a time", header, rows)


def _kept(noted: Path, made: Callable[[], list[Record]]) -> list[Record]:
    if not noted.exists():
        noted.write_text(json.dumps(made()))
    found: list[Record] = json.loads(noted.read_text())
    return found


if __name__ == "__main__":
    main()
