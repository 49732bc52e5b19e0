"""Every model grows: it says what it said, every new part learns, and the larger network trains like any other."""

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from retemper.bundle.grown import grown
from retemper.bundle.model import Model, shape_of
from retemper.bundle.parts import Part
from retemper.core.catalogue import names, options_class
from retemper.core.recipe import Recipe
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import Schema, infer
from retemper.data.target import Target
from retemper.models.layers.build import network_of
from retemper.training import losses
from retemper.training.copies_loss import CopiesLoss
from retemper.training.engines import ENGINES
from retemper.training.plan import Rows
from retemper.training.stack import Layout, Member, Stack

SMALL: dict[str, dict[str, Any]] = {
    "linear": {},
    "mlp": {"width": 18, "depth": 2},
    "residual_mlp": {"width": 18, "expansion": 1.5},
    "tabm": {"width": 18, "copies": 3},
    "ft_transformer": {"heads": 2, "most_tokens": 3},
}
FRONTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "periodic": {"periodic_frequencies": 3, "periodic_units": 2, "periodic_sigma": 0.5},
    "adapted inputs": {"adapters": "inputs"},
}
CASES = [
    pytest.param({"name": name, **SMALL[name], **options}, id=f"{name} {front}")
    for name in names("model")
    for front, options in FRONTS.items()
    if options.keys() <= options_class("model", name).model_fields.keys()
]
TARGETS = {"two": "auto", "one output": "binary_cross_entropy", "three": "auto", "numbers": "auto"}
PREPARE: dict[str, dict[str, Any]] = {
    "as usual": {"prepare.bins": 4},
    "every input is met": {"prepare.bins": 2, "prepare.text_scores": False},
    "all that can be derived": {
        "prepare.scaling": "quantile",
        "prepare.outliers": "clip",
        "prepare.missing": "iterative",
        "prepare.constructed": ["log", "product", "group_mean"],
        "prepare.components": 2,
        "prepare.bins": 4,
    },
}
TWICE = ("mlp periodic", "tabm adapted inputs", "ft_transformer plain")
every_model = pytest.mark.parametrize("model", CASES)
TEXTS = ("a good day", "one bad day out", "rain all the day", "sun and more sun")


@cache
def old_rows(target: str, rows: int = 160) -> pl.DataFrame:
    """Two numbers, few and many levels (a rare one counts as unknown), a date, a text."""
    draw = np.random.default_rng(0)
    city = [f"city {k}" for k in draw.integers(0, 12, rows)]
    targets: dict[str, Any] = {
        "two": draw.choice(["no", "yes"], rows),
        "one output": draw.choice(["no", "yes"], rows),
        "three": draw.choice([1, 2, 5], rows),
        "numbers": 100 + 30 * draw.normal(size=rows),
    }
    return pl.DataFrame(
        {
            "size": draw.lognormal(size=rows) + 0.01,
            "age": [None if k % 9 == 0 else float(v) for k, v in enumerate(draw.integers(18, 90, rows))],
            "kind": ["rare", *draw.choice(["u", "v"], rows - 1)],
            "shade": draw.choice(["dark", "light"], rows),
            "city": city,
            "day": [f"2024-{1 + k % 12:02}-{1 + k % 28:02}" for k in range(rows)],
            "note": [f"{TEXTS[k % 4]} {k}" for k in range(rows)],
            "y": targets[target],
        }
    )


@cache
def new_rows(target: str, rows: int = 120) -> pl.DataFrame:
    """The same with new columns of every kind, new levels and a new class."""
    draw = np.random.default_rng(1)
    fresh = old_rows(target, rows)
    if target != "numbers":
        fresh = fresh.with_columns(y=pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit(9)).otherwise("y"))
        if fresh["y"].dtype != pl.Int64:
            fresh = fresh.with_columns(pl.col("y").cast(pl.String))
    return fresh.with_columns(
        kind=pl.Series(draw.choice(["v", "w", "z"], rows)),
        shade=pl.Series(draw.choice(["dark", "grey"], rows)),
        city=pl.Series([f"city {k}" for k in draw.integers(8, 40, rows)]),
        income=pl.Series(draw.normal(size=rows)),
        open=pl.Series(draw.choice([True, False], rows)),
        shop=pl.Series(draw.choice(["p", "q", "r"], rows)),
        street=pl.Series([f"street {k}" for k in draw.integers(0, 15, rows)]),
        seen=pl.Series([f"2025-{1 + k % 12:02}-03" for k in range(rows)]),
        said=pl.Series([f"{TEXTS[k % 4]} {k} times" for k in range(rows)]),
    )


@cache
def fitted(target: str, prepare: str) -> tuple[Recipe, Schema, Preparer, Target]:
    """What the old rows teach before there is a network."""
    frame = old_rows(target)
    changes = {"data.target": "y", "prepare.one_hot_levels": 8, **PREPARE[prepare]}
    recipe = Recipe().with_changes({**changes, "training.loss": TARGETS[target]})
    schema = infer(read(frame, "y"), recipe.data)
    preparer = Preparer.fit(frame, schema, recipe.prepare)
    return recipe, schema, preparer, Target.fit(frame["y"], schema, recipe.prepare)


def model_of(network: dict[str, Any], target: str, prepare: str = "as usual", seed: int = 0) -> Model:
    """A model of one random network, every parameter of which is away from its start."""
    recipe, schema, preparer, codec = fitted(target, prepare)
    recipe = recipe.with_changes({"model": network})
    classes = len(codec.classes)
    outputs = losses.resolve(recipe.training.loss, codec.task, classes).n_outputs(classes)
    stack = Stack(network_of(network, shape_of(preparer), outputs), [Member(3, 1e-3)])
    stack.initialise(recipe.training.initialiser.options, seed=seed)
    noise = torch.randn(stack.layout.size, generator=torch.Generator().manual_seed(seed))
    row = stack.buffers["parameters"][0] + 0.1 * noise * stack.layout.true_places()
    return Model(schema, preparer, codec, recipe, (Part(network, row, 1.0),))


@cache
def both_rows(target: str) -> pl.DataFrame:
    """Old and new rows below each other, as a retraining has them."""
    old = old_rows(target)
    labels = pl.String if old["y"].dtype == pl.String else old["y"].dtype
    return pl.concat([old, new_rows(target).with_columns(pl.col("y").cast(labels))], how="diagonal_relaxed")


def raw_outputs(model: Model, frame: pl.DataFrame) -> torch.Tensor:
    """What the network gives before any activation, float64 [copies, rows, outputs]."""
    outputs = model.loss.n_outputs(len(model.classes))
    network = network_of(model.parts[0].model, model.shape, outputs)
    parameters = Layout(network).views(model.parts[0].row.double().unsqueeze(0))
    inputs = model.preparer.transform(frame)
    rows = Rows.of(inputs.dense, inputs.categories, np.zeros(frame.height), dtype=torch.float64)
    found = network.forward(parameters, rows.x.unsqueeze(0), rows.codes.long().unsqueeze(0))[0]
    return found[0, : frame.height].reshape(frame.height, network.copies, outputs).transpose(0, 1)


def assert_same(before: torch.Tensor, after: torch.Tensor) -> None:
    """The known outputs to 1e-6 of their size; of one output of two classes, the difference of the two."""
    if before.shape[-1] == 1 and after.shape[-1] > 1:
        after = after[..., 1:2] - after[..., :1]
    torch.testing.assert_close(after[..., : before.shape[-1]], before, rtol=1e-6, atol=1e-6)


@every_model
@pytest.mark.parametrize("target", ["one output", "numbers"])
def test_what_was_known_is_said_as_before(model: dict[str, Any], target: str) -> None:
    champion = model_of(model, target)
    found = grown(champion, both_rows(target))
    assert list(found.added.columns) == ["income", "open", "shop", "street", "seen", "said"]
    assert found.added.levels.keys() == {"kind", "shade", "city"}
    assert tuple(found.added.classes) == (() if target == "numbers" else ("9",))
    for frame in (old_rows(target), new_rows(target)):  # a level that is new has the outputs of unknown ones
        assert_same(raw_outputs(champion, frame), raw_outputs(found.model, frame))
    if target == "numbers":
        return
    before, after = (each.predict_proba(old_rows(target)) for each in (champion, found.model))
    known = before.shape[1]
    assert (
        after[:, known:].min() > 1e-9
        and (after[:, known:] < after[:, :known].max(axis=1, keepdims=True)).all()
    )
    if model["name"] != "tabm":  # the copies' mean is over probabilities: the surer copy counts a little more
        odds = after[:, :known] / after[:, :known].sum(axis=1, keepdims=True)
        np.testing.assert_allclose(odds, before, rtol=2e-6)


@pytest.mark.parametrize("target", ["two", "numbers"])
def test_derived_numbers_stay(target: str) -> None:
    champion = model_of({"name": "mlp", **SMALL["mlp"]}, target, "all that can be derived")
    derived = champion.preparer.derived
    assert derived.built and derived.means and derived.components and derived.imputer and derived.bounds
    larger = grown(champion, both_rows(target)).model
    for frame in (old_rows(target), new_rows(target)):
        assert_same(raw_outputs(champion, frame), raw_outputs(larger, frame))


@pytest.mark.parametrize("model", [case for case in CASES if case.id in TWICE])
def test_it_grows_twice(model: dict[str, Any]) -> None:
    champion, rows = model_of(model, "one output"), both_rows("one output")
    once = grown(champion, rows.drop("income", "street", "said").filter(pl.col("y") != "9"))
    twice = grown(once.model, rows)
    assert set(once.added.columns) == {"open", "shop", "seen"} and not once.added.classes
    assert set(twice.added.columns) == {"income", "street", "said"} and set(twice.added.classes) == {"9"}
    old = old_rows("one output")
    assert_same(raw_outputs(champion, old), raw_outputs(twice.model, old))
    again = grown(twice.model, rows)
    assert not again.added and again.model is twice.model


def gradients(model: Model, row: torch.Tensor, frame: pl.DataFrame, engine: str) -> dict[str, torch.Tensor]:
    """The loss's gradient at a member's row [P] of float64, by parameter in its true shape."""
    network = network_of(model.parts[0].model, model.shape, model.loss.n_outputs(len(model.classes)))
    stack = Stack(network, [Member(0, 1e-3)], dtype=torch.float64)
    stack.buffers["parameters"][0] = row
    inputs, target = model.preparer.transform(frame), model.target_codec
    y = target.encode(frame["y"])
    y = target.scale(y) if target.task == "regression" else y
    rows = Rows.of(inputs.dense, inputs.categories, y, dtype=torch.float64)
    goal = CopiesLoss(model.loss, network.copies).goal(
        rows.y.unsqueeze(0), rows.weight.unsqueeze(0), network.head.outputs
    )
    loss = partial(CopiesLoss(model.loss, network.copies).value_and_gradient, goal=goal)
    x, codes = rows.x.unsqueeze(0), rows.codes.unsqueeze(0)
    ENGINES[engine](stack, stack.parameters, x, codes, None, loss)
    return stack.layout.unpadded(stack.buffers["gradients"][0])


@every_model
def test_every_part_learns(model: dict[str, Any]) -> None:
    rows = both_rows("two")
    larger = grown(model_of(model, "two", "every input is met"), rows).model
    start = larger.parts[0].row.double()
    layout = Layout(network_of(model, larger.shape, larger.loss.n_outputs(len(larger.classes))))
    first = gradients(larger, start, rows, "dense")
    assert not any(own.isnan().any() for own in first.values())
    # Before a weight of 0 nothing moves yet; one step later it does.
    moved = start - 0.1 * layout.row(first, torch.float64)
    second = gradients(larger, moved, rows, "dense")
    for name, own in second.items():
        silent = ~((first[name] != 0) | (own != 0))
        assert not silent.all(1).any() or name.endswith("table"), f"a row of {name} learns nothing"
        assert not silent.all(0).any() or name.startswith("head"), f"a column of {name} learns nothing"
    by_autograd = gradients(larger, moved, rows, "autograd")
    for name, own in second.items():
        torch.testing.assert_close(own, by_autograd[name], rtol=1e-9, atol=1e-9)


def test_networks_that_predict_together_grow_together() -> None:
    models = [
        model_of({"name": name, **SMALL[name]}, "three", seed=k) for k, name in enumerate(("mlp", "linear"))
    ]
    parts = tuple(
        replace(each.parts[0], weight=weight) for each, weight in zip(models, (0.7, 0.3), strict=True)
    )
    together = grown(replace(models[0], parts=parts), both_rows("three")).model
    alone = [grown(each, both_rows("three")).model for each in models]
    outputs = [own.outputs(old_rows("three")) for own in alone]
    np.testing.assert_allclose(
        together.outputs(old_rows("three")), 0.7 * outputs[0] + 0.3 * outputs[1], rtol=1e-5
    )
