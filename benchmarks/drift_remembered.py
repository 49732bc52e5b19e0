"""How often does drift against what a model remembers cry wolf, and what does it lose against rows?

A model is trained once. In each trial it is given a new memory, of training rows and unseen rows drawn afresh, and a
window without drift from the same distribution: ten numbers, five columns of levels, some cells missing;
the target is one of two classes (one row in eight is of the rarer) and depends on some of the columns.
*sketches*: the bundle keeps no rows; *kept*: it keeps --keep raw rows, balanced by class, of which a plain sample is
compared. Then the same with one column moved by --shift standard deviations: *found* is how often that is seen, and
*rows* how often `retemper.drift` sees it with all unseen rows at hand.

usage: python benchmarks/drift_remembered.py [--trials 300] [--windows 50,500] [--unseen 600] [--keep 400] [--shift 0.5]
       [--memories sketches,kept]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
from measuring import print_table
from scipy.stats import binomtest

import retemper
from retemper.bundle.memory.kept import Kept
from retemper.bundle.memory.record import Memory
from retemper.bundle.memory.sketches import Grid, Sketches
from retemper.bundle.memory.trained import Trained
from retemper.bundle.model import Model

ALPHA, TRAINING_ROWS = 0.05, 1500
LEVELS = np.array([f"level {k:02d}" for k in range(12)])
SMALL = {
    "procedure.members": 1, "procedure.folds": 0, "procedure.understand": False, "procedure.nested_rows": 0,
    "search.trials": 2, "search.challengers": [], "training.epochs": 10, "procedure.remedy_rounds": 0,
}  # fmt: skip


def table(draw: np.random.Generator, rows: int, shift: float = 0.0) -> pl.DataFrame:
    common = draw.normal(size=rows)
    columns: dict[str, np.ndarray] = {f"n{k}": common * (k % 2) + draw.normal(size=rows) for k in range(8)}
    columns |= {"skewed": draw.lognormal(sigma=1.5, size=rows), "counts": draw.poisson(3, rows).astype(float)}
    falling = 1 / np.arange(1.0, len(LEVELS) + 1)
    columns |= {f"c{k}": draw.choice(LEVELS, rows, p=falling / falling.sum()) for k in range(5)}
    score = columns["n0"] + columns["n1"] + (columns["c0"] == LEVELS[1]) - 2.7
    y = np.where(draw.random(rows) < 1 / (1 + np.exp(-1.5 * score)), "yes", "no")
    columns["n0"] = columns["n0"] + shift
    frame = pl.DataFrame({**columns, "y": y})
    gaps = [
        pl.when(pl.Series(draw.random(rows) < 0.05)).then(None).otherwise(pl.col(n)).alias(n)
        for n in ("n2", "c1")
    ]
    return frame.with_columns(gaps)


def with_sketches(
    model: Model, train: pl.DataFrame, unseen: pl.DataFrame, options: argparse.Namespace
) -> Memory:
    grid = Grid.fit(train, model.schema, model.outputs(train), np.zeros(train.height))
    return Memory(Trained(0), sketches=Sketches(grid, grid.tally(unseen, model.outputs(unseen), unseen["y"])))


def with_rows(model: Model, train: pl.DataFrame, unseen: pl.DataFrame, options: argparse.Namespace) -> Memory:
    is_unseen = np.arange(unseen.height + train.height) < unseen.height
    seed = int(train["n0"].hash().sum() % 2**31)
    kept = Kept(seed).updated(pl.concat([unseen, train]), is_unseen, 0, options.keep, model.schema)
    return Memory(Trained(0), kept=kept)


MEMORIES: dict[str, Callable[[Model, pl.DataFrame, pl.DataFrame, argparse.Namespace], Memory]] = {
    "sketches": with_sketches,
    "kept": with_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--windows", default="50,500")
    parser.add_argument("--unseen", type=int, default=600)
    parser.add_argument("--keep", type=int, default=400)
    parser.add_argument("--shift", type=float, default=0.5)
    parser.add_argument("--memories", default=",".join(MEMORIES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = retemper.train(
            table(np.random.default_rng(0), TRAINING_ROWS),
            "y",
            preset="quick",
            set=SMALL,
            out=f"{folder}/run",
        ).model
    rows = [
        [name, window, *_rates(model, name, window, options)]
        for name in options.memories.split(",")
        for window in map(int, options.windows.split(","))
    ]
    header = ("memory", "window", "trials", "alarms", "95 % interval", "found", "rows", "CPU s a test")
    print_table(f"Drift against a memory at alpha = {ALPHA}, {options.unseen} unseen rows", header, rows)


def _rates(model: Model, name: str, window: int, options: argparse.Namespace) -> list[str]:
    alarms = found = by_rows = 0
    spent = 0.0
    for trial in range(options.trials):
        draw = np.random.default_rng([trial, window])
        train, unseen = table(draw, TRAINING_ROWS), table(draw, options.unseen)
        own = replace(model, memory=MEMORIES[name](model, train, unseen, options))
        began = time.process_time()
        alarms += retemper.drift(own, table(draw, window), ALPHA, seed=trial).detected
        spent += time.process_time() - began
        if trial % 5 == 0:
            moved = table(draw, window, options.shift)
            found += retemper.drift(own, moved, ALPHA, seed=trial).detected
            by_rows += retemper.drift(unseen, moved, ALPHA, own, seed=trial).detected
    interval = binomtest(alarms, options.trials).proportion_ci(method="wilson")
    moved_trials = len(range(0, options.trials, 5))
    return [
        str(options.trials),
        f"{alarms / options.trials:.1%}",
        f"{interval.low:.1%} to {interval.high:.1%}",
        f"{found / moved_trials:.0%}",
        f"{by_rows / moved_trials:.0%}",
        f"{spent / options.trials:.2f}",
    ]


if __name__ == "__main__":
    main()
