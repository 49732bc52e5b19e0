"""A space as a person writes it: names, forms, entries with options of their own, every mistake at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.core import catalogue
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.search.declared import chosen, families, options_of
from retemper.search.space import Axis, Condition, Interval, Words
from retemper.search.space_file import space_of, written

NAME = "training.optimizer.name"
RATE = "training.optimizer.learning_rate"
TREE: dict[str, Any] = {
    "learning_rate": {"low": 1e-3, "high": 1e-1},
    "optimizer": [
        "adam",
        {"name": "nesterov", "momentum": "default", "learning_rate": {"low": 0.01, "high": 0.5}},
        {"name": "momentum", "momentum": "default"},
    ],
    "model": ["mlp", "residual_mlp", "ft_transformer", "linear"],
    "width": "default",
    "dropout": {"high": 0.3},
    "expansion": "default",
    "heads": [2, 4],
    "schedule": [{"name": "step", "gamma": "default", "every_epochs": [5, 10]}, "on_plateau", "cosine"],
    "warmup_fraction": "default",
    "constructed": [[], ["log"]],
    "scaling": "default",
}


def mistakes(tree: dict[str, Any], recipe: Recipe | None = None) -> str:
    with pytest.raises(InputError) as caught:
        space_of(tree, recipe)
    assert caught.value.code == "bad_space"
    return caught.value.message


def test_short_names_and_forms() -> None:
    text = """
    learning_rate: {low: 1e-4, high: 1e-1}
    batch_size: [32, 64]
    hidden_units: [16, [64, 32]]
    prepare.bins: {low: 8, high: 64}
    dropout: default
    activation: relu
    """
    assert dict(space_of(yaml.safe_load(text))) == {
        RATE: Interval(1e-4, 1e-1, log=True),
        "training.batch_size": Words((32, 64)),
        "model.widths": Words(([16], [64, 32])),
        "prepare.bins": Interval(8, 64, integer=True),
        "model.dropout": Interval(0.0, 0.5),
        "model.activation": Words(("relu",)),
    }


def test_what_a_range_leaves_out_is_as_the_option_declares() -> None:
    assert space_of({"learning_rate": {"low": 1e-3}})[RATE] == Interval(1e-3, 1e-1, log=True)
    assert space_of({"learning_rate": {"log": False}})[RATE] == Interval(1e-4, 1e-1)
    assert space_of({"depth": {}})["model.depth"] == Interval(1, 4, integer=True)


def test_an_entrys_own_options_are_there_with_it_alone() -> None:
    space = space_of({"optimizer": ["adam", {"name": "nesterov", "momentum": {"low": 0.5, "high": 0.99}}]})
    assert dict(space) == {
        NAME: Words(("adam", "nesterov")),
        "training.optimizer.momentum": Interval(0.5, 0.99),
    }
    assert space.conditions == {"training.optimizer.momentum": Condition(NAME, ("nesterov",))}
    assert space.at([0.1, 0.5]) == {NAME: "adam"}


def test_ranges_that_differ_by_entry_are_axes_of_their_own() -> None:
    space = space_of(
        {"optimizer": ["adam", {"name": "sgd", "learning_rate": [0.5, 1.0]}], "learning_rate": [1e-3]}
    )
    assert list(space) == [
        NAME,
        "training.optimizer.sgd.learning_rate",
        "training.optimizer.adam.learning_rate",
    ]
    recipe = Recipe()
    assert recipe.with_changes(space.at([0.9, 0.9, 0.9])).training.optimizer.options.learning_rate == 1.0  # type: ignore[attr-defined]
    assert recipe.with_changes(space.at([0.1, 0.9, 0.9])).training.optimizer.options.learning_rate == 1e-3  # type: ignore[attr-defined]


def test_one_range_for_all_entries_is_one_axis() -> None:
    space = space_of({"optimizer": ["adam", "sgd"], "learning_rate": {"low": 1e-3, "high": 1e-1}})
    assert list(space) == [NAME, RATE]
    assert not space.conditions


def test_declared_ranges_of_entries_differ() -> None:
    space = space_of({"optimizer": ["adam", "sgd"], "learning_rate": "default"})
    assert space["training.optimizer.sgd.learning_rate"] == Interval(1e-3, 1.0, log=True)
    assert space["training.optimizer.adam.learning_rate"] == Interval(1e-4, 1e-1, log=True)


def test_names_mean_the_entries_that_the_recipe_has() -> None:
    recipe = Recipe().with_changes({"training.optimizer": "nesterov", "model": "ft_transformer"})
    assert list(space_of({"momentum": "default", "heads": "default"}, recipe)) == [
        "training.optimizer.momentum",
        "model.heads",
    ]
    assert "is an option of momentum, nesterov, but training.optimizer is adamw" in mistakes(
        {"momentum": [0.9]}
    )


def test_all_mistakes_at_once() -> None:
    said = mistakes(
        {
            "lerning_rate": [0.1],
            "batch_size": [32, -1, 32],
            "dropout": {"low": 0, "high": 1},
            "width": {"lo": 1},
            "depth": {"low": 3, "high": 1},
            "activation": {"low": 0, "high": 1},
            "optimizer": ["adma", {"name": "sgd", "momentum": 0.9}],
            "hidden_units": {"low": 8, "high": 64},
            "epochs": [3],
            "tune.trials": [3],
            "widths": "default",
        }
    )
    for part in (
        "The space has 12 mistakes",
        "lerning_rate: no such option, did you mean learning_rate?",
        "batch_size: Input should be greater than or equal to 0, but got -1",
        "dropout: Input should be less than 1, but got 1",
        "width: a range has no 'lo', did you mean low?",
        "depth: low <= high must hold",
        "activation: takes no range of numbers; list its values",
        "optimizer: there is no optimizer 'adma'; did you mean adam?",
        "training.optimizer: sgd has no option momentum",
        "hidden_units: takes no range",
        "epochs: is no trial's own: how long a trial trains is tune.epochs",
        "tune.trials: is no trial's own",
        "widths: has no range that comes with it",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (
            {"patience_epochs": [3], "schedule": "on_plateau"},
            "training.patience_epochs or training.schedule.patience",
        ),
        ({"learning_rate": {"low": 0, "high": 1}}, "Input should be greater than 0"),
        ({"weight_decay": {"low": 0, "high": 1}}, "low > 0 must hold where log is true"),
        ({"depth": {"low": 1, "high": 3, "integer": False}}, "takes whole numbers only"),
        ({"dropout": {"low": 0, "high": 0.5, "log": "no way"}}, "log must be true or false"),
        ({"batch_size": [32, "32"]}, "'32' is named twice"),
        ({"batch_size": []}, "at least one value"),
        ({"optimizer": []}, "at least one value"),
        ({"optimizer": ["adam", "adam"]}, "named twice"),
        ({"loss": "default"}, "has no range that comes with it"),
        ({"model.widht": [3]}, "did you mean model.width?"),
        ({"dropout": {"low": 0.1, "high": float("inf")}}, "Input should be less than 1"),
        ({"learning_rate": {"low": 0.1, "high": float("inf")}}, "both finite"),
    ],
)
def test_mistakes(tree: dict[str, Any], said: str) -> None:
    assert said in mistakes(tree)


def test_what_python_has_is_written_as_yaml_has_it() -> None:
    given_: dict[str, Any] = {
        "dropout": Interval(0.0, 0.5),
        "bins": np.array([8, 16]),
        "depth": range(1, 3),
        "width": Words((np.int64(8), 16)),
        "optimizer": ("adam", {"name": "sgd", "learning_rate": (0.1, 0.2)}),
    }
    plain = yaml.safe_load(yaml.safe_dump(written(given_)))
    assert plain == written(given_)
    assert dict(space_of(plain)) == dict(space_of(given_))


ENTRIES = [(path, entry) for path, own in families().items() for entry in catalogue.names(own.family)]


@pytest.mark.parametrize(("family", "entry"), ENTRIES)
def test_every_option_has_a_range_within_its_bounds_or_says_that_it_has_none(family: str, entry: str) -> None:
    """One reading of all declarations: what they name the recipe takes."""
    base = Recipe().with_changes({f"{family}.name": entry})
    options = [own for having in options_of(chosen(base)).values() for own in having.values()]
    axes = {own.path: own.declared() for own in options if own.path not in WITHOUT}
    settings_ = [(path, value) for path, axis in axes.items() for value in _ends(axis)]
    for path, value in settings_:
        if path.startswith(f"{family}.") or family == "model":
            assert base.with_changes({path: value}).get(path) == value
    for own in options:
        if own.path in WITHOUT:
            with pytest.raises(ValueError, match="has no range that comes with it"):
                own.declared()


WITHOUT = ("model.widths", "prepare.missing_constant")


def _ends(axis: Axis) -> tuple[Any, ...]:
    return (axis.low, axis.high) if isinstance(axis, Interval) else axis.values


def test_the_families_declare_choices_but_the_loss() -> None:
    for family, option in families().items():
        if family == "training.loss":
            continue
        for name in option.declared().values:  # type: ignore[union-attr]
            assert option.parsed(name) == name


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_living_setting_makes_a_recipe(data: st.DataObject) -> None:
    names = data.draw(
        st.sets(st.sampled_from(sorted(TREE.keys() - {"expansion", "heads", "warmup_fraction"})))
    )
    also = {
        "model": ["expansion", "heads", "width"],
        "schedule": ["warmup_fraction"],
        "optimizer": ["learning_rate"],
    }
    names |= {name for family in names & also.keys() for name in also[family]}
    space = space_of({name: TREE[name] for name in TREE if name in names})
    assert all(condition.path in space for condition in space.conditions.values())
    shares = data.draw(st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space)))
    values = space.at(shares)
    assert space.alive(values) == values
    recipe = Recipe().with_changes(values)
    for path, value in values.items():
        plain = recipe.get(path) if path.count(".") < 3 else _of_entry(recipe, path)
        assert plain == (pytest.approx(value) if isinstance(value, float) else value), path


def _of_entry(recipe: Recipe, path: str) -> Any:
    family, entry, leaf = path.rsplit(".", 2)
    assert recipe.get(f"{family}.name") == entry
    return recipe.get(f"{family}.{leaf}")
