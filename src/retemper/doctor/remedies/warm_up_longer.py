"""Warm up longer: the rate rises slowly while the weights, and the optimizer's averages, are still raw."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.doctor.changes import changed, number_at, scaled


class Options(Base):
    """How far to go."""

    first: float = Field(0.05, gt=0, lt=1, description="share of the run where there was no warm-up")
    factor: float = Field(2.0, gt=1, description="a warm-up that is there already is multiplied by it")
    most: float = Field(0.3, gt=0, lt=1, description="never a longer share")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Set or multiply ``training.schedule.warmup_fraction``.

    Raises:
        NotApplicable: the bound is reached.

    >>> recipe = Recipe().with_changes({"training.schedule.warmup_fraction": 0.1})
    >>> apply(recipe, Finding("diverging", "error", 0.9, "The loss climbs."))
    {'training.schedule.warmup_fraction': 0.2}
    """
    path = "training.schedule.warmup_fraction"
    if number_at(recipe, path) == 0:
        return changed(recipe, {path: options.first})
    return scaled(recipe, path, options.factor, 0.0, options.most)
