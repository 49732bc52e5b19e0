"""Stop earlier: end the run, and with it the schedule's decay, soon after the best epoch."""

from __future__ import annotations

from math import ceil
from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed


class Options(Base):
    """How far to go."""

    margin: float = Field(1.25, ge=1, description="epochs = margin × the best epoch")
    fewest_epochs: int = Field(3, ge=1, description="never fewer epochs")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Set ``training.epochs`` by the finding's ``best_epoch``.

    Raises:
        NotApplicable: the finding does not name the best epoch, or the run is as short already.

    >>> recipe = Recipe().with_changes({"training.epochs": 60})
    >>> apply(recipe, Finding("overtrained", "advice", 0.9, "The best epoch was 8.", {"best_epoch": 8}))
    {'training.epochs': 10}
    """
    best = finding.evidence.get("best_epoch")
    if best is None:
        raise NotApplicable("the finding does not tell the best epoch")
    epochs = max(ceil(options.margin * best), options.fewest_epochs)
    if epochs >= recipe.training.epochs:
        raise NotApplicable(f"the run ends at epoch {recipe.training.epochs} already")
    return changed(recipe, {"training.epochs": epochs})
