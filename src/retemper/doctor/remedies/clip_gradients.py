"""Clip gradients: a bound on the gradient's norm keeps one bad batch from throwing the weights far."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.doctor.changes import changed, scaled


class Options(Base):
    """How far to go."""

    norm: float = Field(1.0, gt=0, description="the bound where the finding has no measured norms")
    factor: float = Field(3.0, gt=1, description="a bound that is set already is divided by it")
    least: float = Field(0.01, gt=0, description="never a lower bound")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Set ``training.clip_norm`` to the 90th percentile of the norms seen, at most ``norm``; or tighten it.

    Raises:
        NotApplicable: the bound is at its lowest.

    >>> apply(Recipe(), Finding("diverging", "error", 0.9, "The loss climbs."))
    {'training.clip_norm': 1.0}
    """
    path = "training.clip_norm"
    if recipe.training.clip_norm > 0:
        return scaled(recipe, path, 1 / options.factor, options.least, float("inf"))
    seen = finding.evidence.get("gradient_norm_p90", options.norm)
    return changed(recipe, {path: float(f"{min(max(seen, options.least), options.norm):.4g}")})
