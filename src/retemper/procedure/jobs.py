"""Jobs from a recipe: the recipe's own values unless a step says otherwise."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from retemper.core.recipe import Recipe
from retemper.procedure.book import Book, State
from retemper.procedure.contenders import VALIDATION, Contender
from retemper.training.job import Job
from retemper.training.stack import Member


def members_of(recipe: Recipe, ids: Iterable[int]) -> tuple[Member, ...]:
    """Members with the recipe's own hyperparameters; their ids key their randomness."""
    return tuple(member_of(recipe, id_) for id_ in ids)


def member_of(recipe: Recipe, id_: int, **changes: Any) -> Member:
    """A member with the recipe's hyperparameters, some of them changed."""
    optimizer: Any = recipe.training.optimizer.options
    values: dict[str, Any] = {
        "learning_rate": optimizer.learning_rate,
        "weight_decay": optimizer.weight_decay,
        "dropout": getattr(recipe.model.options, "dropout", 0.0),
        "label_smoothing": getattr(recipe.training.loss.options, "label_smoothing", 0.0),
    }
    return Member(id_, **{**values, **changes})


def job_of(
    state: State, book: Book, name: str, members: tuple[Member, ...], epochs: int, **changes: Any
) -> Job:
    """A job on the run's data with the recipe's model and training; ``changes`` are fields of :class:`Job`.

    ``model`` and ``training`` may be given as mappings of single options that differ.
    """
    model = changes.pop("model", {})
    if model.get("name", state.recipe.model.name) == state.recipe.model.name:
        model = {**state.recipe.model.as_plain(), **model}
    training = {**state.recipe.training.model_dump(mode="json"), **changes.pop("training", {})}
    return Job(
        name=name,
        data=str(state.data_folder),
        model=model,
        training=training,
        members=members,
        seed=state.recipe.seed,
        epochs=epochs,
        device=state.recipe.device,
        **changes,
    )


def jobs_for(
    state: State, book: Book, name: str, contenders: Sequence[Contender], epochs: int, **changes: Any
) -> list[Job]:
    """One job for each shape among the contenders, the widest first; their history in one file."""
    history = ".".join(name.split(".")[:2]) if name.startswith("read_curves") else name.split(".")[0]
    groups: dict[str, list[Contender]] = {}
    for contender in sorted(contenders, key=lambda c: (-c.model.get("width", 0), c.member.id)):
        groups.setdefault(shape_name(contender.model), []).append(contender)
    return [
        job_of(
            state,
            book,
            f"{name}.{shape}",
            tuple(contender.member for contender in group),
            epochs,
            model=group[0].model,
            history=history,
            **changes,
        )
        for shape, group in groups.items()
    ]


def shape_name(model: dict[str, Any]) -> str:
    """A name for what members of one stack share: the model's options, dropout left out (members have their own).

    >>> shape_name({"name": "mlp", "width": 64, "depth": 2, "dropout": 0.1})
    'mlp-64-98e6'
    """
    shared = {key: value for key, value in model.items() if key != "dropout"}
    mark = zlib.crc32(json.dumps(shared, sort_keys=True).encode()) & 0xFFFF
    return f"{model['name']}-{model.get('width', 'all')}-{mark:04x}"


def recipe_for(state: State, contender: Contender, epochs: int) -> Recipe:
    """The run's recipe with a contender's own values, as remedies read it."""
    member, model = contender.member, dict(contender.model)
    if "dropout" in model:
        model["dropout"] = member.dropout
    changes: dict[str, Any] = {
        "model": model,
        "training.optimizer.learning_rate": member.learning_rate,
        "training.optimizer.weight_decay": member.weight_decay,
        "training.epochs": epochs,
    }
    if hasattr(state.recipe.training.loss.options, "label_smoothing"):
        changes["training.loss.label_smoothing"] = member.label_smoothing
    return state.recipe.with_changes(changes)


def contender_of(recipe: Recipe, id_: int, held_out: int = VALIDATION) -> Contender:
    """The way back from :func:`recipe_for`."""
    return Contender(recipe.model.as_plain(), replace(member_of(recipe, id_), held_out=held_out))


def without_regularisation(state: State) -> dict[str, Any]:
    """Changes of ``training`` that take every regulariser out."""
    loss = state.recipe.training.loss.as_plain()
    if "label_smoothing" in loss:
        loss["label_smoothing"] = 0.0
    return {"l1": 0.0, "l2": 0.0, "clip_norm": 0.0, "patience_epochs": 0, "loss": loss, "signals": False}
