"""Larger batches: each step averages more rows, so it is less noisy (and there are fewer of them)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.doctor.changes import scaled


class Options(Base):
    """How far to go."""

    factor: float = Field(2.0, gt=1, description="the batch size is multiplied by it")
    most_rows: int = Field(4096, ge=1, description="never more rows a batch")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Multiply ``training.batch_size``.

    Raises:
        NotApplicable: the bound is reached.

    >>> recipe = Recipe().with_changes({"training.batch_size": 64})
    >>> apply(recipe, Finding("oscillating", "warning", 0.7, "The loss swings."))
    {'training.batch_size': 128}
    """
    return scaled(recipe, "training.batch_size", options.factor, 1, options.most_rows)
