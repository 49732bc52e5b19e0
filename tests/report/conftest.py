"""Run folders as `retemper train` leaves them, with made-up but likely numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from retemper.core.history import append_rows
from retemper.core.records import Finding, Outcome, Score, Step, to_json

STEPS = {
    "data_check": ("warn", "48,842 rows, 14 columns; 3 columns have gaps, 1 repeats another.", 0.4),
    "baselines": ("pass", "Gradient boosting leads with log loss .2741 on validation.", 2.6),
    "initial_loss": ("pass", "The untrained network starts at .552; the class frequencies give .551.", 0.1),
    "overfit_sample": ("pass", "64 rows were learnt to 100 % in 87 steps.", 0.5),
    "input_blind": (
        "pass",
        "Without its inputs, or with shuffled labels, the network is no better than chance.",
        1.1,
    ),
    "learning_rate_range": ("pass", "Losses fall from 2e-4 to 1.3e-2; 4e-3 is suggested.", 1.4),
    "search_coarse": ("pass", "24 recipes for 3 epochs; the best reached log loss .291.", 9.8),
    "search_refine": ("pass", "8 went on, then 3; the best reached .2874.", 8.9),
    "train_long": ("pass", "8 networks for up to 34 epochs; the best reached .2842 at epoch 21.", 21.3),
    "read_curves": ("warn", "Overfitting after epoch 21; more dropout was tried and kept.", 7.2),
    "ensemble": ("pass", "5 of 8 networks together gain .0021 and are kept.", 0.6),
    "calibrate": ("pass", "Temperature 1.07 gains .0004 and is kept.", 0.1),
    "test_once": ("pass", "The test rows were read once: log loss .2826.", 0.9),
}
COLUMNS = [
    ("age", "number", 0, 74, ""),
    ("workclass", "category", 2799, 8, "8 levels in text"),
    ("education", "category", 0, 16, "16 levels in text"),
    ("hours_per_week", "number", 0, 96, ""),
    ("is_native", "boolean", 0, 2, "two values"),
    ("customer_number", "identifier", 0, 48842, "every row has its own value"),
]


@pytest.fixture
def make_run(tmp_path):
    """``make_run(task=…, steps=…, label=…, bare=…) -> Path``."""

    def make(**options) -> Path:
        folder = tmp_path / options.pop("name", "20260714-income")
        write_run(folder, **options)
        return folder

    return make


def write_run(
    folder: Path, task="classification", label="income", classes=(">50K", "<=50K"), bare=False
) -> None:
    """Write a run folder.

    Args:
        folder: where.
        task: classification or regression.
        label: the target's name.
        classes: names of the classes.
        bare: all steps skipped, no evidence, no history, no findings.
    """
    random = np.random.default_rng(0)
    (folder / "history").mkdir(parents=True)
    evidence = {} if bare else evidence_of(random, task, list(classes))
    steps = [
        Step(name, "skipped" if bare else verdict, "Skipped by the recipe." if bare else message)
        if bare
        else Step(name, verdict, message, evidence.get(name, {}), seconds)
        for name, (verdict, message, seconds) in STEPS.items()
    ]
    result = {
        "schema": 1,
        "task": task,
        "target": label,
        "seed": 0,
        "seconds": 58.7,
        "versions": {"retemper": "0.1.0", "torch": "2.13.0", "python": "3.11.9", "numpy": "2.4.6"},
        "rows": {"train": 31747, "validation": 7326, "test": 9769},
        "metrics": {"test": network_scores(task), "validation": network_scores(task, -0.002)},
        "baselines": baseline_scores(task),
        "steps": steps,
        "findings": [] if bare else findings(),
        "search": {"trials": 24, "sampler": "random", "best": {"learning_rate": 0.0041, "width": 256}},
        "recipe": {
            "data": {"clean": True},
            "prepare": {"missing": "indicator"},
            "procedure": {"understand": True},
        },
        "model": "model",
    }
    if not bare:
        result["understanding"] = understanding_of(task, list(classes))
        result["nested"] = nested_of(result["metrics"]["test"], task)
    (folder / "result.json").write_text(json.dumps(to_json(result)))
    if bare:
        return
    (folder / "recipe.yaml").write_text(RECIPE)
    log = [{"event": "trial", "id": i, "verdict": "kept" if i % 3 == 0 else "dropped"} for i in range(24)]
    log.append({"event": "allowed", "what": "gradient_boosting", "progress": 0.35, "answer": True})
    (folder / "log.jsonl").write_text("".join(json.dumps(e) + "\n" for e in log))
    for stem, members, epochs in (("search_coarse", 24, 3), ("search_refine", 8, 12), ("train_long", 8, 34)):
        append_rows(folder / "history" / f"{stem}.jsonl", curves(random, members, epochs))


def curves(random, members: int, epochs: int):
    for member in range(members):
        rate = 10 ** random.uniform(-3.5, -1.8)
        floor = 0.28 + 0.02 * random.random() + 2 * abs(np.log10(rate) + 2.4) ** 2 / 100
        for epoch in range(1, epochs + 1):
            train = floor - 0.012 * np.log(epoch) + 0.12 * np.exp(-epoch / 2)
            yield {
                "member": member,
                "epoch": epoch,
                "step": epoch * 124,
                "train_loss": train + 0.001 * random.normal(),
                "val_loss": floor + 0.1 * np.exp(-epoch / 2.5) + 0.00002 * epoch**2 + 0.001 * random.normal(),
                "val_loss_calibrated": floor - 0.002 + 0.1 * np.exp(-epoch / 2.5),
                "learning_rate": rate * (1 + np.cos(np.pi * epoch / epochs)) / 2,
                "gradient_norm": 0.8 * np.exp(-epoch / 20) + 0.05 * random.random(),
                "update_ratio": 1e-3 * np.exp(-epoch / 15),
                **layers(epoch, 8),
            }


def layers(epoch: int, count: int) -> dict[str, float]:
    names = [f"hidden_{k}.weight" for k in range(1, count)] + ["head.weight"]
    gradients = {f"gradient_rms.{name}": 1e-3 * 2**k / epoch for k, name in enumerate(names)}
    return gradients | {f"update_ratio.{name}": 1e-3 * 3**-k for k, name in enumerate(names)}


def evidence_of(random, task: str, classes: list[str]) -> dict:
    trials = []
    for i in range(24):
        rate = 10 ** random.uniform(-3.5, -1.5)
        loss = 0.29 + 0.03 * (np.log10(rate) + 2.4) ** 2 + 0.004 * random.random()
        trials.append(
            {
                "id": i,
                "learning_rate": rate,
                "weight_decay": 10 ** random.uniform(-5, -1),
                "width": [64, 128, 256][i % 3],
                "dropout": round(0.3 * random.random(), 3),
                "epochs": 3,
                "val_loss": loss,
                "kept": i % 3 == 0,
            }
        )
    rates = np.geomspace(1e-5, 1, 60)
    losses = [
        0.55
        - 0.22 / (1 + (2e-3 / rates) ** 1.2)
        + 0.6 * np.clip(np.log10(rates / 0.03), 0, None) ** 2
        + 0.004 * random.normal(size=60)
        for _ in range(4)
    ]
    return {
        "data_check": data_check(random, task, classes),
        "baselines": {
            "metric": "log_loss",
            "best": "gradient_boosting",
            "validation": {
                "majority": {"log_loss": 0.5498},
                "linear": {"log_loss": 0.3182},
                "gradient_boosting": {"log_loss": 0.2741},
            },
        },
        "initial_loss": {"expected": 0.551, "observed": 0.552, "ratio": 1.002},
        "overfit_sample": {
            "rows": 64,
            "metric": "accuracy",
            "reached": 1.0,
            "needed": 1.0,
            "steps": 87,
            "curve": [[s, 0.69 * np.exp(-s / 22)] for s in range(0, 88, 3)],
        },
        "input_blind": {"metric": "log_loss", "real": 0.312, "zeros": 0.551, "shuffled_labels": 0.562},
        "learning_rate_range": {
            "low": 2e-4,
            "high": 1.3e-2,
            "suggested": 4e-3,
            "abstained": False,
            "rates": rates,
            "losses": losses,
        },
        "search_coarse": {
            "trials": trials,
            "best": trials[3],
            "edges": ["width at its upper end, 256"],
            "history": "search_coarse",
            "treatments": treatments(),
            "label_errors": label_errors(task, classes),
        },
        "search_refine": {"trials": trials[:8], "best": trials[3], "edges": [], "history": "search_refine"},
        "train_long": {
            "members": [
                {"id": i, "best_epoch": 18 + i, "epochs": 34, "val_loss": 0.2842 + 0.0007 * ((i * 5) % 8)}
                for i in range(8)
            ],
            "history": "train_long",
            "rounds": [
                {"folds": 0, "first": 0, "recipes": [0, 1, 2, 0], "epochs": 34},
                {"folds": 0, "first": 4, "recipes": [1, 3], "epochs": 34},
            ],
        },
        "read_curves": {
            "rounds": [
                {
                    "finding": "overfitting",
                    "remedy": "more_dropout",
                    "change": {"model.dropout": [0.1, 0.2]},
                    "before": 0.2842,
                    "after": 0.2829,
                    "low": 0.0004,
                    "high": 0.0022,
                    "verdict": "kept",
                },
                {
                    "finding": "plateau",
                    "remedy": "longer_schedule",
                    "change": {"training.epochs": [34, 68]},
                    "before": 0.2829,
                    "after": 0.2833,
                    "low": -0.0015,
                    "high": 0.0006,
                    "verdict": "reverted",
                },
            ]
        },
        "ensemble": {
            "candidates": 8,
            "chosen": [
                {"id": 2, "weight": 0.4},
                {"id": 0, "weight": 0.3},
                {"id": 5, "weight": 0.2},
                {"id": 7, "weight": 0.1},
            ],
            "single": 0.2829,
            "ensemble": 0.2808,
            "gain": 0.0021,
            "low": 0.0012,
            "high": 0.003,
            "kept": True,
        },
        "calibrate": {}
        if task == "regression"
        else {
            "temperature": 1.07,
            "before": {"log_loss": 0.2808, "ece": 0.0112},
            "after": {"log_loss": 0.2804, "ece": 0.0071},
            "reliability": {"before": reliability(random, 0.03), "after": reliability(random, 0.008)},
            "kept": True,
            "threshold": {
                "positive": classes[0],
                "goal": "f1",
                "value": 0.41,
                "low": 0.38,
                "high": 0.45,
                "gain": 0.012,
                "gain_low": 0.002,
                "gain_high": 0.021,
            },
        },
        "test_once": test_once(random, task, classes),
    }


def data_check(random, task: str, classes: list[str]) -> dict:
    def column(name, kind, missing, distinct, why):
        numeric = {"edges": np.linspace(17, 90, 21), "counts": random.integers(20, 4000, 20)}
        names = ["Private", "Self-employed", "Local government", "State", "None"]
        levels = {"levels": names, "counts": [31000, 6100, 3100, 1900, 120]}
        shown = {"number": numeric, "category": levels, "boolean": levels}.get(kind)
        return {
            "name": name,
            "kind": kind,
            "missing": missing,
            "distinct": distinct,
            "why": why,
            "histogram": shown,
        }

    found = {"rows": 48842, "columns": [column(*c) for c in COLUMNS], "duplicates": 52}
    if task == "regression":
        found["target"] = {"edges": np.linspace(300, 19000, 31), "counts": random.integers(5, 4000, 30)}
    else:
        found["classes"] = {name: int(37155 / (i + 1) ** 1.6) for i, name in enumerate(classes)}
    return found


def reliability(random, spread: float) -> list:
    confidence = np.linspace(0.52, 0.99, 8)
    return [
        {"confidence": c, "accuracy": min(1, c - spread + 0.01 * random.normal()), "rows": 400 + int(c * 900)}
        for c in confidence
    ]


def test_once(random, task: str, classes: list[str]) -> dict:
    if task == "regression":
        predicted = random.gamma(2, 2000, size=3000)
        residual = random.normal(size=3000) * (80 + 0.08 * predicted)
        counts, edges = np.histogram(residual, bins=40)
        return {
            "read": 1,
            "interval": {
                "wanted": 0.9,
                "coverage": {"value": 0.87, "low": 0.85, "high": 0.89},
                "width": 81.4,
            },
            "residuals": {"predicted": predicted, "residual": residual, "edges": edges, "counts": counts},
        }
    counts = random.integers(5, 160, (len(classes), len(classes))) + np.diag([1200] * len(classes))
    return {
        "read": 1,
        "confusion": {"labels": classes, "counts": counts},
        "reliability": reliability(random, 0.01),
        "interval": {"wanted": 0.9, "coverage": {"value": 0.91, "low": 0.89, "high": 0.93}, "size": 1.07},
        "precision_recall": {
            name: {
                "average_precision": {"value": 0.9 - 0.01 * k, "low": 0.8, "high": 0.95},
                "share": (k + 1) / len(classes) / 10,
                "precision": [0.24, 0.8, 0.95],
                "recall": [1.0, 0.7, 0.2],
                "threshold": [0.0, 0.4, 0.9],
            }
            for k, name in enumerate(classes)
        },
        "threshold": {
            "positive": classes[0],
            "value": 0.41,
            "chosen": {"precision": 0.7, "recall": 0.75, "f1": 0.72},
            "argmax": {"precision": 0.78, "recall": 0.66, "f1": 0.71},
        },
    }


def treatments() -> list:
    """One of each verdict, as the race of treatments records them."""
    changes = {"prepare.constructed": ["ratio", "product"]}
    raced = {"before": 0.298, "after": 0.294, "gain": 0.004, "low": 0.001, "high": 0.007}
    return [
        {
            "name": "pairs of numbers",
            "why": "age × hours explain 7% more",
            "changes": changes,
            "verdict": "kept",
            "columns": {"new": ["age × hours"], "left_out": []},
            **raced,
        },
        {
            "name": "ranks",
            "why": "long tails",
            "changes": {"prepare.scaling": "quantile"},
            "verdict": "not_tried",
        },
        {
            "name": "clipped outliers",
            "why": "far cells",
            "changes": {},
            "verdict": "reverted",
            "before": None,
        },
    ]


def label_errors(task: str, classes: list[str]) -> dict:
    """Wrong labels found and treated."""
    found = {
        "rows": 39073, "flagged": 410, "rate": 0.0312, "low": 0.027, "high": 0.036, "warning_from": 0.01,
        "surest": [{"row": 17, "given": classes[0], "suggested": classes[-1], "probability": 0.991}],
        "judged_by": "7326 validation rows", "treatment": "drop",
        "tried": {
            "drop": {"verdict": "kept", "before": 0.29, "after": 0.28, "low": 0.004, "high": 0.016},
            "fix": {"verdict": "reverted", "before": 0.29, "after": 0.291, "low": -0.01, "high": 0.008},
        },
        "message": "Treated by drop.",
    }  # fmt: skip
    if task == "classification":
        counts = {"given": 2000, "flagged": 40, "suggested": 1990}
        found["classes"] = {name: dict(counts) for name in classes}
    return found


def number(value: float, width: float = 0.01) -> dict:
    return {"value": value, "low": value - width, "high": value + width}


def nested_of(scores: dict, task: str) -> dict:
    """A nested estimate with every metric of the test."""
    return {
        "metric": "rmse" if task == "regression" else "log_loss",
        "metrics": scores, "inner": 0.31, "own": 0.28, "optimism": 0.03,
        "rows": 400, "of_rows": 400, "folds": 5, "repeats": 2, "recipes": 6, "networks": 300, "learnt_from": 0.8,
        "not_nested": ["the range of learning rates"], "message": "Nested estimate: of 400 rows.",
    }  # fmt: skip


def understanding_of(task: str, classes: list[str]) -> dict:
    """All five parts, with numbers, dates and levels among the columns."""
    regression = task == "regression"

    def depending(name, kind, grid):
        mean = list(np.linspace(0.1, 0.6, len(grid)))
        curve = {
            "mean": mean,
            "low": [m - 0.05 for m in mean],
            "high": [m + 0.05 for m in mean],
            "quantiles": {},
        }
        outputs = [None] if regression else classes[1:3]
        share = [1 / len(grid)] * len(grid)
        curves = [{"output": output, **curve} for output in outputs]
        return {"column": name, "kind": kind, "grid": grid, "share": share, "curves": curves, "rows": 200}

    aside = {"bias": number(-3, 1)} if regression else {"surplus": number(0.05, 0.01)}
    slice_ = {"words": "age ≤ 23 and sex is F", "rows": 300, "share": 0.04, "metric": 0.5, "elsewhere": 0.2}
    row = {
        "row": 5954, "loss": 9.1, "expected": 74.0 if regression else classes[0], "low": None, "high": None,
        "predicted": 385.8 if regression else classes[-1], "probability": None if regression else 1e-4,
        "confidence": None if regression else 0.9999, "deviations": -16.3 if regression else None,
        "cells": {"age": "20", "workclass": None},
    }  # fmt: skip
    points = [{"rows": n, **number(0.3 + 8 / n, 0.004)} for n in (4000, 8000, 16000, 31747)]
    return {
        "metric": "rmse" if regression else "log_loss",
        "rows": 39073,
        "networks": 5,
        "importance": {
            "rows": 2000, "repeats": 5, "of": 14,
            "columns": [
                {"column": "age", "rise": number(0.2), "used": True, "related": [{"column": "education"}]},
                {"column": "workclass", "rise": number(0.001), "used": False, "related": []},
            ],
            "together": [{"columns": ["age", "education"], "rise": number(0.3)}],
        },
        "dependence": {
            "rows": 200, "networks": 5,
            "left_out": [{"column": "note", "why": "a column of kind text has no order"}],
            "columns": [
                depending("age", "number", [18, 30, 44, None]),
                depending("since", "datetime", ["2024-01-01 00:00:00", "2024-07-01 00:00:00"]),
                depending("workclass", "category", ["Private", "State", None]),
            ],
        },
        "slices": {
            "rows": 39073, "searched": 4972, "columns": 14, "confirmed": 1,
            "slices": [{**slice_, "gap": number(0.3), "confirmed": True, **aside}],
        },
        "surprising": {
            "rows": 39073, "typical_error": number(19.1, 0.8) if regression else None, "largest": [row],
            "counts": [{"threshold": 3.0 if regression else 0.01, "found": 57, "expected": 26.9, "low": 17}],
        },
        "more_data": {
            "answer": "yes", "why": "More data would help: twice the rows would take 2.1% to 4.0% off the loss.",
            "have": 31747, "points": points, "gain": number(0.009, 0.003), "doubled": number(0.291, 0.005),
            "floor": number(0.27, 0.01), "law": {"a": 0.27, "b": 0.03, "c": 0.5},
        },
    }  # fmt: skip


def scored(values: dict, width: float) -> dict:
    return {name: Score(v, v - width * abs(v), v + width * abs(v)) for name, v in values.items()}


def network_scores(task: str, shift: float = 0.0) -> dict:
    if task == "regression":
        return scored({"rmse": 538.4, "mae": 271.3, "r2": 0.9815}, 0.004)
    values = {
        "accuracy": 0.8702,
        "balanced_accuracy": 0.7921,
        "precision_macro": 0.8332,
        "recall_macro": 0.7921,
        "f1_macro": 0.8094,
        "log_loss": 0.2826,
        "roc_auc": 0.9251,
        "ece": 0.0074,
    }
    return scored({name: value + shift for name, value in values.items()}, 0.012)


def baseline_scores(task: str) -> dict:
    if task == "regression":
        return {
            "mean": scored({"rmse": 3982.7, "mae": 3021.1, "r2": -0.0001}, 0.01),
            "linear": scored({"rmse": 1145.9, "mae": 749.4, "r2": 0.9172}, 0.01),
            "gradient_boosting": scored({"rmse": 547.4, "mae": 273.1, "r2": 0.9811}, 0.004),
        }
    return {
        "majority": scored(
            {"accuracy": 0.7611, "balanced_accuracy": 0.5, "log_loss": 0.5498, "roc_auc": 0.5, "ece": 0.0005},
            0.01,
        ),
        "linear": scored(
            {
                "accuracy": 0.849,
                "balanced_accuracy": 0.7594,
                "f1_macro": 0.7771,
                "log_loss": 0.3242,
                "roc_auc": 0.9026,
                "ece": 0.0087,
            },
            0.012,
        ),
        "gradient_boosting": scored(
            {
                "accuracy": 0.8693,
                "balanced_accuracy": 0.7908,
                "f1_macro": 0.8086,
                "log_loss": 0.2733,
                "roc_auc": 0.9245,
                "ece": 0.0058,
            },
            0.012,
        ),
    }


def findings() -> list:
    kept = Outcome("more_dropout", "kept", 0.2842, 0.2829, 0.0004, 0.0022)
    return [
        Finding(
            "overfitting",
            "warning",
            0.83,
            "Validation loss rises by 2.1 % after epoch 21 while training loss falls.",
            {"rise": 0.021, "threshold": 0.01, "best_epoch": 21},
            ["more_dropout", "more_weight_decay"],
            kept,
        ),
        Finding(
            "class_imbalance",
            "advice",
            0.95,
            "The rarest class has 23.9 % of the rows.",
            {"share": 0.239, "threshold": 0.25},
            ["class_weights"],
        ),
    ]


RECIPE = """seed: 0
device: auto
data:
  target: income
  task: auto
model:
  name: mlp
  width: 256
  depth: 2
  dropout: 0.2
training:
  loss:
    name: cross_entropy
  optimizer:
    name: adamw
    learning_rate: 0.0041
"""
