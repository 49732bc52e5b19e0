"""How often do the 95 % intervals of the metrics hold the truth?

For each kind of table and size, a fixed predictor meets new rows 300 times; the truth is its figure on 400,000 rows.
The table shows the share of intervals that hold it, in %. Of 300 simulations an exact 95 % interval gives 92 to 98
in 98 of 100 cells. Not to be had by any interval: a tail that the rows don't show (1 row in 200 with an error of 8
times the usual), and shares where less than about half a mistake is expected.

usage: python benchmarks/interval_coverage.py [--simulations 300] [--resamples 300] [--only TEXT]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from measuring import print_table
from numpy.typing import NDArray

from retemper.core.records import Task
from retemper.evaluation.intervals import scores
from retemper.evaluation.metrics import metrics

SIZES, TRUTH_ROWS = (50, 200, 1000), 400_000
CLASS_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "log_loss",
    "roc_auc",
)
VALUE_METRICS = ("rmse", "mae", "r2")
Draw = Callable[[np.random.Generator, int], tuple[NDArray[Any], NDArray[np.float64]]]


def classes(prior: Sequence[float], distance: float, temperature: float = 1.0) -> Draw:
    """Normal clouds, one a class, and the exact posterior, sharpened by a temperature below 1."""
    share = np.asarray(prior)

    def draw(random: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        y = random.choice(len(share), size=rows, p=share)
        x = random.normal(size=(rows, len(share)))
        x[np.arange(rows), y] += distance
        logits = (x * distance + np.log(share)) / temperature
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return y, p / p.sum(axis=1, keepdims=True)

    return draw


def values(noise: Callable[[np.random.Generator, NDArray[np.float64]], NDArray[np.float64]]) -> Draw:
    """y = x + noise(x), predicted as .95·x."""

    def draw(random: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        x = random.normal(size=rows)
        return x + noise(random, x), 0.95 * x

    return draw


def prices(random: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Log-normal values with errors in proportion."""
    x = random.normal(size=rows)
    return np.exp(x + 0.4 * random.normal(size=rows)), np.exp(x)


TABLES: dict[str, tuple[Task, Draw]] = {
    "2 classes, even": ("classification", classes([0.5, 0.5], 1.4)),
    "2 classes, one of 10": ("classification", classes([0.9, 0.1], 1.6)),
    "2 classes, accuracy .98": ("classification", classes([0.5, 0.5], 3.0)),
    "2 classes, too sure": ("classification", classes([0.6, 0.4], 1.2, 1 / 1.8)),
    "5 classes, even": ("classification", classes([0.2] * 5, 1.6)),
    "5 classes, 45 % to 5 %": ("classification", classes([0.45, 0.25, 0.15, 0.1, 0.05], 1.6)),
    "5 classes, accuracy .95": ("classification", classes([0.2] * 5, 3.0)),
    "30 classes, even": ("classification", classes([1 / 30] * 30, 2.5)),
    "normal errors": ("regression", values(lambda random, x: 0.5 * random.normal(size=len(x)))),
    "errors grow with x": (
        "regression",
        values(lambda random, x: 0.4 * random.normal(size=len(x)) * np.exp(0.7 * x)),
    ),
    "errors of t, 4 df": ("regression", values(lambda random, x: 0.5 * random.standard_t(4, len(x)))),
    "Laplace errors": ("regression", values(lambda random, x: 0.5 * random.laplace(size=len(x)))),
    "skewed errors": ("regression", values(lambda random, x: 0.5 * (random.exponential(size=len(x)) - 1))),
    "log-normal": ("regression", prices),
}


def coverage(task: Task, draw: Draw, rows: int, simulations: int, resamples: int) -> dict[str, float]:
    """Metric → share of intervals that hold the truth; samples that lack the metric don't count."""
    truth = metrics(task, *draw(np.random.default_rng(1), TRUTH_ROWS))
    held: dict[str, list[bool]] = {name: [] for name in truth}
    for number in range(simulations):
        sample = draw(np.random.default_rng([7, number, rows]), rows)
        for name, score in scores(task, *sample, resamples=resamples, seed=number).items():
            if score.low is not None and score.high is not None:
                held[name].append(score.low <= truth[name] <= score.high)
    return {name: float(np.mean(own)) for name, own in held.items() if own}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="coverage of the 95 % intervals")
    parser.add_argument("--simulations", type=int, default=300)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--only", default="", help="tables whose name holds this")
    asked = parser.parse_args()
    for task, names in (("classification", CLASS_METRICS), ("regression", VALUE_METRICS)):
        rows = []
        for title, (kind, draw) in TABLES.items():
            if kind != task or asked.only not in title:
                continue
            for size in SIZES:
                found = coverage(kind, draw, size, asked.simulations, asked.resamples)
                rows.append((title, str(size), *(f"{100 * found[name]:.1f}" for name in names)))
        if rows:
            print_table(f"{asked.simulations} simulations", ("table", "rows", *names), rows)


if __name__ == "__main__":
    main()
