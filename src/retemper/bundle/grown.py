"""A model with room for new classes, new columns and new levels; what it knew, it still says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import polars as pl
import torch

from retemper.bundle.model import Model, shape_of
from retemper.bundle.parts import Part
from retemper.core.growth_records import Added, Sources
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.data.extend.classes import with_new_classes
from retemper.data.extend.columns import new_columns, with_new_columns, without_columns
from retemper.data.extend.levels import new_levels, with_new_levels
from retemper.data.extend.places import encoded_sources, sources_of
from retemper.data.extend.rare_classes import Aside
from retemper.data.prepare import Preparer
from retemper.data.schema import Column, Schema
from retemper.data.target import Target
from retemper.evaluation.costs import Costs
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import FIRST_INPUT, Difficulty
from retemper.models.layers.build import network_of
from retemper.models.layers.transplant import transplanted
from retemper.training.stack import Layout, Member, Stack

MOST_ODDS = 0.5
"""A new class begins at most half as likely as the likeliest known one: no row is called otherwise than before."""


@dataclass(frozen=True)
class Grown:
    """The larger model, what it has room for now, what is to be told of it, and rows of classes that are too rare."""

    model: Model
    added: Added
    findings: tuple[Finding, ...] = ()
    aside: Aside = field(default_factory=Aside)


def grown(model: Model, frame: pl.DataFrame, schema_of_new: Schema | None = None) -> Grown:
    """The same model with room for what is new in these rows, so that training can go on from its weights.

    Rows with known columns and levels have the outputs they had: the odds among known classes, or the value. Rows with
    new levels have the outputs that unknown levels had. A new class begins improbable but not impossible: with its
    share of the rows where a network takes all known classes for equally likely, and with less the surer it is of one
    (:mod:`retemper.models.layers.transplant`).

    Texts keep their words, and derived numbers and the target's scale stay; columns that join are prepared by the
    options of the model's recipe. With a third class, a loss over one output becomes cross-entropy over all classes,
    which is the same for two. Of the decision, costs take the new classes in (a mistake not named costs 1); a threshold
    and prediction sets are given up.

    Args:
        model: trained before.
        frame: rows to learn from, new ones and as many old ones as there are, with the target; missing where an old
            row lacks a new column.
        schema_of_new: of the new rows, read as a table of their own: the kinds of the new columns, and which columns
            are gone; None: both are told from ``frame``.

    Returns:
        The larger model, or the very same where nothing is new.

    Raises:
        InputError: a column is gone that the model has never seen missing, a new class has another type than the known
            ones, or see :meth:`retemper.data.prepare.Preparer.fit`.

    >>> import numpy as np
    >>> from retemper import NetClassifier
    >>> x = np.linspace(-1, 1, 80)[:, None]
    >>> model = NetClassifier(hidden_units=8, epochs=3, random_state=0).fit(x, np.where(x[:, 0] > 0, "b", "a")).model_
    >>> frame = pl.DataFrame({"x0": x[:, 0], model.target: ["a", "b", "c", "c"] * 20})
    >>> wider = grown(model, frame.with_columns(size=pl.Series(range(80)) * 1.5)).model
    >>> wider.classes, wider.predict(frame).tolist() == model.predict(frame).tolist()
    (('a', 'b', 'c'), True)
    """
    recipe, gone_before = model.recipe, model.preparer.gone
    preparer = without_columns(model.preparer, frame, schema_of_new)
    preparer = with_new_levels(preparer, frame, recipe.prepare.min_level_rows)
    labels = frame[model.target] if model.target in frame.columns else None
    target, classes = with_new_classes(model.target_codec, labels)
    schema = _with_classes(model.schema, target)
    columns = new_columns(schema, frame, recipe.data, schema_of_new)
    joining = tuple(column for column in columns if column.name not in preparer.columns)
    if joining:
        preparer = with_new_columns(preparer, frame, Schema(joining), recipe.prepare)
    schema = _with_columns(schema, columns, set(preparer.optional) - set(frame.columns))
    added = Added(
        classes,
        new_levels(model.preparer, preparer),
        {column.name: column.kind for column in joining},
        preparer.gone[len(gone_before) :],
        _given_up(model.decision) if classes else (),
    )
    if not added and schema == model.schema:
        return Grown(model, added)
    larger = replace(
        model,
        schema=schema,
        preparer=preparer,
        target_codec=target,
        recipe=_for_classes(recipe, target) if classes else recipe,
        decision=_decision(model, preparer, len(classes)),
    )
    parts = _parts(model, larger, tuple(classes.values()))
    return Grown(replace(larger, parts=parts), added, _findings(added))


def _with_classes(schema: Schema, target: Target) -> Schema:
    if target.task == "regression" or schema.target is None:
        return schema
    own = replace(schema.target, distinct=len(target.labels))
    return replace(schema, classes=target.classes, target=own)


def _with_columns(schema: Schema, columns: Sequence[Column], absent: set[str]) -> Schema:
    """The schema with columns that joined or came back, without those of which no row is left."""
    left_out = absent | {column.name for column in columns}  # constants that vary now among them
    kept = tuple(column for column in schema.columns if column.name not in left_out)
    return replace(schema, columns=(*kept, *columns))


def _parts(old: Model, new: Model, shares: Sequence[float]) -> tuple[Part, ...]:
    sources = sources_of(old.preparer, new.preparer)
    bias = _class_bias(len(old.classes), shares)
    return tuple(_part(part, id_, old, new, sources, bias) for id_, part in enumerate(old.parts))


def _part(part: Part, id_: int, old: Model, new: Model, sources: Sources, bias: Sequence[float]) -> Part:
    before, after = (
        network_of(part.model, shape_of(own.preparer), own.loss.n_outputs(len(own.classes)))
        for own in (old, new)
    )
    start = Stack(after, [Member(id_, learning_rate=1.0)])
    start.initialise(new.recipe.training.initialiser.options, new.recipe.seed)
    fresh = start.layout.unpadded(start.buffers["parameters"][0])
    trained = Layout(before).unpadded(part.row)
    tensors = transplanted(before, after, sources, trained, fresh, bias)
    return replace(part, row=start.layout.row(tensors, torch.float32))


def _class_bias(known: int, shares: Sequence[float]) -> tuple[float, ...]:
    """What is added to the mean of the known outputs, so that a class has its share s where all are equally likely."""
    rest = max(1e-9, 1.0 - sum(shares))
    return tuple(math.log(min(MOST_ODDS, known * share / rest)) for share in shares)


def _for_classes(recipe: Recipe, target: Target) -> Recipe:
    """The recipe for more than two classes: no loss over one output, no threshold of a positive class."""
    changes: dict[str, object] = {
        f"decision.{name}": None
        for name in ("positive", "precision", "cost_false_positive", "cost_false_negative")
    }
    loss = recipe.training.loss
    if loss.name == "binary_cross_entropy":
        changes["training.loss"] = {**loss.as_plain(), "name": "cross_entropy"}
    return recipe.with_changes({**changes, "decision.metric": "none"})


def _given_up(decision: Decision) -> tuple[str, ...]:
    parts = {"threshold": decision.threshold, "prediction sets": decision.sets}
    return tuple(name for name, part in parts.items() if part is not None)


def _decision(model: Model, preparer: Preparer, new_classes: int) -> Decision:
    decision = model.decision
    if decision.intervals is not None:
        difficulty = _moved(decision.intervals.difficulty, model.preparer, preparer)
        decision = replace(decision, intervals=replace(decision.intervals, difficulty=difficulty))
    if not new_classes:
        return decision
    costs = decision.costs and _wider_costs(decision.costs, new_classes)
    return replace(decision, threshold=None, sets=None, costs=costs)


def _moved(difficulty: Difficulty, old: Preparer, new: Preparer) -> Difficulty:
    """The same trees over inputs that stand elsewhere now."""
    place = {source: at for at, source in reversed([*enumerate(encoded_sources(old, new))])}
    trees = [
        replace(
            tree,
            feature=tuple(
                k if k < FIRST_INPUT else place[k - FIRST_INPUT] + FIRST_INPUT for k in tree.feature
            ),
        )
        for tree in difficulty.trees
    ]
    return replace(difficulty, trees=tuple(trees))


def _wider_costs(costs: Costs, new_classes: int) -> Costs:
    count = len(costs.matrix) + new_classes
    known = len(costs.matrix)
    return Costs(
        tuple(
            tuple(costs.matrix[t][c] if max(t, c) < known else float(t != c) for c in range(count))
            for t in range(count)
        )
    )


def _findings(added: Added) -> tuple[Finding, ...]:
    if not added.gone:
        return ()
    names = ", ".join(map(repr, added.gone))
    several = len(added.gone) > 1
    return (
        Finding(
            "columns_gone",
            "warning",
            1.0,
            f"The new rows have no column{'s' * several} {names}: the model takes {'them' if several else 'it'} for "
            "missing from now on, as it did with empty cells in training.",
            {"columns": list(added.gone)},
        ),
    )
