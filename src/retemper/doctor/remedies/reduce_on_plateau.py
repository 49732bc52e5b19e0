"""Reduce on plateau: let the validation loss decide when the learning rate falls."""

from __future__ import annotations

from typing import Any

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed, number_at


class Options(Base):
    """Nothing to choose: the schedule's own defaults hold."""


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Change ``training.schedule`` to on_plateau; the warm-up stays.

    Raises:
        NotApplicable: the schedule is that one already.

    >>> recipe = Recipe().with_changes({"training.schedule": "constant"})
    >>> apply(recipe, Finding("plateau", "advice", 0.7, "The loss is flat."))
    {'training.schedule': {'name': 'on_plateau', 'warmup_fraction': 0.0}}
    """
    if recipe.training.schedule.name == "on_plateau":
        raise NotApplicable("the schedule is on_plateau already")
    warmup = number_at(recipe, "training.schedule.warmup_fraction")
    return changed(recipe, {"training.schedule": {"name": "on_plateau", "warmup_fraction": warmup}})
