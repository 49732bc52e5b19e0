"""Slower decay: the learning rate stays high for longer."""

from __future__ import annotations

from math import sqrt
from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed, number_at, scaled


class Options(Base):
    """How far to go."""

    end_factor: float = Field(
        0.1, gt=0, le=1, description="multiplier at the end of a linear or cosine decay"
    )
    stretch: float = Field(2.0, gt=1, description="patience or time scale is multiplied by it")
    most_epochs: float = Field(1000.0, gt=0, description="never a longer patience or time scale")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Change the one option of the schedule that sets its pace.

    step, exponential: γ → √γ (half the decay); linear, cosine: a higher end; inverse_square_root: a longer time
    scale; on_plateau: more patience.

    Raises:
        NotApplicable: the schedule has no decay to slow down, or it is slow already.

    >>> recipe = Recipe().with_changes({"training.schedule": {"name": "exponential", "gamma": 0.81}})
    >>> apply(recipe, Finding("still_improving", "advice", 0.7, "It still fell."))
    {'training.schedule.gamma': 0.9}
    """
    name, path = recipe.training.schedule.name, "training.schedule."
    match name:
        case "step" | "exponential":
            gamma = number_at(recipe, path + "gamma")
            return changed(recipe, {path + "gamma": float(f"{sqrt(gamma):.6g}")})
        case "linear" | "cosine":
            if number_at(recipe, path + "end_factor") >= options.end_factor:
                raise NotApplicable("the rate stays high to the end already")
            return changed(recipe, {path + "end_factor": options.end_factor})
        case "inverse_square_root":
            return scaled(recipe, path + "timescale_epochs", options.stretch, 0.0, options.most_epochs)
        case "on_plateau":
            patience = number_at(recipe, path + "patience_epochs")
            return changed(
                recipe, {path + "patience_epochs": round(patience * options.stretch) + (patience == 0)}
            )
        case _:
            raise NotApplicable(f"the schedule {name} has no decay to slow down")
