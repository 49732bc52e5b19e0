"""``retemper.repair``: a person's own network, given as a function, examined and trained by remedies that are proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from retemper.api.watch import TASKS, watch
from retemper.core import recipe as recipes
from retemper.core.errors import InputError, nearest
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.data.in_memory import to_frame
from retemper.doctor.case import Task
from retemper.doctor.observe.loss_kind import LossFunction
from retemper.doctor.observe.start import as_rows, task_of
from retemper.doctor.proof import Proof
from retemper.doctor.surgery.losses import right_loss
from retemper.procedure.repair import Bench, Repaired, Try
from retemper.procedure.repair import repair as run
from retemper.procedure.repair_rows import Rows

BUDGET = 10.0
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


@dataclass(frozen=True)
class Repair:
    """What a repair came to.

    Args:
        model: trained on all rows, in evaluation mode; takes rows as they are given, and gives what the loss wants.
        recipe: how it was trained.
        kept: remedies in it, in the order of their coming; none: the original is as good.
        message: the verdict in one sentence.
        findings: of the original, the likeliest cause first, each with its outcome.
        proof: the original held against it on fresh seeds; None: nothing was worth one.
        table: the tries, a row each.
        runs: what it cost, in original runs.
    """

    model: nn.Module
    recipe: Recipe
    kept: tuple[str, ...]
    message: str
    findings: tuple[Finding, ...]
    proof: Proof | None
    table: pl.DataFrame
    runs: float


def repair(
    make_model: Callable[[], nn.Module],
    recipe: Recipe | Mapping[str, Any] | str | Path,
    data: Any,
    *,
    loss: LossFunction | None = None,
    target: str | None = None,
    task: Task | None = None,
    budget: float = BUDGET,
    seed: int = 0,
) -> Repair:
    """Train a network of your own, find what is wrong with it, and mend what can be proved to be.

    The original is trained and watched. Remedies of what was found are tried in short runs, alone and together: other
    heads, losses, scales, starts, activations, normalisation, widths, rates, optimizers, lengths. The best is held
    against the original on fresh seeds and fresh splits, and kept only where it gains beyond what these explain.

    Args:
        make_model: gives a fresh, untrained network.
        recipe: how it is trained: a mapping of dotted paths (``{"training.epochs": 20}``), a recipe, or the path of
            one in YAML. Of it ``training`` counts: optimizer, schedule, batch_size, epochs, patience_epochs, l1, l2,
            clip_norm, loss. ``training.loss`` may be any callable of (outputs, targets).
        data: (inputs, targets), tensors or arrays, rows first; or a table with ``target``. Test rows don't belong here.
        loss: any callable of (outputs, targets), in place of ``training.loss``; None: the recipe's, ``auto`` being what
            the network's own head asks for.
        target: the column to predict, where data is a table.
        task: classification, multilabel or regression; None: by the targets.
        budget: what all of it may cost, in runs of the original.
        seed: of splits, starts and orders.

    Raises:
        InputError: the recipe has mistakes or options that are not read here, or the data are no rows.

    >>> x = torch.linspace(-2, 2, 120)[:, None]
    >>> y = 100 * x**2
    >>> def make_model():
    ...     return nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1), nn.Sigmoid())
    >>> plan = {"training.epochs": 60, "training.optimizer": {"name": "adam", "learning_rate": 0.01}}
    >>> mended = repair(make_model, plan, (x, y), loss=nn.MSELoss())
    >>> mended.kept[0], bool(mended.model(x).max() > 100)
    ('right_head', True)
    """
    if task is not None and task not in TASKS:
        raise _bad("task", f"task must be one of {', '.join(TASKS)}, but got {task!r}.")
    if not budget > 1:
        raise _bad("budget", f"budget > 1 must hold (in runs of the original), but got {budget!r}.")
    tree, own_loss = _recipe(recipe)
    rows = _rows(data, target)
    with torch.random.fork_rng(devices=[]):
        outputs = _first_outputs(make_model(), rows)
    known = task or task_of(rows.y, outputs)
    bench = Bench(
        make_model, loss or own_loss or _named(tree, known, outputs), known, rows, seed, watch, budget
    )
    return _told(run(bench, tree))


def _told(done: Repaired) -> Repair:
    message = done.proof.message if done.proof else "Nothing was found that gains."
    return Repair(
        model=done.trained.network,
        recipe=done.regimen.recipe,
        kept=done.regimen.remedies,
        message=message,
        findings=done.findings,
        proof=done.proof,
        table=_table(done.tries),
        runs=done.spent,
    )


STAGES = {-2: "proof", -1: "last", 0: "original"}


def _table(tries: tuple[Try, ...]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "stage": [STAGES.get(each.round, f"round {each.round}") for each in tries],
            "remedies": [" + ".join(each.remedies) for each in tries],
            "member": [each.member for each in tries],
            "share": [each.share for each in tries],
            "skill": [each.skill for each in tries],
            "right": [each.right for each in tries],
            "runs": [each.cost for each in tries],
        }
    )


def _recipe(given: Recipe | Mapping[str, Any] | str | Path) -> tuple[Recipe, LossFunction | None]:
    if isinstance(given, Recipe):
        return given.with_changes({"model": "linear"}), None
    if isinstance(given, str | Path):
        path = Path(given)
        if not path.is_file():
            raise InputError(
                "file_not_found", f"There is no recipe {str(path)!r}.", {"file": str(path)}, "Check the path."
            )
        given = recipes.load(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(given, Mapping):
        raise _bad("recipe", f"recipe must be a recipe, a mapping or a file, but got {type(given).__name__}.")
    flat = _flat(given)
    loss = flat.pop("training.loss", None) if callable(flat.get("training.loss")) else None
    for path in flat:
        _, _, name = path.partition("training.")
        first = name.split(".")[0]
        if first not in READ:
            hint = f"Of training these are read: {', '.join(READ)}."
            raise InputError(
                "bad_recipe",
                f"{path}: not read by repair, {nearest(first or path, READ)}",
                {"option": path},
                hint,
            )
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


def _rows(data: Any, target: str | None) -> Rows:
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


def _first_outputs(network: nn.Module, rows: Rows) -> Tensor | None:
    with torch.no_grad():
        outputs = network.eval()(*rows.take(torch.arange(min(8, len(rows)))).arguments)
    return outputs if isinstance(outputs, Tensor) else None


def _named(tree: Recipe, task: Task, outputs: Tensor | None) -> LossFunction:
    """The loss of a name; ``auto``: by the task, of probabilities where the head gives such."""
    name = tree.training.loss.name
    if name != "auto":
        return LOSSES[name]()
    rows = outputs if outputs is not None and outputs.dim() > 1 else None
    bounded = rows is not None and bool(((rows >= 0) & (rows <= 1)).all())
    sums = bounded and rows is not None and bool(torch.isclose(rows.sum(1), torch.ones(len(rows))).all())
    return right_loss(
        task, "probabilities" if bounded and (sums or rows is not None and rows.shape[1] == 1) else "logits"
    )


def _bad(option: str, message: str) -> InputError:
    return InputError("bad_option", message, {"option": option}, "See help(retemper.repair).")
