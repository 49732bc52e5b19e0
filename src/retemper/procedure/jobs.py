"""Jobs from a recipe: the recipe's own values unless a step says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from retemper.core.recipe import Recipe
from retemper.procedure.book import Book, Contender, State
from retemper.training.job import Job
from retemper.training.stack import Member


def members_of(recipe: Recipe, ids: Iterable[int]) -> tuple[Member, ...]:
    """Members with the recipe's own hyperparameters; their ids key their randomness."""
    return tuple(member_of(recipe, id_) for id_ in ids)


def member_of(recipe: Recipe, id_: int, **changes: float) -> Member:
    """A member with the recipe's hyperparameters, some of them changed."""
    optimizer: Any = recipe.training.optimizer.options
    values = {
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
    model = {**state.recipe.model.as_plain(), **changes.pop("model", {})}
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
    ordered = sorted(contenders, key=lambda c: (-c.model.get("width", 0), c.member.id))
    return [
        job_of(
            state,
            book,
            f"{name}.{width or 'all'}",
            tuple(contender.member for contender in group),
            epochs,
            model={"width": width} if width else {},
            history=history,
            **changes,
        )
        for width, group in groupby(ordered, key=lambda c: c.model.get("width"))
    ]


def recipe_for(state: State, contender: Contender, epochs: int) -> Recipe:
    """The run's recipe with a contender's own values, as remedies read it."""
    member, model = contender.member, dict(contender.model)
    if "dropout" in model:
        model["dropout"] = member.dropout
    return state.recipe.with_changes(
        {
            "model": model,
            "training.optimizer.learning_rate": member.learning_rate,
            "training.optimizer.weight_decay": member.weight_decay,
            "training.epochs": epochs,
        }
    )


def contender_of(recipe: Recipe, id_: int) -> Contender:
    """The way back from :func:`recipe_for`."""
    return Contender(recipe.model.as_plain(), member_of(recipe, id_))


def without_regularisation(state: State) -> dict[str, Any]:
    """Changes of ``training`` that take every regulariser out."""
    loss = state.recipe.training.loss.as_plain()
    if "label_smoothing" in loss:
        loss["label_smoothing"] = 0.0
    return {"l1": 0.0, "l2": 0.0, "clip_norm": 0.0, "patience_epochs": 0, "loss": loss, "signals": False}
