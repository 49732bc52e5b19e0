"""Train longer: more epochs, the schedule stretched with them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.doctor.changes import scaled


class Options(Base):
    """How far to go."""

    factor: float = Field(2.0, gt=1, description="epochs are multiplied by it")
    most_epochs: int = Field(1000, ge=1, description="never more epochs")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Multiply ``training.epochs``.

    Raises:
        NotApplicable: the bound is reached.

    >>> recipe = Recipe().with_changes({"training.epochs": 30})
    >>> apply(recipe, Finding("still_improving", "advice", 0.9, "It still fell."))
    {'training.epochs': 60}
    """
    return scaled(recipe, "training.epochs", options.factor, 1, options.most_epochs)
