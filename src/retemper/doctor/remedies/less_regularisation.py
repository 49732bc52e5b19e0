"""Less regularisation: the strongest brake is loosened first."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed, number_at
from retemper.doctor.surgery.dropouts import less_dropout
from retemper.doctor.surgery.patient import Patient

BRAKES = (
    "model.dropout",
    "training.l1",
    "training.l2",
    "training.loss.label_smoothing",
    "training.optimizer.weight_decay",
)


class Options(Base):
    """How far to go."""

    own_factor: float = Field(4.0, gt=1, description="the same for the dropout of a person's own network")
    factor: float = Field(2.0, gt=1, description="the brake's strength is divided by it")
    negligible: float = Field(1e-3, gt=0, description="dropout and smoothing below it become 0")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Divide the first brake that is on: dropout, L1, L2, label smoothing, weight decay.

    L1 and L2 are taken off at once: their scale says nothing about their effect.

    Raises:
        NotApplicable: nothing holds the network back.

    >>> recipe = Recipe().with_changes({"model.dropout": 0.2})
    >>> apply(recipe, Finding("underfitting", "advice", 0.6, "The loss stays high."))
    {'model.dropout': 0.1}
    """
    for path in BRAKES:
        strength = _strength(recipe, path)
        if strength > 0:
            return changed(recipe, {path: _less(path, strength, options)})
    raise NotApplicable("the recipe has no regularisation to take away")


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Divide the rates of all dropouts.

    Raises:
        NotApplicable: the network has none.
    """
    return less_dropout(patient, options.own_factor, options.negligible)


def _strength(recipe: Recipe, path: str) -> float:
    try:
        return number_at(recipe, path)
    except NotApplicable:
        return 0.0


def _less(path: str, strength: float, options: Options) -> float:
    if path in ("training.l1", "training.l2"):
        return 0.0
    less = float(f"{strength / options.factor:.6g}")
    return 0.0 if less < options.negligible and path != "training.optimizer.weight_decay" else less
