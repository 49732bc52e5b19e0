"""Networks of a course, trained as stacks; what those say of a row that have not seen it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.bundle.parts import Part
from retemper.core import device, forked
from retemper.core.budget import Deadline
from retemper.core.recipe_sections import TrainingOptions
from retemper.models.layers.build import network_of
from retemper.models.layers.cost import STEP_PASSES, multiply_adds
from retemper.models.layers.inputs import InputShape
from retemper.procedure.jobs import member_of
from retemper.retraining.averaged import averaged
from retemper.retraining.course import Course
from retemper.retraining.diet import Diet
from retemper.retraining.folds import LEARNT, NEVER
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.places import Place
from retemper.retraining.sight import Sight
from retemper.retraining.taught import taught
from retemper.training.arrays import TaskArrays
from retemper.training.class_losses import ClassLoss
from retemper.training.loop import Training
from retemper.training.plan import Plan, predict
from retemper.training.planning import callbacks_of, output_bias
from retemper.training.stack import Member

TRAINED_WITH = {"patience_epochs": 0, "signals": False, "judge": "plain"}
"""No row that judges may say when to stop: each training goes to its planned end."""
SCHEDULE = {"name": "one_cycle", "rise_fraction": 0.1, "start_factor": 0.04}
"""The rate is warmed up anew: the optimizer knows nothing of the gradients that come."""
WORTH_A_PROCESS = 4e9
"""Multiply-adds that pay for a process more. A step takes nearly as long for two small networks as for five, and a copy
of this process has pages to copy: with less to do, two of them take twice the processor seconds of one."""


@dataclass(frozen=True, eq=False)
class Trained:
    """Networks of one course.

    Args:
        model: they predict together, not calibrated.
        new: what networks that have not seen them say of the new rows, in the grown model's order of classes.
        old: the same of the old rows that judge.
        work: multiply-adds spent.
        seconds: of the processes together.
        networks: all that were trained, those that serve and those that only judge; empty where none were.
        stopped: of each process that the deadline stopped, its number and the steps that it had made.
    """

    model: Model
    new: Floats
    old: Floats
    work: float
    seconds: float
    networks: tuple[tuple[Place, Part], ...] = ()
    stopped: tuple[tuple[int, int], ...] = ()

    @property
    def sound(self) -> bool:
        """Whether all stayed finite."""
        return bool(np.isfinite(self.new).all() and np.isfinite(self.old).all())


def sight_for(ground: Ground, course: Course) -> Sight:
    """The rows as the networks of a course see them."""
    return ground.fresh if course.start == "fresh" else ground.warm


def work_of(model: Model, part: Part, visits: float) -> float:
    """Multiply-adds of training a network like this part, on rows as the model prepares them, by so many visits."""
    outputs = model.loss.n_outputs(len(model.classes))
    return STEP_PASSES * visits * _of_a_row(json.dumps(part.model, sort_keys=True), model.shape, outputs)


@lru_cache(maxsize=256)
def _of_a_row(described: str, shape: InputShape, outputs: int) -> float:
    """Multiply-adds of a pass forward; counted once, since counting takes a pass."""
    return multiply_adds(network_of(json.loads(described), shape, outputs), shape.width, shape.n_codes)


def train(
    ground: Ground, course: Course, diet: Diet, own: Sequence[Place], workers: int, deadline: Deadline
) -> Trained:
    """Train networks and ask those of each fold about its rows.

    Args:
        ground: the rows.
        course: how.
        diet: by which rows, for how long.
        own: at least one network a fold.
        workers: most processes; they change no result, and little work takes one.
        deadline: ends all of them.
    """
    sight = sight_for(ground, course)
    stacks: dict[str, list[Place]] = {}
    for place in own:
        stacks.setdefault(json.dumps(place.part.model, sort_keys=True), []).append(place)
    work = sum(work_of(sight.model, place.part, diet.visits) for place in own)
    workers = min(workers, 1 + int(work / WORTH_A_PROCESS))
    pieces = [
        piece for stack in stacks.values() for piece in _pieces(stack, workers if len(stacks) == 1 else 1)
    ]
    began = time.perf_counter()
    device.one_thread()
    found = forked.each(
        lambda k: _train(ground, sight, course, diet, pieces[k], deadline), len(pieces), workers
    )
    rows = {
        place.id: row
        for piece, (found_rows, _) in zip(pieces, found, strict=True)
        for place, row in zip(piece, found_rows, strict=True)
    }
    serving = sum(place.serves for place in own)
    parts = [Part(place.part.model, torch.from_numpy(rows[place.id]), 1 / serving) for place in own]
    parts = averaged(sight, parts, _mates(course, own), diet.allowed)
    done = answered(ground, sight, list(zip(own, parts, strict=True)), work, time.perf_counter() - began)
    stops = tuple((k, steps) for k, (_, steps) in enumerate(found) if steps is not None)
    return replace(done, stopped=stops)


def answered(
    ground: Ground, sight: Sight, networks: Sequence[tuple[Place, Part]], work: float, seconds: float
) -> Trained:
    """Networks, with what those of each fold say of its rows."""
    served = tuple(part for place, part in networks if place.serves)
    model = replace(sight.model, parts=served, temperature=1.0)
    own, parts = [place for place, _ in networks], [part for _, part in networks]
    new, old = _answers(ground, sight, own, parts)
    return Trained(model, new, old, work, seconds, tuple(networks))


def _mates(course: Course, own: Sequence[Place]) -> list[list[int]]:
    """For each network that serves beside judges, who began where it began; nobody where none are averaged."""
    alone = not course.averaged or all(place.serves for place in own)
    return [
        [] if alone or not place.serves else [k for k, other in enumerate(own) if other.part is place.part]
        for place in own
    ]


def _pieces(stack: list[Place], count: int) -> list[list[Place]]:
    count = min(count, len(stack))
    return [stack[k::count] for k in range(count)]


def _train(
    ground: Ground, sight: Sight, course: Course, diet: Diet, stack: Sequence[Place], deadline: Deadline
) -> tuple[list[NDArray[np.float32]], int | None]:
    """The members' parameters, and after how many steps the deadline stopped them; None: they came to their end."""
    plan = _plan(ground, sight, course, diet, stack)
    training = Training(plan, callbacks_of(plan, lambda share, text: None, None, None), deadline)
    fits = training.run()
    return [fit.row.cpu().numpy() for fit in fits], training.step if training.over else None


def _plan(ground: Ground, sight: Sight, course: Course, diet: Diet, stack: Sequence[Place]) -> Plan:
    model, recipe = sight.model, sight.model.recipe
    options = recipe.training.model_dump(mode="json")
    options |= {**TRAINED_WITH, "schedule": SCHEDULE, "batch_size": diet.batch_size}
    training = TrainingOptions.model_validate(options)
    network = network_of(stack[0].part.model, model.shape, model.loss.n_outputs(len(model.classes)))
    members = tuple(_member(ground, place) for place in stack)
    subsets = tuple(np.flatnonzero(diet.allowed & (ground.fold != place.fold)) for place in stack)
    facts = _facts(ground, sight, diet)
    plan = Plan(
        network=network,
        loss=model.loss,
        options=training,
        members=members,
        seed=ground.options.seed,
        train=sight.lessons.rows(),
        validation=None,
        epochs=diet.epochs,
        subsets=subsets,
        meets=(diet.meets,) * len(stack),
        odds=diet.odds,
        output_bias=output_bias(facts, model.loss.n_outputs(len(model.classes)), training),
        class_weight=None if facts.class_weight is None else np.asarray(facts.class_weight),
    )
    return taught(plan, ground, sight, course, [place.part for place in stack])


def _member(ground: Ground, place: Place) -> Member:
    recipe = ground.grown.recipe
    optimizer: Any = recipe.training.optimizer.options
    changes = {"learning_rate": place.rate * optimizer.learning_rate}
    if "dropout" in place.part.model:
        changes["dropout"] = place.part.model["dropout"]
    return member_of(recipe, place.id, **changes)


def _facts(ground: Ground, sight: Sight, diet: Diet) -> TaskArrays:
    """What a start from nothing needs to know of the rows: the target's prior and the classes' weights."""
    model, lessons = sight.model, sight.lessons
    y = lessons.y[diet.allowed]
    weight = None
    if model.task == "classification":
        counts = np.bincount(y, minlength=len(model.classes)) + 1.0
        prior = tuple((counts / counts.sum()).tolist())
        if isinstance(model.loss, ClassLoss):
            weight = model.loss.class_weight(model.classes, prior)
    else:
        prior = (float(np.mean(y, dtype=np.float64)), float(np.std(y, dtype=np.float64)))
    own = None if weight is None else tuple(weight.tolist())
    return TaskArrays(model.task, len(model.classes), model.shape, prior, own, lessons, lessons)


def _answers(
    ground: Ground, sight: Sight, own: Sequence[Place], parts: Sequence[Part]
) -> tuple[Floats, Floats]:
    """The mean word on new rows, and on the old ones that judge, of networks that have not seen them."""
    model, count = sight.model, len(ground.fold)
    width = (len(model.classes),) if model.classes else ()
    total, votes = np.zeros((count, *width)), np.zeros(count)
    rows = sight.lessons.rows()
    groups: dict[str, list[int]] = {}
    for k, part in enumerate(parts):
        groups.setdefault(json.dumps(part.model, sort_keys=True), []).append(k)
    for numbers in groups.values():
        network = network_of(parts[numbers[0]].model, model.shape, model.loss.n_outputs(len(model.classes)))
        parameters = torch.stack([parts[k].row for k in numbers])
        asked = [np.flatnonzero(_may_judge(ground, own[k])) for k in numbers]
        said = predict(network, parameters, rows, model.loss, _index(asked)).double().numpy()
        for places_, answers in zip(asked, said, strict=True):
            total[places_] += answers[: len(places_)]
            votes[places_] += 1
    judging = ground.fold != LEARNT
    mean = total[judging] / votes[judging].reshape(-1, *(1,) * len(width))
    said = replace(model, temperature=1.0).in_units(mean)
    return said[: len(ground.folds)], said[len(ground.folds) :]


def _may_judge(ground: Ground, place: Place) -> NDArray[np.bool_]:
    """Which rows a network answers: those of its fold, and if it serves, those that nobody trains on."""
    never = ground.fold == NEVER
    own: NDArray[np.bool_] = ground.fold == place.fold
    return own | never if place.serves else own


def _index(asked: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    index = np.full((len(asked), max(1, *map(len, asked))), -1, dtype=np.int64)
    for k, rows in enumerate(asked):
        index[k, : len(rows)] = rows
    return index
