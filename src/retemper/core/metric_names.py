"""What a column of someone's metrics holds, told by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Stage = Literal["train", "val", ""]
Measure = Literal[
    "loss", "perplexity", "accuracy", "learning_rate", "gradient_norm", "epoch", "step", "stage", "run"
]

STAGES: dict[str, Stage] = {
    **dict.fromkeys(("train", "training", "tr", "trn", "fit"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "dev", "heldout"), "val"),
    **dict.fromkeys(("test", "testing"), "val"),
}
TEST = frozenset({"test", "testing"})
LOSSES = frozenset(
    {
        "loss",
        "losses",
        "cost",
        "nll",
        "logloss",
        "objective",
        "mse",
        "rmse",
        "mae",
        "crossentropy",
        "entropy",
        "deviance",
        "error",
    }
)
PLAIN_LOSS = "loss"
PERPLEXITIES = frozenset({"ppl", "perplexity"})
"""Exponentials of a loss."""
ACCURACIES = frozenset({"acc", "accuracy", "acc1", "accuracies"})
EPOCHS, STEPS = (
    frozenset({"epoch", "epochs", "ep"}),
    frozenset({"step", "steps", "iter", "iters", "iteration", "iterations"}),
)
SPLITS = frozenset({"phase", "split", "stage", "mode", "subset", "set"})
RUNS = frozenset({"member", "run", "fold"})
NEUTRAL = frozenset(
    {
        "avg",
        "average",
        "mean",
        "total",
        "running",
        "smoothed",
        "epoch",
        "epochs",
        "step",
        "batch",
        "per",
        "end",
    }
    | {"final", "global", "metrics", "metric", "log", "history", "y", "pct", "percent", "1", "top"}
    | {"sparse", "categorical", "binary", "multiclass", "cross", "ce", "squared", "absolute"}
)
"""Words that say how or when a loss or an accuracy was measured, and not of what part of a network."""
FINER = frozenset({"step", "batch"})


@dataclass(frozen=True)
class Meaning:
    """What a column holds.

    Args:
        stage: on which rows it was measured; "" where the name doesn't say.
        measure: what was measured.
        rank: the plainer the name, the lower: which of several columns with one meaning is taken.
    """

    stage: Stage
    measure: Measure
    rank: int


def meaning(name: str) -> Meaning | None:
    """The meaning of a column's name; None where it has none for a doctor.

    >>> meaning("Validation Loss"), meaning("eval/accuracy").stage, meaning("lr-Adam").measure
    (Meaning(stage='val', measure='loss', rank=0), 'val', 'learning_rate')
    >>> meaning("train/box_loss") is None and meaning("wall_time") is None
    True
    """
    words = _words(name)
    own = set(words)
    if not words:
        return None
    if own <= EPOCHS:
        return Meaning("", "epoch", 0)
    if own & STEPS and own <= STEPS | {"global", "trainer", "train", "training", "batch", "number"}:
        return Meaning("", "step", len(words) - 1)
    if len(words) == 1 and own & (SPLITS | RUNS):
        return Meaning("", "stage" if own & SPLITS else "run", 0)
    if "lr" in own or {"learning", "rate"} <= own or "learningrate" in own:
        return Meaning("", "learning_rate", len(words))
    if own & {"grad", "gradient"} and "norm" in own:
        return Meaning("", "gradient_norm", len(words))
    return _measured(words)


def _words(name: str) -> list[str]:
    spaced = re.sub(r"top[@_ ]?1(?!\d)(?!.*(acc|err))", "accuracy", re.sub(r"([a-z])([A-Z])", r"\1 \2", name))
    return re.findall(r"[a-z]+|\d+", spaced.lower().replace("acc1", "acc"))


def _measured(words: list[str]) -> Meaning | None:
    """A loss or an accuracy, unless a word says that it is a part of one (``box_loss``)."""
    own = set(words)
    stages = {STAGES[word] for word in words if word in STAGES}
    left = own - STAGES.keys() - NEUTRAL
    if len(stages) > 1:
        return None
    stage: Stage = stages.pop() if stages else ""
    # A mean over the epoch before one batch's value; validation rows before test rows; "loss" before "mse".
    rank = 4 * bool(own & FINER) + 2 * bool(own & TEST)
    if left and left <= ACCURACIES:
        return Meaning(stage, "accuracy", rank)
    if left and left <= LOSSES:
        return Meaning(stage, "loss", rank + 8 * (PLAIN_LOSS not in own))
    return Meaning(stage, "perplexity", rank + 16) if left and left <= PERPLEXITIES else None


def part_of(name: str) -> tuple[Stage, str]:
    """The rows and the part that a column's loss is of; the part is "" where it is no part of one.

    >>> part_of("train/box_loss"), part_of("val_loss")
    (('train', 'box'), ('val', ''))
    """
    words = _words(name)
    stage: Stage = next((STAGES[word] for word in words if word in STAGES), "")
    left = [word for word in words if word not in STAGES and word not in LOSSES and word not in NEUTRAL]
    return stage, " ".join(left) if stage and PLAIN_LOSS in words else ""
