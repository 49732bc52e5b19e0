"""Which sampler `bayes` takes is in the log and in the evidence, with the reason."""

from types import SimpleNamespace

import pytest

from retemper.core.recipe import Recipe
from retemper.procedure.sampler_choice import noted
from retemper.search.space_file import space_of

PLAIN = {"learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}}
BRANCHED = {"optimizer": ["adamw", {"name": "momentum", "momentum": {"low": 0.5, "high": 0.99}}]}


@pytest.mark.parametrize(
    "sampler, tree, trials, used, why",
    [
        ("bayes", PLAIN, 32, "gp", "at most 32 trials"),
        ("bayes", PLAIN, 64, "tpe", "there may be 64 trials: a Gaussian process is used up to 50"),
        ("bayes", BRANCHED, 32, "tpe", "not every trial has momentum"),
        ("random", PLAIN, 32, "random", None),
    ],
)
def test_the_choice_is_logged_with_its_reason(sampler, tree, trials, used, why):
    recipe = Recipe().with_changes({"tune.sampler": sampler, "tune.trials": trials, "tune.space": tree})
    logged = []
    book, state = SimpleNamespace(folder=SimpleNamespace(log=logged.append)), SimpleNamespace(recipe=recipe)
    found = noted(book, state, space_of(tree, recipe))
    assert logged == [{"event": "sampler", **found}]
    assert (found["asked"], found["used"]) == (sampler, used)
    assert why in found["why"] if why else "why" not in found


def test_the_reason_names_what_is_used():
    recipe = Recipe().with_changes({"tune.sampler": "bayes", "tune.trials": 20})
    recipe = recipe.with_changes({"tune.sampler.gp_trials": 10})
    logged = []
    book, state = SimpleNamespace(folder=SimpleNamespace(log=logged.append)), SimpleNamespace(recipe=recipe)
    found = noted(book, state, space_of(PLAIN, recipe))
    assert found["used"] == "tpe" and "up to 10" in found["why"]
