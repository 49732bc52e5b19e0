"""The textbook grid: 27 settings × 5 folds of digits, skorch in scikit-learn's search against retemper.GridSearch.

Learning rate .01/.001/.0001 × batch 32/64/128 × hidden units 16/32/64, 20 epochs, Adam, 64-H-10 with ReLU, both
from PyTorch's own start, on the same rows. Each side runs in a process of its own, warms up on one setting (imports and
worker processes are not counted) and fits the grid and the best setting on all rows; sides take turns. Then the scores:
means over seeds of each side for some settings, whose difference is held against its standard error.

usage: python benchmarks/grid_search.py --skorch-python PYTHON [--rounds 3] [--seeds 20]

PYTHON is the interpreter of an environment with skorch, scikit-learn and torch.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold

GRID = {"learning_rate": [0.01, 0.001, 0.0001], "batch_size": [32, 64, 128], "hidden_units": [16, 32, 64]}
EPOCHS, FOLDS = 20, 5
SCORED = [(0.01, 32, 64), (0.001, 64, 32), (0.001, 32, 64), (0.0001, 128, 16)]
"""Settings whose scores are compared: rate, batch, hidden units."""


def digits() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """1,797 × 64 in [0, 1], and the digits."""
    x, y = load_digits(return_X_y=True)
    return (x / 16).astype(np.float32), y


def retempers_search(grid: dict[str, list[Any]]) -> Any:
    """retemper's search over a plain network."""
    from retemper import GridSearch, NetClassifier

    net = NetClassifier(
        epochs=EPOCHS,
        optimizer="adam",
        weight_decay=0.0,
        schedule="constant",
        early_stopping=False,
        activation="relu",
        initialiser="pytorch",
        scaling="none",
        number_embedding="none",
    )
    return GridSearch(net, grid, cv=FOLDS)


def skorchs_search(grid: dict[str, list[Any]]) -> Any:
    """skorch's network in scikit-learn's search, two processes."""
    import torch
    from skorch import NeuralNetClassifier
    from torch import nn

    class Plain(nn.Module):
        def __init__(self, hidden_units: int = 64) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(64, hidden_units), nn.ReLU(), nn.Linear(hidden_units, 10))

        def forward(self, x: Any) -> Any:
            return self.layers(x)

    torch.set_num_threads(1)
    net = NeuralNetClassifier(
        Plain,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        max_epochs=EPOCHS,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    own = {
        "lr": grid["learning_rate"],
        "batch_size": grid["batch_size"],
        "module__hidden_units": grid["hidden_units"],
    }
    return GridSearchCV(net, own, cv=FOLDS, n_jobs=2)


def one_side(search: Callable[[dict[str, list[Any]]], Any], seeds: int) -> dict[str, Any]:
    """Seconds of the grid after a warm-up, its best score, and scores by seed."""
    x, y = digits()
    search({name: values[:1] for name, values in GRID.items()}).fit(x, y)
    began = time.perf_counter()
    found = search(GRID).fit(x, y)
    seconds = time.perf_counter() - began
    scores = {str(setting): [_score(search, setting, seed) for seed in range(seeds)] for setting in SCORED}
    return {"seconds": seconds, "best": float(found.best_score_), "scores": scores}


def _score(
    search: Callable[[dict[str, list[Any]]], Any], setting: tuple[float, int, int], seed: int
) -> float:
    """Mean accuracy of one setting over the folds of a seed, with that seed's start and order."""
    rate, batch, units = setting
    own = search({"learning_rate": [rate], "batch_size": [batch], "hidden_units": [units]})
    own.cv = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    own.refit = False
    if hasattr(own.estimator, "random_state"):
        own.estimator.set_params(random_state=seed)
    else:
        import torch

        own.n_jobs = 1
        torch.manual_seed(seed)
    return float(own.fit(*digits()).cv_results_["mean_test_score"][0])


def measured(python: str, side: str, seeds: int) -> dict[str, Any]:
    """One side in a process of its own."""
    command = [python, str(Path(__file__).resolve()), "--side", side, "--seeds", str(seeds)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


def main(arguments: Sequence[str]) -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skorch-python")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--side", choices=("retemper", "skorch"))
    options = parser.parse_args(arguments)
    if options.side:
        search = retempers_search if options.side == "retemper" else skorchs_search
        print(json.dumps(one_side(search, options.seeds)))
        return
    if not options.skorch_python:
        parser.error("--skorch-python names the interpreter that has skorch")
    from measuring import print_table

    sides = {"skorch": options.skorch_python, "retemper": sys.executable}
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for number in range(options.rounds):
        for side, python in sides.items():
            runs[side].append(measured(python, side, 0 if number else options.seeds))
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(runs["skorch"], runs["retemper"], strict=True)]
    print_table(
        "The grid, 135 fits and the best on all rows",
        ("side", "median s", "fastest s", "best score", "times faster"),
        [
            (
                side,
                f"{median(run['seconds'] for run in own):.2f}",
                f"{min(run['seconds'] for run in own):.2f}",
                f"{own[0]['best']:.4f}",
                "" if side == "skorch" else f"{median(ratios):.1f}",
            )
            for side, own in runs.items()
        ],
    )
    print_table(
        "Mean accuracies over seeds",
        ("setting (rate, batch, units)", "skorch", "retemper", "difference in standard errors"),
        [_compared(str(setting), runs) for setting in SCORED],
    )


def _compared(setting: str, runs: dict[str, list[dict[str, Any]]]) -> tuple[str, ...]:
    one, other = (np.array(runs[side][0]["scores"][setting]) for side in ("skorch", "retemper"))
    error = float(np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)))
    return setting, f"{one.mean():.4f}", f"{other.mean():.4f}", f"{(other.mean() - one.mean()) / error:+.1f}"


if __name__ == "__main__":
    main(sys.argv[1:])
