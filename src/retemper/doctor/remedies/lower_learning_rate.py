"""Lower the learning rate: smaller steps settle deeper and don't climb out."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.doctor.changes import scaled


class Options(Base):
    """How far to go."""

    factor: float = Field(3.0, gt=1, description="the rate is divided by it")
    least: float = Field(1e-6, gt=0, description="never a lower rate")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Divide ``training.optimizer.learning_rate``.

    Raises:
        NotApplicable: the bound is reached.

    >>> recipe = Recipe().with_changes({"training.optimizer.learning_rate": 0.03})
    >>> apply(recipe, Finding("diverging", "error", 0.9, "The loss climbs."))
    {'training.optimizer.learning_rate': 0.01}
    """
    rate = "training.optimizer.learning_rate"
    return scaled(recipe, rate, 1 / options.factor, options.least, float("inf"))
