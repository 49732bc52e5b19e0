"""Is the nested estimate of small tables honest, and does its 95 % interval hold the truth?

Each simulation draws a small table, trains on it by a small recipe, and asks the finished model about thousands of rows
that nobody has seen: its true figure. The nested estimate, the figure of the run's own choice (on the rows that it
chose by) and the sealed test are held against that. Biases are means of log(estimate / truth) with their standard
error; *holds* is the share of 95 % intervals with the truth inside, *wide* their median ratio of ends.

The recipe is small so that a simulation takes seconds: it searches less, which leaves less to be optimistic about.

usage: python benchmarks/nested_coverage.py [--simulations 40] [--rows 150] [--only TEXT] [--set PATH=VALUE]...
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measuring import print_table
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

import retemper
from retemper.core.recipe import parse_setting
from retemper.evaluation.metrics import MAIN, metrics
from retemper.procedure import sequence
from retemper.training.pool import Pool

TRUTH_ROWS = 20_000
SMALL = {
    "workers": 1,
    "data.clean": False,
    "prepare.bins": 8,
    "search.trials": 6,
    "search.coarse_epochs": 5,
    "search.refine_rungs": 1,
    "search.widths": [32],
    "search.periodic_frequencies": [0],
    "search.challengers": [],
    "training.epochs": 40,
    "training.patience_epochs": 8,
    "procedure.members": 5,
    "procedure.skip": ["overfit_sample", "input_blind", "learning_rate_range"],
    "procedure.understand": False,
    "procedure.remedy_rounds": 0,
    "procedure.bootstrap": 300,
    "procedure.nested_recipes": 3,
    "procedure.nested_repeats": 1,
}
Draw = Callable[[np.random.Generator, int], tuple[pl.DataFrame, pl.DataFrame]]


def _frame(x: np.ndarray, y: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({f"x{k}": column for k, column in enumerate(x.T)}).with_columns(y=pl.Series(y))


def made(columns: int, target: Callable[[np.random.Generator, np.ndarray], np.ndarray]) -> Draw:
    """Tables of normal columns, new for every simulation."""

    def draw(random: np.random.Generator, rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        x = random.normal(size=(rows + TRUTH_ROWS, columns))
        whole = _frame(x, target(random, x))
        return whole.head(rows), whole.tail(TRUTH_ROWS)

    return draw


def bundled(load: Callable[..., Any], classes: bool) -> Draw:
    """Rows of a bundled table; the rest is the truth."""
    x, y = load(return_X_y=True)
    whole = _frame(x, np.array([f"c{int(v)}" for v in y]) if classes else y)

    def draw(random: np.random.Generator, rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        order = random.permutation(whole.height)
        return whole[order[:rows]], whole[order[rows:]]

    return draw


def coin(random: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Two classes that overlap: log odds 1.5·x0 + x1·x2."""
    odds = 1.5 * x[:, 0] + x[:, 1] * x[:, 2]
    return np.where(random.random(len(x)) < 1 / (1 + np.exp(-odds)), "yes", "no")


def bands(random: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Three classes, nearly apart."""
    return np.array(["low", "mid", "high"])[
        np.digitize(x[:, 0] + x[:, 1] + 0.2 * random.normal(size=len(x)), [-0.8, 0.8])
    ]


def noise(random: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Two classes that nothing tells apart: all gain is luck."""
    return np.where(random.random(len(x)) < 0.5, "yes", "no")


def curve(random: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """A sum of a wave, a product and noise."""
    return np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.5 * random.normal(size=len(x))


TABLES: dict[str, Draw] = {
    "overlapping": made(6, coin),
    "three bands": made(4, bands),
    "noise": made(6, noise),
    "curve": made(5, curve),
    "breast_cancer": bundled(load_breast_cancer, True),
    "digits": bundled(load_digits, True),
    "diabetes": bundled(load_diabetes, False),
}


def simulate(draw: Draw, rows: int, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """One table, one run: the truth and what was said of it."""
    table, unseen = draw(np.random.default_rng([11, seed, rows]), rows)
    with tempfile.TemporaryDirectory() as folder:
        done = retemper.train(
            table, target="y", out=Path(folder) / "run", seed=seed, set={**SMALL, **settings}
        )
        nested, test = done.result["nested"], done.result["metrics"]["test"]
        if "left_out" in nested:
            raise SystemExit(f"no nested estimate: {nested['left_out']}")
        y = done.model.target_codec.encode(unseen["y"])
        task = done.result["task"]
        truth = metrics(task, y, done.model.outputs(unseen))
    name = MAIN[task]
    return {"truth": truth, "nested": nested["metrics"], "own": nested["own"], "test": test, "metric": name}


def line(title: str, found: list[dict[str, Any]]) -> tuple[str, ...]:
    """Bias and coverage over the simulations, in the main metric."""
    name = found[0]["metric"]
    truth = np.array([one["truth"][name] for one in found])
    nested, test = ([one[part][name] for one in found] for part in ("nested", "test"))
    biases = [
        np.log(np.array(values) / truth)
        for values in ([one["value"] for one in nested], [one["own"] for one in found])
    ]
    shown = [f"{b.mean():+.3f} ± {b.std() / np.sqrt(len(b)):.3f}" for b in biases]
    for own in (nested, test):
        low, high = (np.array([one[end] for one in own]) for end in ("low", "high"))
        shown += [
            f"{100 * np.mean((low <= truth) & (truth <= high)):.0f}",
            f"{np.median(high / np.maximum(low, 1e-9)):.2f}",
        ]
    return (title, str(len(found)), f"{truth.mean():.3f}", *shown)


class Warm:
    """One process for all runs, in the place of each run's own: it takes seconds to start one."""

    pool: Pool

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder

    def run(self, *args: Any) -> Any:
        """As :meth:`Pool.run`."""
        self.pool.folder = self.folder
        return self.pool.run(*args)

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *error: object) -> None:
        return None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="bias and coverage of the nested estimate")
    parser.add_argument("--simulations", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="number of the first simulation")
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--only", default="", help="tables whose name holds this")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--keep", type=Path, help="a file for what each simulation found, JSON lines")
    asked = parser.parse_args()
    settings = dict(parse_setting(text) for text in asked.set)
    head = (
        "table",
        "runs",
        "truth",
        "nested bias",
        "own bias",
        "nested holds %",
        "wide",
        "test holds %",
        "wide",
    )
    rows = []
    numbers = range(asked.first, asked.first + asked.simulations)
    with tempfile.TemporaryDirectory() as idle, Pool(Path(idle), 1) as Warm.pool:
        sequence.Pool = Warm  # type: ignore[misc, assignment]
        for title, draw in TABLES.items():
            if asked.only in title:
                found = [_kept(asked, title, simulate(draw, asked.rows, seed, settings)) for seed in numbers]
                rows.append(line(title, found))
    print_table(f"{asked.rows} rows, a fifth of them sealed", head, rows)


def _kept(asked: argparse.Namespace, title: str, found: dict[str, Any]) -> dict[str, Any]:
    if asked.keep:
        with asked.keep.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"table": title, "rows": asked.rows, **found}) + "\n")
    return found


if __name__ == "__main__":
    main()
