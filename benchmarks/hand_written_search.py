"""Optuna's TPE and Hyperband over a hand-written PyTorch loop: the mark for a search by retemper.tune.

What a careful person writes: rows in memory, no loader, the fused optimizer, all folds an epoch at a time so that the
pruner sees their mean, and where there are several processes one journal file that they share.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 64
Course = list[tuple[float, float, float]]
"""Seconds, processor seconds, best score so far: one entry for each gain."""


def space_of(options: argparse.Namespace) -> dict[str, Any]:
    """What both sides search."""
    return {
        "training.optimizer.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "training.optimizer.weight_decay": {"low": 1e-4, "high": 0.3, "log": True},
        "model.dropout": {"low": 0.0, "high": 0.5},
        "model.width": [int(width) for width in options.widths.split(",")],
    }


def better(course: Course, seconds: float, processor_s: float, score: float) -> None:
    """Append a score if it is a gain."""
    if math.isfinite(score) and (not course or score < course[-1][2]):
        course.append((seconds, processor_s, score))


def optunas_side(options: argparse.Namespace) -> dict[str, Any]:
    """The course of one of Optuna's processes; all share the journal file, and start when the file `go` is there."""
    import optuna
    import torch
    from optuna.storages.journal import JournalFileBackend

    torch.set_num_threads(options.threads)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folds = _folds(options.arrays)
    torch.manual_seed(options.seed * 10 + options.number)
    space = space_of(options)
    next(
        _scores(
            {path: 0.001 if isinstance(form, dict) else form[0] for path, form in space.items()}, folds, 1
        )
    )  # loads code
    journal = Path(options.journal)
    parallel = options.processes > 1
    # What other processes still train counts as bad; Optuna calls it experimental.
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    study = optuna.create_study(
        study_name="search",
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(journal))) if parallel else None,
        sampler=optuna.samplers.TPESampler(seed=options.seed * 10 + options.number, constant_liar=parallel),
        pruner=optuna.pruners.HyperbandPruner(1, options.epochs, 3),
        load_if_exists=True,
    )
    journal.with_suffix(f".ready{options.number}").touch()
    while not journal.with_suffix(".go").exists():
        time.sleep(0.005)
    course: Course = []
    began, processor = time.perf_counter(), time.process_time()

    def objective(trial: optuna.Trial) -> float:
        values = {path: _suggested(trial, path, form) for path, form in space.items()}
        best = math.inf
        for epoch, score in enumerate(_scores(values, folds, options.epochs), 1):
            if not math.isfinite(score):
                raise optuna.TrialPruned
            best = score
            better(course, time.perf_counter() - began, time.process_time() - processor, score)
            trial.report(score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return best

    last = optuna.study.MaxTrialsCallback(options.trials, states=None)
    study.optimize(objective, n_trials=options.trials, callbacks=[last])
    return {
        "course": course,
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - processor,
    }


def _suggested(trial: Any, path: str, form: Any) -> Any:
    if isinstance(form, list):
        return trial.suggest_categorical(path, form)
    return trial.suggest_float(path, form["low"], form["high"], log=form.get("log", False))


def _folds(file: str) -> list[tuple[Any, ...]]:
    """Rows to learn from and rows that judge, of each fold, as tensors in memory; how many outputs; which loss."""
    import torch
    from torch.nn import functional

    saved = np.load(file)
    classes = int(saved["classes"])
    x = torch.from_numpy(saved["x"])
    y = torch.from_numpy(saved["y"].astype(np.int64 if classes else np.float32))
    loss = functional.cross_entropy if classes else lambda output, y: functional.mse_loss(output[:, 0], y)
    found = []
    for fold in range(int(saved["fold"].max()) + 1):
        held_out = torch.from_numpy(saved["fold"] == fold)
        found.append((x[~held_out], y[~held_out], x[held_out], y[held_out], max(1, classes), loss))
    return found


def _scores(values: dict[str, Any], folds: Sequence[tuple[Any, ...]], epochs: int) -> Iterator[float]:
    """After each epoch of all folds: the mean of their lowest validation losses so far."""
    runs = [_training(values, epochs, *fold) for fold in folds]
    best = [math.inf] * len(folds)
    for losses in zip(*runs, strict=True):
        best = [min(pair) for pair in zip(best, losses, strict=True)]
        yield statistics.fmean(best) if all(map(math.isfinite, losses)) else math.nan


def _training(
    values: dict[str, Any], epochs: int, x: Any, y: Any, xv: Any, yv: Any, outputs: int, loss: Any
) -> Any:
    """The loop that a person writes; its validation loss after each epoch."""
    import torch
    from torch import nn

    width, dropout = values["model.width"], values["model.dropout"]
    model = nn.Sequential(
        nn.Linear(x.shape[1], width), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(width, outputs),
    )  # fmt: skip
    rate, decay = (values[f"training.optimizer.{name}"] for name in ("learning_rate", "weight_decay"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay, fused=True)
    step, steps = 0, epochs * -(-len(x) // BATCH)
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            error = loss(model(x[rows]), y[rows])
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
            step += 1
        model.eval()
        with torch.no_grad():
            error = float(loss(model(xv), yv))
        yield error if outputs > 1 else math.sqrt(error)
