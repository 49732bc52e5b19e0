"""Label smoothing: no class is asked for with certainty, so that weights need not grow without end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed
from retemper.doctor.surgery.losses import ClassLoss
from retemper.doctor.surgery.patient import Patient

PATH = "training.loss.label_smoothing"


class Options(Base):
    """How much."""

    smoothing: float = Field(0.05, gt=0, lt=1, description="ε; Szegedy et al. 2016 take .1 for 1000 classes")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Set ``training.loss.label_smoothing``.

    Raises:
        NotApplicable: the loss is none of classes, or smooths as much already.

    >>> recipe = Recipe().with_changes({"training.loss": "cross_entropy"})
    >>> apply(recipe, Finding("overfitting", "warning", 0.9, "The validation loss rose."))
    {'training.loss.label_smoothing': 0.05}
    """
    smoothing = recipe.training.loss.as_plain().get("label_smoothing")
    if smoothing is None:
        raise NotApplicable(f"the loss {recipe.training.loss.name} has no labels to smooth")
    if smoothing >= options.smoothing:
        raise NotApplicable(f"labels are smoothed by {smoothing:g} already")
    return changed(recipe, {PATH: options.smoothing})


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Smooth the targets of a cross-entropy.

    Raises:
        NotApplicable: the loss is not one of classes that is known by its making.
    """
    loss = patient.loss
    if not isinstance(loss, ClassLoss) or loss.smoothing >= options.smoothing:
        raise NotApplicable("the loss is a person's own, or smooths as much already")
    weights = loss.weights if loss.weights is None else loss.weights.clone()
    return replace(patient, loss=ClassLoss(loss.outputs_are, loss.several, options.smoothing, weights))
