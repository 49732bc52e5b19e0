"""``retemper.repair``: a person's own network, given as a function, examined, and mended by what is proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch import nn

from retemper.api.repair_inputs import first_outputs, named_loss, recipe_and_loss, rows_of
from retemper.api.watch import TASKS, watch
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.doctor.case import Task
from retemper.doctor.observe.loss_kind import LossFunction
from retemper.doctor.observe.start import task_of
from retemper.doctor.proof import Proof
from retemper.procedure.repair import Repaired
from retemper.procedure.repair import repair as mended
from retemper.procedure.repair_bench import Bench, Run

BUDGET = 10.0


@dataclass(frozen=True)
class Repair:
    """What a repair came to.

    Args:
        model: in evaluation mode; takes rows as they are given, and gives what the loss wants.
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
    seed: int | None = None,
) -> Repair:
    """Train a network of your own, find what is wrong with it, and mend what can be proved to be.

    The original is trained and watched. Remedies of what was found are tried in short runs, alone and together: other
    heads, losses, scales, starts, activations, normalisation, widths, rates, optimizers, lengths. The best is held
    against the original on fresh seeds and fresh splits, and kept only where it gains beyond what these explain. Where
    nothing is kept, the original comes back as it trains by itself: bit for bit what a plain loop gives after
    ``torch.manual_seed(seed)`` (``make_model()``, then for each epoch the batches of ``torch.randperm(rows)``).

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
        seed: of splits, starts and orders; None: the recipe's.

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
    tree, own_loss = recipe_and_loss(recipe)
    rows = rows_of(data, target)
    with torch.random.fork_rng(devices=[]):
        outputs = first_outputs(make_model(), rows)
    known = task or task_of(rows.y, outputs)
    own_seed = tree.seed if seed is None else seed
    chosen = loss or own_loss or named_loss(tree, known, outputs)
    bench = Bench(make_model, chosen, known, rows, own_seed, watch, budget)
    return _told(mended(bench, tree))


def _told(done: Repaired) -> Repair:
    message = done.proof.message if done.proof else "Nothing was found that gains."
    return Repair(
        model=done.network,
        recipe=done.regimen.recipe,
        kept=done.regimen.remedies,
        message=message,
        findings=done.findings,
        proof=done.proof,
        table=_table(done.runs),
        runs=done.spent,
    )


def _table(runs: tuple[Run, ...]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "stage": [each.stage for each in runs],
            "remedies": [" + ".join(each.regimen.remedies) for each in runs],
            "member": [each.member for each in runs],
            "share": [each.share for each in runs],
            "skill": [each.skill for each in runs],
            "right": [each.right for each in runs],
            "runs": [each.cost for each in runs],
        }
    )


def _bad(option: str, message: str) -> InputError:
    return InputError("bad_option", message, {"option": option}, "See help(retemper.repair).")
