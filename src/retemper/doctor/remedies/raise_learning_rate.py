"""Raise the learning rate: larger steps get further in the same time."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.doctor.changes import scaled


class Options(Base):
    """How far to go."""

    factor: float = Field(3.0, gt=1, description="the rate is multiplied by it")
    most: float = Field(1.0, gt=0, description="never a higher rate")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Multiply ``training.optimizer.learning_rate``.

    Raises:
        NotApplicable: the bound is reached.

    >>> recipe = Recipe().with_changes({"training.optimizer.learning_rate": 0.01})
    >>> apply(recipe, Finding("underfitting", "advice", 0.6, "The loss stays high."))
    {'training.optimizer.learning_rate': 0.03}
    """
    return scaled(recipe, "training.optimizer.learning_rate", options.factor, 0.0, options.most)
