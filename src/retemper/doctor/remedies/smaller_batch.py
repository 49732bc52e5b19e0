"""Smaller batches: more steps an epoch, and noise that leads out of narrow minima (Keskar et al. 2017)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed, scaled

PATH = "training.batch_size"


class Options(Base):
    """How far to go."""

    factor: float = Field(4.0, gt=1, description="the batch size is divided by it")
    fewest_rows: int = Field(16, ge=1, description="never fewer rows a batch")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Divide ``training.batch_size``; where the rows set it, take that of the finding's ``batch_size``.

    Raises:
        NotApplicable: the bound is reached, or no size is known.

    >>> recipe = Recipe().with_changes({"training.batch_size": 256})
    >>> apply(recipe, Finding("batch_too_large", "advice", 0.7, "Few steps."))
    {'training.batch_size': 64}
    """
    if recipe.training.batch_size > 0:
        return scaled(recipe, PATH, 1 / options.factor, options.fewest_rows, float("inf"))
    size = finding.evidence.get("batch_size")
    if size is None:
        raise NotApplicable("the rows set the batch size, and the finding does not tell it")
    smaller = max(options.fewest_rows, round(size / options.factor))
    if smaller >= size:
        raise NotApplicable(f"a batch has {size} rows; the remedy goes to {options.fewest_rows}")
    return changed(recipe, {PATH: smaller})
