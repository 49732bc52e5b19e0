"""What every remedy must keep: a valid recipe that differs, or the reason why not."""

from typing import Any

import pytest

from retemper.core import catalogue
from retemper.core.options import Options
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.training.schedules import ENTRIES as SCHEDULES

NAMES = catalogue.names("remedy")
RECIPES: list[dict[str, Any]] = [
    {},
    *({"model": name} for name in catalogue.names("model")),
    *({"training.schedule": name} for name in SCHEDULES),
    *({"training.optimizer": name} for name in catalogue.names("optimizer")),
    {"training.loss": {"name": "cross_entropy", "label_smoothing": 0.1}, "model.dropout": 0.0},
    {"training.epochs": 1, "training.batch_size": 1, "training.clip_norm": 5.0},
]
EVIDENCE = [{}, {"best_epoch": 1, "gradient_norm_p90": 1e9}, {"best_epoch": 10**6, "gradient_norm_p90": 0.0}]


@pytest.mark.parametrize("name", NAMES)
def test_a_valid_recipe_that_differs_or_the_reason(name: str) -> None:
    module, applied = catalogue.entry("remedy", name), 0
    for settings in RECIPES:
        recipe = Recipe().with_changes(settings)
        for evidence in EVIDENCE:
            finding = Finding("any", "advice", 0.5, "A finding.", evidence)
            try:
                changes = module.apply(recipe, finding)
            except NotApplicable as why:
                assert len(str(why)) >= 10
                continue
            applied += 1
            assert changes and recipe.with_changes(changes) != recipe
            assert all(isinstance(path, str) for path in changes)
    assert applied > 0


@pytest.mark.parametrize("name", NAMES)
def test_form(name: str) -> None:
    module = catalogue.entry("remedy", name)
    assert issubclass(module.Options, Options)
    assert all(field.description for field in module.Options.model_fields.values())
    assert module.__doc__ and "NotApplicable" in module.apply.__doc__


def test_every_remedy_is_named_by_a_symptom() -> None:
    """A remedy that no symptom names would never be tried."""
    named: set[str] = set()
    for code in catalogue.names("symptom"):
        module = catalogue.entry("symptom", code)
        for constant in ("REMEDIES", "STUCK", "STALLED"):
            named |= set(getattr(module, constant, ()))
    assert named == set(NAMES)
