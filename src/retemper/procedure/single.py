"""One network from a fixed recipe, without the procedure, as the scikit-learn estimators train; or many as stacks.

A network has the same bits here as alone, for its randomness is keyed by its own seed and its sizes are padded to
whole lanes; so a search over stacks gives the very scores that a search over single fits gives.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.bundle.parts import Part
from retemper.bundle.together import outputs_together, rows_to_predict
from retemper.core import device, forked
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.procedure.jobs import member_of
from retemper.procedure.single_rows import Ready, batch_size_for, ready
from retemper.procedure.trial_jobs import shared_of
from retemper.training.job import Job
from retemper.training.loop import Training
from retemper.training.plan import Fit, Rows
from retemper.training.planning import Alone, callbacks_of, stacked_plan
from retemper.training.stack import Layout

KEY = 0
"""All fits draw alike: like a fit alone, each depends on its own seed only."""


@dataclass(frozen=True)
class Fitted:
    """What became of a fit.

    Args:
        found: its model; None: there is none.
        seconds: of training, its share of its stack's.
        said: what was kept of its answers to the questions.
        fault: of its rows; None: they could be learnt from, and without a model the network did not stay finite.
    """

    found: Model | None
    seconds: float = 0.0
    said: Any = None
    fault: InputError | None = None

    @property
    def model(self) -> Model:
        """Its model.

        Raises:
            InputError: the rows are at fault, or ``no_model``.
        """
        if self.fault is not None:
            raise self.fault
        if self.found is None:
            raise InputError(
                "no_model",
                "The network did not stay finite in training, so there is no model.",
                None,
                "Lower learning_rate, or look for huge values in the columns and the target.",
            )
        return self.found


@dataclass(frozen=True)
class Questions:
    """What networks are asked as soon as they are trained, by the process that trained them.

    Args:
        frames: for each table the frames of rows that its networks predict.
        then: (number of the fit, its model, its outputs for each frame) → what is kept of them, plain data. It may be
            called in a forked copy of this process, where other threads' locks are never let go of.
    """

    frames: Sequence[Sequence[pl.DataFrame]]
    then: Callable[[int, Model, Sequence[NDArray[np.float64]]], Any]


@dataclass(frozen=True)
class _Wanted:
    """One network to train: on which prepared rows, by which recipe, and what it will be asked."""

    number: int
    ready: Ready
    recipe: Recipe
    alone: Alone
    asked: Sequence[Rows]

    @property
    def stack(self) -> str:
        """What the members of its stack share: stored shapes, options, and the number of steps."""
        job, data, rows = self.alone.job, self.alone.data, self.ready.rows
        steps = -(-rows // job.training["batch_size"])
        shared = [
            self.alone.network.stacks_with,
            job.training,
            job.seed,
            job.epochs,
            data.n_classes,
            data.class_weight,
            steps,
            -(-rows // steps),
            len(data.validation.y),
        ]
        return json.dumps(shared, sort_keys=True, default=str)


def fit_single(frame: pl.DataFrame, recipe: Recipe) -> Model:
    """Train one network in this process, on the CPU or the device the recipe names.

    The fit depends on the rows, not on their order. A row of weight 0 is left out; weights that are all whole
    numbers count observations, a row of weight 3 being three rows (up to 10 a row on average; larger ones, like
    fractions, weigh the row's loss).

    With ``training.patience_epochs`` above 0 and 10 rows or more, a share of them (``split.validation``) is held
    out, training stops after so many epochs without gain there, and the best epoch's parameters are kept. Copies
    of a row are held out together, for who has seen one knows the others; but where rows of the same cells differ in
    their target, as in a table of a few categories, a copy is an observation like any other.

    Args:
        frame: 2 rows or more, target included; one class or a constant target is let in for regression alone.
        recipe: with ``data.target`` and ``data.task``; ``data.weight``, ``data.kinds`` and ``data.drop`` are used.

    Raises:
        InputError: the rows or an option are at fault.

    >>> from retemper.core.recipe import build
    >>> rows = pl.DataFrame({"x": [k / 40 for k in range(40)], "y": [k / 20 for k in range(40)]})
    >>> recipe = build({"data.target": "y", "data.task": "regression", "training.epochs": 30, "model.width": 16})
    >>> fit_single(rows, recipe).predict(rows).shape
    (40,)
    """
    (fitted,) = fit_stacked([frame], [(0, recipe)])
    return fitted.model


def fit_stacked(
    frames: Sequence[pl.DataFrame],
    fits: Sequence[tuple[int, Recipe]],
    workers: int = 1,
    questions: Questions | None = None,
) -> list[Fitted]:
    """Train many single networks, see :func:`fit_single` for what each of them is.

    Args:
        frames: the tables that fits are made on.
        fits: (number of the table, recipe) of each; those that can are trained as one stack.
        workers: processes that the stacks are dealt out to; it changes no result.
        questions: to the networks that stayed finite.

    Returns:
        What became of each; a table that can't be learnt from is a fault of its own fits.
    """
    prepared: dict[tuple[int, str], Ready | InputError] = {}
    asked: dict[tuple[int, str], list[Rows]] = {}
    found: dict[int, Fitted] = {}
    stacks: dict[str, list[_Wanted]] = {}
    preparations = {id(recipe): _of_preparation(recipe) for recipe in {id(r): r for _, r in fits}.values()}
    for number, (table, recipe) in enumerate(fits):
        key = table, preparations[id(recipe)]
        if key not in prepared:
            prepared[key] = rows = _ready(frames[table], recipe)
            if isinstance(rows, Ready) and questions:
                preparer = rows.prepared.preparer
                asked[key] = [rows_to_predict(preparer, frame) for frame in questions.frames[table]]
        rows = prepared[key]
        if isinstance(rows, InputError):
            found[number] = Fitted(None, fault=rows)
            continue
        alone = Alone(_job(rows, recipe, number), rows.prepared.arrays)
        wanted = _Wanted(number, rows, recipe, alone, asked.get(key, []))
        stacks.setdefault(wanted.stack, []).append(wanted)
    order = sorted(stacks.values(), key=_work, reverse=True)
    with _one_thread():
        trained = forked.each(lambda k: _train(order[k], questions), len(order), workers)
    for stack, (trained_rows, said, seconds) in zip(order, trained, strict=True):
        for wanted, row in zip(stack, trained_rows, strict=True):
            model = None if row is None else _model(wanted, row)
            found[wanted.number] = Fitted(model, seconds / len(stack), said.get(wanted.number))
    return [found[number] for number in range(len(fits))]


def _ready(frame: pl.DataFrame, recipe: Recipe) -> Ready | InputError:
    try:
        return ready(frame, recipe)
    except InputError as fault:
        return fault


def _of_preparation(recipe: Recipe) -> str:
    """What of a recipe decides how rows are prepared and which are held out."""
    tree = recipe.model_dump(mode="json", exclude={"model", "training", "tune", "search", "procedure"})
    stops = bool(recipe.training.patience_epochs)
    return json.dumps(
        {**tree, "loss": recipe.training.loss.as_plain(), "stops": stops}, sort_keys=True, default=str
    )


def _job(own: Ready, recipe: Recipe, number: int) -> Job:
    model, training, options = shared_of(recipe)
    training["batch_size"] = recipe.training.batch_size or batch_size_for(own.rows)
    member = member_of(recipe, number, key=KEY, **options)
    return Job(
        name="single",
        data="",
        model=model,
        training=training,
        members=(member,),
        seed=recipe.seed,
        epochs=recipe.training.epochs,
        device=recipe.device,
    )


def _work(stack: Sequence[_Wanted]) -> float:
    """How much there is to train, to begin with the longest."""
    first = stack[0]
    steps = -(-first.ready.rows // first.alone.job.training["batch_size"])
    products = sum(parameter.size for parameter in first.alone.network.parameters)
    # A step costs as much as some hundred thousand products, however narrow the network.
    return float(first.alone.job.epochs * (steps * 300_000 + len(stack) * first.ready.rows * products))


def _train(
    stack: Sequence[_Wanted], questions: Questions | None
) -> tuple[list[NDArray[np.float32] | None], dict[int, Any], float]:
    """The members' parameters, None of a lost one, what is kept of their answers, and the seconds of training."""
    began = time.perf_counter()
    plan = stacked_plan([own.alone for own in stack], stack[0].ready.validating)
    fits = Training(plan, callbacks_of(plan, lambda share, text: None, None, None)).run()
    layout = Layout(plan.network)
    rows = [layout.own_row(fit.row, Layout(network)) for fit, network in zip(fits, plan.own, strict=True)]
    kept = [row.cpu().numpy() if _is_sound(fit) else None for fit, row in zip(fits, rows, strict=True)]
    seconds = time.perf_counter() - began
    return kept, _answers(stack, kept, questions) if questions else {}, seconds


def _answers(
    stack: Sequence[_Wanted], rows: Sequence[NDArray[np.float32] | None], questions: Questions
) -> dict[int, Any]:
    """By the fits' numbers what is kept of their answers."""
    sound = [(own, _model(own, row)) for own, row in zip(stack, rows, strict=True) if row is not None]
    models = [model for _, model in sound]
    count = len(stack[0].asked)
    outputs = [outputs_together(models, [own.asked[k] for own, _ in sound]) for k in range(count)]
    return {
        own.number: questions.then(own.number, model, [each[at] for each in outputs])
        for at, (own, model) in enumerate(sound)
    }


def _is_sound(fit: Fit) -> bool:
    loss = fit.history[-1]["train_loss"] if math.isnan(fit.val_loss) else fit.val_loss
    return math.isfinite(loss) and bool(torch.isfinite(fit.row).all())


def _model(own: _Wanted, row: NDArray[np.float32]) -> Model:
    prepared = own.ready.prepared
    part = Part(own.recipe.model.as_plain(), torch.from_numpy(row), 1.0)
    return Model(own.ready.schema, prepared.preparer, prepared.target, own.ready.recipe, (part,))


@contextmanager
def _one_thread() -> Iterator[None]:
    """PyTorch with one thread while networks train (see :func:`retemper.core.device.one_thread`), then as before."""
    before = torch.get_num_threads()
    device.one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before)
