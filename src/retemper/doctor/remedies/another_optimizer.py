"""Another optimizer: one that finds its own scale for each weight."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.doctor.changes import changed

ADAPTIVE = ("adam", "adamw")


class Options(Base):
    """The rate to begin with."""

    learning_rate: float = Field(3e-3, gt=0, description="of the adaptive optimizer")
    momentum_rate: float = Field(0.03, gt=0, description="of Nesterov's, where it was adaptive")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Change ``training.optimizer`` to adam, or to nesterov where it was adaptive; the weight decay stays.

    Raises:
        NotApplicable: the recipe would be invalid.

    >>> recipe = Recipe().with_changes({"training.optimizer": {"name": "sgd", "weight_decay": 0.0}})
    >>> apply(recipe, Finding("slow_start", "advice", 0.7, "It starts slowly."))["training.optimizer"]["name"]
    'adam'
    """
    own = recipe.training.optimizer
    name, rate = (
        ("nesterov", options.momentum_rate) if own.name in ADAPTIVE else ("adam", options.learning_rate)
    )
    decay = recipe.get("training.optimizer.weight_decay")
    return changed(
        recipe, {"training.optimizer": {"name": name, "learning_rate": rate, "weight_decay": decay}}
    )
