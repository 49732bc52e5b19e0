"""The recipe: layers, dotted paths, every mistake at once with the nearest right spelling."""

from __future__ import annotations

import pytest
import yaml

from retemper.core.errors import InputError
from retemper.core.recipe import Recipe, build, load, parse_setting


@pytest.mark.parametrize("name", ["training.optimizer", "training.optimizer.name"])
def test_the_order_of_one_layer_means_nothing(name: str) -> None:
    changes = {
        "training.optimizer.learning_rate": 0.5,
        name: "sgd",
        "training.optimizer.sgd.weight_decay": 0.25,
    }
    wanted = {"name": "sgd", "learning_rate": 0.5, "weight_decay": 0.25, "decay_biases": False}
    for layer in (changes, dict(reversed(changes.items()))):
        assert Recipe().with_changes(layer).training.optimizer.as_plain() == wanted
        assert build(layer).training.optimizer.as_plain() == wanted


def test_an_entry_may_have_an_option_of_its_own_name() -> None:
    recipe = Recipe().with_changes({"training.optimizer": {"name": "momentum", "momentum": 0.5}})
    changed = recipe.with_changes({"training.optimizer.momentum.learning_rate": 0.25})
    assert changed.get("training.optimizer.momentum") == 0.5
    assert changed.get("training.optimizer.learning_rate") == 0.25
    changed = changed.with_changes({"training.optimizer.momentum.momentum": 0.75})
    assert changed.get("training.optimizer.momentum") == 0.75


def test_an_option_for_one_entry_is_refused_for_another() -> None:
    with pytest.raises(InputError, match=r"training\.optimizer\.sgd: no such option"):
        Recipe().with_changes({"training.optimizer.sgd.learning_rate": 0.1})


def test_yaml_has_every_default_and_comes_back() -> None:
    recipe = Recipe()
    plain = yaml.safe_load(recipe.to_yaml())
    assert plain["training"]["optimizer"]["name"] == "adamw"
    assert plain["training"]["optimizer"]["beta2"] == 0.99
    assert build(plain) == recipe


def test_later_layers_beat_earlier_ones() -> None:
    preset = {"training": {"epochs": 20, "batch_size": 64}}
    file = {"training": {"epochs": 30, "optimizer": {"name": "sgd", "learning_rate": 0.1}}}
    setting = dict(
        [parse_setting("training.epochs=40"), parse_setting("training.optimizer.learning_rate=3e-2")]
    )
    recipe = build(preset, file, setting)
    assert (recipe.training.epochs, recipe.training.batch_size) == (40, 64)
    assert recipe.training.optimizer.name == "sgd"
    assert recipe.get("training.optimizer.learning_rate") == 0.03


def test_another_entry_drops_the_options_of_the_one_before() -> None:
    recipe = build(
        {"training": {"optimizer": {"name": "adamw", "beta2": 0.95}}}, {"training.optimizer": "sgd"}
    )
    assert recipe.training.optimizer.name == "sgd"
    assert recipe.training.optimizer.as_plain()["learning_rate"] == 0.05


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("training.optimizer.lerning_rate=1", "did you mean learning_rate?"),
        ("trainin.epochs=3", "did you mean training?"),
        ("model.widht=3", "did you mean width"),
        ("training.optimizer=adamv", "did you mean adam"),
        ("training.optimizer.learning_rate=-1", "greater than 0"),
        ("training.epochs=many", "got 'many'"),
        ("split.method=randm", "'random'"),
    ],
)
def test_a_mistake_is_named_with_what_is_right(setting: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        build(dict([parse_setting(setting)]))
    assert said in caught.value.message


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        build({"training": {"epochs": 0, "optimizer": {"beta": 1}}, "modl": "mlp", "seed": -1})
    assert "4 mistakes" in caught.value.message
    for path in ("training.epochs", "training.optimizer.beta", "modl", "seed"):
        assert path in caught.value.message


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2", "just words"])
def test_a_recipe_file_that_is_none(text: str) -> None:
    with pytest.raises(InputError) as caught:
        load(text, "r.yaml")
    assert caught.value.code == "bad_recipe"


def test_a_setting_without_a_value() -> None:
    with pytest.raises(InputError) as caught:
        parse_setting("training.epochs")
    assert caught.value.code == "bad_setting"


def test_layers_stay_as_they_are() -> None:
    layer = {"training": {"optimizer": {"learning_rate": 1e-3}}, "data": {"kinds": {"a": "number"}}}
    build(layer, {"training.optimizer.learning_rate": 0.5, "data.kinds.b": "category"})
    assert layer == {"training": {"optimizer": {"learning_rate": 1e-3}}, "data": {"kinds": {"a": "number"}}}


def test_settings_of_several_columns_add_up_and_their_dots_are_their_own() -> None:
    assert build({"data.kinds.a": "number", "data.kinds.b": "text"}).data.kinds == {
        "a": "number",
        "b": "text",
    }
    file = {"data": {"kinds": {"a.b": "number"}}, "decision": {"costs": {"1.5": {"2.5": 3}}}}
    recipe = build(file, {"data.kinds.c": "text"})
    assert recipe.data.kinds == {"a.b": "number", "c": "text"}
    assert recipe.decision.costs == {"1.5": {"2.5": 3.0}}
    assert build(recipe.model_dump(mode="json"), {"data.kinds": {}}).data.kinds == {}


def test_dots_may_stand_at_any_level_and_keys_may_be_no_text() -> None:
    recipe = build({"training": {"optimizer.learning_rate": 0.25, "epochs": 3}})
    assert recipe.get("training.optimizer.learning_rate") == 0.25 and recipe.training.epochs == 3
    with pytest.raises(InputError, match="1: no such option"):
        build({1: 2})  # type: ignore[dict-item]
    with pytest.raises(InputError, match="lerning_rate: no such option, did you mean learning_rate"):
        build({"training": {"optimizer.lerning_rate": 1}})


@pytest.mark.parametrize("layer", [["training.epochs=3"], "training.epochs=3", 3, [("training.epochs", 3)]])
def test_options_that_are_no_mapping_are_refused(layer: object) -> None:
    with pytest.raises(InputError) as caught:
        build(layer)  # type: ignore[arg-type]
    assert caught.value.code == "bad_recipe" and "{'training.epochs': 30}" in caught.value.hint


@pytest.mark.parametrize("value", ["2026-02-30", "!!int x", "!!timestamp x", "!!int", "&a [*a]"])
def test_values_that_yaml_can_not_make_are_mistakes(value: str) -> None:
    with pytest.raises(InputError):
        build(dict([parse_setting(f"training.epochs={value}")]))
    with pytest.raises(InputError):
        build(load(f"training: {{epochs: {value}}}", "recipe.yaml"))
