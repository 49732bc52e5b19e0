"""The same training by retemper: a plan for M members of one MLP, run by its loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from retemper.core.recipe_sections import TrainingOptions
from retemper.models import mlp
from retemper.models.layers.inputs import InputShape
from retemper.training.callbacks import Best, Record, Signals
from retemper.training.class_losses import CrossEntropy
from retemper.training.loop import Callback, Training
from retemper.training.plan import Fit, Plan, Rows
from retemper.training.stack import Member


def table(
    rows: int, inputs: int, classes: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Normal inputs [rows, inputs] and the class [rows] of the largest of ``classes`` random projections."""
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(rows, inputs)).astype(np.float32)
    return x, np.argmax(x @ draws.normal(size=(inputs, classes)), 1).astype(np.int64)


def plan_for(
    widths: Sequence[int],
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    batch_size: int,
    epochs: int,
    members: Sequence[Member],
    training: dict[str, object] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Plan:
    """A plan with constant rate and without validation rows, as the hand-written loop has it."""
    inputs, *hidden, outputs = widths
    options = mlp.Options(widths=tuple(hidden), activation="relu", dropout=0.0)
    network = mlp.build(options, InputShape(inputs, inputs), outputs)
    chosen = {"batch_size": batch_size, "schedule": "constant", "output_bias": "zero"} | (training or {})
    return Plan(
        network=network,
        loss=CrossEntropy(),
        options=TrainingOptions.model_validate(chosen),
        members=tuple(members),
        seed=0,
        train=Rows.of(x, np.zeros((len(x), 0), np.int64), y, dtype=dtype),
        validation=None,
        epochs=epochs,
    )


def train(plan: Plan, *, signals: bool = False, history: Path | None = None) -> list[Fit]:
    """Run a plan, keeping each member's parameters; with ``signals``, all of them recorded and written."""
    watch = Signals() if signals else None
    record = Record(watch, history)
    callbacks: list[Callback] = [watch] if watch else []
    return Training(plan, [*callbacks, record, Best(record)]).run()
