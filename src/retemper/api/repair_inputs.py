"""What ``retemper.repair`` is given, brought into one form: a recipe, rows, a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from retemper.core import recipe as recipes
from retemper.core.errors import InputError, nearest
from retemper.core.recipe import Recipe
from retemper.data.in_memory import to_frame
from retemper.doctor.case import Task
from retemper.doctor.observe.loss_kind import LossFunction
from retemper.doctor.observe.start import as_rows
from retemper.doctor.surgery.losses import right_loss
from retemper.procedure.repair_rows import Rows

PLAIN = {
    "model": "linear",
    "training.schedule": "constant",
    "training.patience_epochs": 0,
    "training.optimizer": {"name": "adam", "weight_decay": 0.0},
    "training.epochs": 50,
    "training.batch_size": 32,
}
"""What holds where a mapping doesn't say: what a hand-written loop does."""
READ = (
    "optimizer",
    "schedule",
    "batch_size",
    "epochs",
    "patience_epochs",
    "l1",
    "l2",
    "clip_norm",
    "loss",
)
LOSSES: dict[str, Callable[[], nn.Module]] = {
    "cross_entropy": nn.CrossEntropyLoss,
    "binary_cross_entropy": nn.BCEWithLogitsLoss,
    "mse": nn.MSELoss,
    "mae": nn.L1Loss,
    "huber": nn.HuberLoss,
}


def recipe_and_loss(given: Recipe | Mapping[str, Any] | str | Path) -> tuple[Recipe, LossFunction | None]:
    """The recipe, and its loss where that is a callable.

    Raises:
        InputError: there is no such file, or the recipe has mistakes or options that a repair doesn't read.
    """
    if isinstance(given, Recipe):
        return given.with_changes({"model": "linear"}), None
    if isinstance(given, str | Path):
        path = Path(given)
        if not path.is_file():
            message = f"There is no recipe {str(path)!r}."
            raise InputError("file_not_found", message, {"file": str(path)}, "Check the path.")
        given = recipes.load(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(given, Mapping):
        message = f"recipe must be a recipe, a mapping or a file, but got {type(given).__name__}."
        raise InputError("bad_recipe", message, {"option": "recipe"}, "Give {'training.epochs': 20}.")
    flat = _flat(given)
    loss = flat.pop("training.loss", None) if callable(flat.get("training.loss")) else None
    for option in flat:
        name = option.removeprefix("training.").split(".")[0]
        if option == "seed" or (name in READ and option.startswith("training.")):
            continue
        message = f"{option}: a repair doesn't read it, {nearest(name, list(READ))}"
        hint = f"These are read: seed, and below training {', '.join(READ)}."
        raise InputError("bad_recipe", message, {"option": option}, hint)
    return recipes.build(PLAIN, flat), loss


def _flat(given: Mapping[str, Any]) -> dict[str, Any]:
    """``{"training": {"epochs": 3}}`` as ``{"training.epochs": 3}``."""
    inner = given.get("training")
    outer = {str(path): value for path, value in given.items() if path != "training"}
    if isinstance(inner, Mapping):
        outer |= {f"training.{path}": value for path, value in inner.items()}
    elif inner is not None:
        outer["training"] = inner
    return outer


def rows_of(data: Any, target: str | None) -> Rows:
    """The rows as tensors.

    Raises:
        InputError: targets and inputs differ in number, the target is no column, or a column holds no numbers.
    """
    if isinstance(data, tuple) and len(data) == 2:
        x, y = as_rows(data[0]), as_rows(data[1])
    else:
        x, y = _of_table(data, target)
    lengths = {len(each) for each in (*(x if isinstance(x, tuple) else (x,)), y)}
    if len(lengths) != 1 or lengths == {0}:
        raise InputError(
            "different_lengths",
            f"Inputs and targets must have the same number of rows, at least one, but got {sorted(lengths)}.",
            None,
            "Give as many targets as rows.",
        )
    return Rows(x, y)


def _of_table(data: Any, target: str | None) -> tuple[Tensor, Tensor]:
    frame, told = to_frame(data)
    name = target or told
    if name is None or name not in frame.columns:
        raise InputError(
            "bad_target",
            f"The table has no column {name!r} to predict.",
            {"column": str(name)},
            "Name it: target=…",
        )
    inputs = frame.drop(name)
    words = [
        column for column, kind in inputs.schema.items() if not (kind.is_numeric() or kind == pl.Boolean)
    ]
    if words:
        raise InputError(
            "not_numbers",
            f"Column {words[0]!r} holds no numbers.",
            {"column": words[0]},
            "Turn it into numbers first.",
        )
    x = torch.from_numpy(inputs.cast(pl.Float32).to_numpy().astype(np.float32))
    cells = frame[name]
    if not cells.dtype.is_numeric():
        labels = {label: code for code, label in enumerate(sorted(cells.unique().to_list(), key=str))}
        return x, torch.tensor([labels[cell] for cell in cells.to_list()])
    return x, as_rows(cells.to_numpy())


def first_outputs(network: nn.Module, rows: Rows) -> Tensor | None:
    """What the network gives for a few rows, where that is one tensor."""
    with torch.no_grad():
        outputs = network.eval()(*rows.take(torch.arange(min(8, len(rows)))).arguments)
    return outputs if isinstance(outputs, Tensor) else None


def named_loss(tree: Recipe, task: Task, outputs: Tensor | None) -> LossFunction:
    """The loss of a name; ``auto``: by the task, of probabilities where the head gives such."""
    name = tree.training.loss.name
    if name != "auto":
        return LOSSES[name]()
    return right_loss(task, "probabilities" if outputs is not None and _shares(outputs) else "logits")


def _shares(outputs: Tensor) -> bool:
    """Numbers from 0 to 1; of several for a row, such that sum to 1."""
    rows = outputs.reshape(len(outputs), -1)
    within = bool(((rows >= 0) & (rows <= 1)).all())
    return within and (rows.shape[1] == 1 or bool(torch.isclose(rows.sum(1), torch.ones(len(rows))).all()))
