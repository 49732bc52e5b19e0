"""How wide must the interval of a nested estimate be to hold what the procedure scores on new rows?

Each simulation draws a small table and lets a procedure choose: of some settings the one that does best on inner folds,
its inner models averaged. The whole choice is made anew without each outer fold, as `procedure.nested_*` and
`tune.nested` do with networks, and judged by it; the truth is what the choice from all rows scores on thousands of new
ones. Printed is how many of a hundred intervals hold it, by the factor that they are widened by: 1 is the bootstrap of
the rows alone, √(k/(k−1)) Nadeau & Bengio's with endless repeats, √(1/r + k/(k−1)) theirs for r repeats. Trees hang on
their rows much as networks do; linear models hardly.

usage: python benchmarks/nested_intervals.py [--simulations 100] [--rows 120] [--folds 5] [--only TEXT]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
from measuring import print_table
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from retemper.core.records import Score, Task
from retemper.evaluation import nested_scores as scoring
from retemper.evaluation.metrics import metrics

Floats = NDArray[np.float64]
UNSEEN, INNER, REPEATS, RESAMPLES = 5000, 5, 2, 200
LEAST = 0.02
"""No probability is said to be smaller."""
SHOWN: dict[Task, Sequence[str]] = {
    "classification": ("log_loss", "accuracy", "roc_auc"),
    "regression": ("rmse", "mae", "r2"),
}


@dataclass(frozen=True)
class Case:
    """A table and the models to choose among: ``settings(seed)`` makes them."""

    task: Task
    draw: Callable[[np.random.Generator, int], tuple[Floats, Any]]
    settings: Callable[[int], list[Any]]


def overlapping(random: np.random.Generator, rows: int) -> tuple[Floats, Any]:
    """Two classes, log odds 1.5·x0 + x1·x2."""
    x = random.normal(size=(rows, 6))
    odds = 1.5 * x[:, 0] + x[:, 1] * x[:, 2]
    return x, (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)


def noise(random: np.random.Generator, rows: int) -> tuple[Floats, Any]:
    """Two classes that nothing tells apart."""
    return random.normal(size=(rows, 6)), (random.random(rows) < 0.5).astype(int)


def curve(random: np.random.Generator, rows: int) -> tuple[Floats, Any]:
    """A wave, a product and noise."""
    x = random.normal(size=(rows, 5))
    return x, np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.5 * random.normal(size=rows)


def trees(kind: type) -> Callable[[int], list[Any]]:
    """Trees of four depths."""
    return lambda seed: [
        kind(max_depth=depth, min_samples_leaf=5, max_features=0.7, random_state=seed)
        for depth in (1, 2, 4, 6)
    ]


CASES = {
    "overlapping, trees": Case("classification", overlapping, trees(DecisionTreeClassifier)),
    "overlapping, linear": Case(
        "classification", overlapping, lambda seed: [LogisticRegression(C=c) for c in (0.01, 0.1, 1, 10)]
    ),
    "noise, trees": Case("classification", noise, trees(DecisionTreeClassifier)),
    "curve, trees": Case("regression", curve, trees(DecisionTreeRegressor)),
    "curve, linear": Case("regression", curve, lambda seed: [Ridge(a) for a in (0.1, 1, 10, 100)]),
}


def said(case: Case, model: Any, x: Floats) -> Floats:
    """Probabilities or values."""
    if case.task == "regression":
        return np.asarray(model.predict(x), dtype=np.float64)
    found = np.zeros((len(x), 2))
    found[:, model.classes_] = model.predict_proba(x)
    return np.clip(found, LEAST, 1 - LEAST)


def chosen(case: Case, x: Floats, y: Any, random: np.random.Generator) -> Callable[[Floats], Floats]:
    """The best setting's inner models, averaged."""
    inner, main = random.permutation(len(y)) % INNER, SHOWN[case.task][0]
    found: dict[float, list[Any]] = {}
    for setting in range(len(case.settings(0))):
        models = [case.settings(int(random.integers(1 << 30)))[setting] for _ in range(INNER)]
        outputs = np.zeros((len(y), 2)) if case.task == "classification" else np.zeros(len(y))
        for fold, model in enumerate(models):
            outputs[inner == fold] = said(
                case, model.fit(x[inner != fold], y[inner != fold]), x[inner == fold]
            )
        found[metrics(case.task, y, outputs)[main]] = models
    best = found[min(found)]
    return lambda rows: np.asarray(np.mean([said(case, model, rows) for model in best], axis=0))


def simulate(case: Case, rows: int, folds: int, seed: int) -> tuple[dict[str, float], list[dict[str, Score]]]:
    """The truth, and the scores that are not widened, of one repeat and of all."""
    random = np.random.default_rng([7, seed, rows])
    x, y = case.draw(random, rows)
    unseen, labels = case.draw(random, UNSEEN)
    truth = metrics(case.task, labels, chosen(case, x, y, random)(unseen))
    repeats = []
    for _ in range(REPEATS):
        outer = random.permutation(rows) % folds
        outputs = np.zeros((rows, 2)) if case.task == "classification" else np.zeros(rows)
        for fold in range(folds):
            without = outer != fold
            outputs[~without] = chosen(case, x[without], y[without], random)(x[~without])
        repeats.append(scoring.Repeat(np.arange(rows), y, outputs))
    with mock.patch.object(scoring, "widened", lambda name, score, factor: score):
        found = [
            scoring.nested_scores(case.task, repeats[:count], folds, RESAMPLES, seed)
            for count in (1, REPEATS)
        ]
    return truth, found


def holds(name: str, found: Score, truth: float, factor: float) -> bool:
    """Whether the interval, widened, holds the truth."""
    own = scoring.widened(name, found, factor)
    return own.low is not None and own.high is not None and own.low <= truth <= own.high


def lines(title: str, case: Case, asked: argparse.Namespace) -> list[tuple[str, ...]]:
    """A line for each metric and number of repeats."""
    every = [simulate(case, asked.rows, asked.folds, seed) for seed in range(asked.simulations)]
    ratio = asked.folds / (asked.folds - 1)
    shown = []
    for name in SHOWN[case.task]:
        for place, repeats in enumerate((1, REPEATS)):
            pairs = [(found[place][name], truth[name]) for truth, found in every]
            bias = np.mean([own.value - truth for own, truth in pairs])
            held = [
                100 * np.mean([holds(name, own, truth, factor) for own, truth in pairs])
                for factor in (1.0, math.sqrt(ratio), math.sqrt(1 / repeats + ratio))
            ]
            shown.append((title, name, str(repeats), f"{bias:+.4f}", *(f"{own:.0f}" for own in held)))
    return shown


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description="coverage of nested intervals by their width")
    parser.add_argument("--simulations", type=int, default=100)
    parser.add_argument("--rows", type=int, default=120)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    asked = parser.parse_args()
    head = ("case", "metric", "repeats", "bias", "rows alone", "√(k/(k−1))", "√(1/r + k/(k−1))")
    rows = [
        line for title, case in CASES.items() if asked.only in title for line in lines(title, case, asked)
    ]
    print_table(f"intervals of {asked.simulations} that hold, %; {asked.rows} rows", head, rows)


if __name__ == "__main__":
    main()
