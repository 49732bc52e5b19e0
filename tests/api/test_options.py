"""From options to one recipe, and durations to seconds."""

import pytest

from retemper.api.options import PRESETS, compose, preset_layer, refuse_unknown, seconds_of
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe, build


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300),
        ("90s", 90),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("60", 60),
        (0.5, 0.5),
        ("2m 5s", 125),
        ("1H", 3600),
    ],
)
def test_durations(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "0", "5 minutes", "5m3h", "nan", "inf", 0, -1.0])
def test_what_is_no_duration(text):
    with pytest.raises(InputError) as caught:
        seconds_of(text)
    assert caught.value.code == "bad_time_limit"


def test_every_preset_is_a_recipe_and_bounds_trials_and_epochs():
    sizes = [build(preset_layer(name)) for name in PRESETS]
    assert [r.search.trials for r in sizes] == sorted({r.search.trials for r in sizes})
    assert [r.training.epochs for r in sizes] == sorted({r.training.epochs for r in sizes})


def test_the_standard_preset_is_the_recipe_without_one():
    assert build(preset_layer("standard")) == Recipe()


def test_later_layers_win():
    options = {
        "preset": "quick",
        "recipe": {"training": {"epochs": 9, "batch_size": 9}},
        "set": {"training.epochs": 8},
    }
    recipe = compose("y", options)
    assert (recipe.search.trials, recipe.training.batch_size, recipe.training.epochs) == (8, 9, 8)
    assert compose("y", {"set": {"seed": 1, "data.target": "z"}, "seed": 2}).seed == 2
    assert compose(None, {"set": {"data.target": "z"}}).data.target == "z"
    assert compose("y", {"clean": False}).data.clean is False


def test_a_recipe_may_be_a_record_or_a_file(tmp_path):
    (tmp_path / "r.yaml").write_text(Recipe().with_changes({"training.epochs": 5}).to_yaml())
    assert compose("y", {"recipe": tmp_path / "r.yaml"}).training.epochs == 5
    assert compose("y", {"recipe": Recipe().with_changes({"training.epochs": 6})}).training.epochs == 6


@pytest.mark.parametrize("content", [b"a: [1", b"- 1\n- 2\n", b"\xff\xfe", b"training: {epoch: 3}"])
def test_recipe_files_that_are_none(tmp_path, content):
    (tmp_path / "r.yaml").write_bytes(content)
    with pytest.raises(InputError) as caught:
        compose("y", {"recipe": tmp_path / "r.yaml"})
    assert caught.value.code == "bad_recipe"


def test_unknown_options_get_their_spelling():
    with pytest.raises(InputError, match="did you mean time_limit"):
        refuse_unknown({"timelimit": 3})


def test_rows_to_keep_beat_the_recipe_and_are_checked() -> None:
    assert compose("y", {"keep_old": "250"}).keep.rows == 250
    assert compose("y", {"keep_old": "none", "set": {"keep.rows": 9}}).keep.rows == 0
    assert compose("y", {"set": {"keep.rows": 9}}).keep.rows == 9
    for wrong in ("-1", "some", 2.5, ""):
        with pytest.raises(InputError) as caught:
            compose("y", {"keep_old": wrong})
        assert caught.value.code == "bad_option" and caught.value.where == {"option": "keep-old"}
