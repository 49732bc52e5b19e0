"""Small tables, champions and grounds that tests of retraining share."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import torch

from retemper.bundle.memory.record import Memory
from retemper.bundle.memory.trained import Trained
from retemper.bundle.model import Model
from retemper.bundle.parts import Part
from retemper.core.budget import Budget, Deadline, now
from retemper.core.recipe import build
from retemper.procedure.single import fit_single
from retemper.retraining.course import Course, Plan
from retemper.retraining.ground import Ground
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import OldRows, Past
from retemper.retraining.race import Purse

TARGETS = ("classes", "one output", "numbers")
NO_END = Deadline()


@cache
def table(target: str, rows: int, seed: int, turned: bool = False) -> pl.DataFrame:
    """Two numbers, a category, and a target that follows from them; ``turned``: from one of them the other way."""
    draw = np.random.default_rng(seed)
    x, kind = draw.normal(size=(rows, 2)), draw.choice(["u", "v"], rows)
    score = x[:, 0] + (-1.5 if turned else 1.5) * x[:, 1] + (kind == "u") + 0.3 * draw.normal(size=rows)
    y: Any = 100 + 10 * score
    if target != "numbers":
        cuts, names = (
            ([0.5], ["no", "yes"]) if target == "one output" else ([-0.5, 1.5], ["low", "mid", "top"])
        )
        y = np.array(names)[np.searchsorted(cuts, score)]
    return pl.DataFrame({"p": x[:, 0], "q": x[:, 1], "kind": kind, "y": y})


@cache
def champion(target: str, parts: int = 1, **recipe: Any) -> Model:
    """A model of 300 rows, of so many networks, which remembers what it was trained on.

    Args:
        target: one of ``TARGETS``.
        parts: networks; those after the first are like it, but for a little noise.
        recipe: options with ``__`` for the dot.
    """
    rows = table(target, 300, 1)
    if "data__weight" in recipe:
        rows = rows.with_columns(w=1.0 + (pl.int_range(pl.len()) % 2))
    if "data__group" in recipe:
        rows = rows.with_columns(g=pl.int_range(pl.len()) % 30)
    loss = "binary_cross_entropy" if target == "one output" else "auto"
    plain = {
        "data.target": "y",
        "data.task": "regression" if target == "numbers" else "classification",
        "model": {"name": "mlp", "width": 8, "depth": 1},
        "prepare.number_embedding": "none",
        "training": {"epochs": 20, "batch_size": 32, "patience_epochs": 0, "signals": False, "loss": loss},
        "training.optimizer.learning_rate": 0.02,
    }
    model = fit_single(rows, build({**plain, **{key.replace("__", "."): own for key, own in recipe.items()}}))
    roles = {role: recipe[key] for role in ("weight", "group") if (key := f"data__{role}") in recipe}
    model = replace(model, schema=replace(model.schema, **roles))
    first = model.parts[0]
    more = tuple(
        Part(first.model, first.row * (1 + 0.01 * torch.sin(k + torch.arange(len(first.row)))), 1 / parts)
        for k in range(parts)
    )
    memory = Memory(Trained.drawn(0).with_rows(rows, model.schema), {})
    return replace(model, parts=more, memory=memory)


def past_of(target: str, rows: int = 160, seed: int = 5, seen: int = 80) -> Past:
    """Old rows, the first ``seen`` of which the champion knows."""
    return Past.of(OldRows(table(target, rows, seed), seen=np.arange(rows) < seen), 0)


def ground_of(
    target: str, new: pl.DataFrame | None = None, past: Past | None = None, **options: Any
) -> Ground:
    """120 turned rows and 160 old ones, or those that are given."""
    parts, recipe = options.pop("parts", 1), options.pop("recipe", {})
    model = champion(target, parts, **recipe)
    rows = table(target, 120, 2, turned=True) if new is None else new
    old = past_of(target) if past is None else past
    return Ground.of(model, model, rows, old, RetrainOptions(workers=1, **options))


def purse_of(work: float = 1e9, scratch: float = 1e9, workers: int = 1) -> Purse:
    """No clock, and so much to spend."""
    return Purse(scratch, work, Budget(None, now()), workers, lambda name: None)


def course_of(plan: Plan) -> Course:
    """The plan as the course that it is known to be."""
    assert isinstance(plan, Course)
    return plan
