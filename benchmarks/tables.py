"""Real tables: retemper's test score beside the baselines' and, if asked, other libraries'.

Every table is split 75/25 at random by the seed; both parts are written as CSV with their cells untouched, and
all contenders get the same two files. retemper holds out its own validation rows from the first, and reads the
second once, at the end. Log loss for classes, RMSE for numbers; lower is better. The baselines are those that
retemper itself reports on the test rows.

A peer runs in an environment of its own by a script that is called as
`PYTHON SCRIPT PEER TRAIN.csv TEST.csv TARGET classification|regression SECONDS` and prints one line of JSON
with `log_loss` or `rmse`.

usage: python benchmarks/tables.py TABLE.csv[.gz] TARGET [TABLE TARGET ...] [--sklearn NAME ...]
           [--seconds 60] [--seed 7] [--peer-python PYTHON --peer-script FILE --peer NAME ...]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from measuring import RETEMPER, print_table, run
from sklearn import datasets
from sklearn.model_selection import train_test_split

SKLEARN = {
    "digits": datasets.load_digits,
    "breast_cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
}
BASELINES = ("linear", "gradient_boosting")


@dataclass(frozen=True)
class Table:
    """A table in two files."""

    name: str
    train: Path
    test: Path
    target: str
    size: str


def split(name: str, frame: pl.DataFrame, target: str, folder: Path, seed: int) -> Table:
    """75 % of the rows to train on, 25 % to test on, drawn by the seed."""
    train, test = train_test_split(frame, test_size=0.25, random_state=seed)
    places = folder / f"{name}.train.csv", folder / f"{name}.test.csv"
    for part, place in zip((train, test), places, strict=True):
        part.write_csv(place)
    return Table(name, *places, target, f"{frame.height:,}×{frame.width}")


def from_file(path: str) -> tuple[str, pl.DataFrame]:
    """A CSV file with all cells as text, so that they come out as they went in."""
    name = Path(path).name.removesuffix(".gz").removesuffix(".csv")
    return name, pl.read_csv(path, infer_schema=False)


def from_sklearn(name: str) -> pl.DataFrame:
    """One of scikit-learn's own tables, target column ``target``, classes by name."""
    loaded = SKLEARN[name]()
    names = [str(column) for column in getattr(loaded, "feature_names", range(loaded.data.shape[1]))]
    classes = getattr(loaded, "target_names", None)
    target = loaded.target if classes is None else [str(classes[code]) for code in loaded.target]
    return pl.DataFrame(dict(zip(names, loaded.data.T, strict=True)) | {"target": target})


def retemper(table: Table, seconds: int, seed: int) -> dict[str, Any]:
    """result.json of a run within the limit, and the wall time of its process."""
    with tempfile.TemporaryDirectory() as folder:
        wall, printed = run(
            *RETEMPER, "train", table.train, "--test", table.test, "--target", table.target,
            "--time-limit", f"{seconds}s", "--seed", seed, "--out", Path(folder) / "run", "--json",
        )  # fmt: skip
    return {**json.loads(printed), "wall_s": wall}


def peer(name: str, table: Table, task: str, asked: argparse.Namespace) -> str:
    """A peer's score and its seconds; what went wrong, where it failed."""
    try:
        wall, printed = run(
            asked.peer_python, asked.peer_script, name, table.train, table.test, table.target, task, asked.seconds
        )  # fmt: skip
        scores: Mapping[str, Any] = json.loads(printed.strip().splitlines()[-1])
        value = scores["log_loss" if task == "classification" else "rmse"]
    except (RuntimeError, json.JSONDecodeError, KeyError, IndexError) as error:
        return f"failed: {str(error).splitlines()[-1][:60]}"
    return "none" if value is None else f"{value:.4g} ({scores.get('fit_s', wall):.0f} s)"


def line(table: Table, asked: argparse.Namespace) -> list[str]:
    """A row of the table of all results."""
    result = retemper(table, asked.seconds, asked.seed)
    metric = "log_loss" if result["task"] == "classification" else "rmse"
    own = result["metrics"]["test"][metric]
    cells = [
        f"{table.name} {table.size}",
        metric,
        f"{own['value']:.4g} [{own['low']:.4g}, {own['high']:.4g}] ({result['wall_s']:.0f} s)",
    ]
    for baseline in BASELINES:
        scores = result["baselines"].get(baseline, {})
        cells.append(f"{scores[metric]['value']:.4g}" if metric in scores else "")
    return cells + [peer(name, table, result["task"], asked) for name in asked.peer]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="test scores on real tables")
    parser.add_argument("pairs", nargs="*", metavar="TABLE TARGET", help="CSV files, each with its target")
    parser.add_argument("--sklearn", action="append", default=[], choices=SKLEARN, metavar="NAME")
    parser.add_argument("--seconds", type=int, default=60, help="the time limit of each contender")
    parser.add_argument("--seed", type=int, default=7, help="of the split and of retemper")
    parser.add_argument("--peer-python", help="the Python of the peers' environment")
    parser.add_argument("--peer-script", help="the script that fits a peer")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME")
    asked = parser.parse_args()
    if len(asked.pairs) % 2 or not (asked.pairs or asked.sklearn):
        parser.error("give TABLE TARGET pairs, or --sklearn NAME")
    if asked.peer and not (asked.peer_python and asked.peer_script):
        parser.error("--peer needs --peer-python and --peer-script")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tables = []
        for path, target in zip(asked.pairs[::2], asked.pairs[1::2], strict=True):
            tables.append(split(*from_file(path), target, place, asked.seed))
        for name in asked.sklearn:
            tables.append(split(name, from_sklearn(name), "target", place, asked.seed))
        rows = [line(table, asked) for table in tables]
    print_table(
        f"Test scores, 75/25 split, seed {asked.seed}, limit {asked.seconds} s",
        ("table", "metric", "retemper", *(name.replace("_", " ") for name in BASELINES), *asked.peer),
        rows,
    )


if __name__ == "__main__":
    main()
