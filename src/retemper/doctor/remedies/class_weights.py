"""Class weights: rare classes count as much as frequent ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed
from retemper.doctor.observe.loss_kind import ask
from retemper.doctor.surgery.losses import ClassLoss
from retemper.doctor.surgery.patient import Patient


class Options(Base):
    """Nothing to choose: N / (C · N_class)."""


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Set ``training.loss.class_weights`` to balanced.

    Raises:
        NotApplicable: the loss is none of classes, or weights them already.

    >>> recipe = Recipe().with_changes({"training.loss": "cross_entropy"})
    >>> apply(recipe, Finding("class_imbalance", "advice", 0.9, "One class has 1 % of the rows."))
    {'training.loss.class_weights': 'balanced'}
    """
    weights = recipe.training.loss.as_plain().get("class_weights")
    if weights != "none":
        raise NotApplicable(f"the loss {recipe.training.loss.name} has no class weights to set")
    return changed(recipe, {"training.loss.class_weights": "balanced"})


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Take a cross-entropy with weights for what the outputs are.

    Raises:
        NotApplicable: targets are no classes, or the loss does not say what the outputs are.
    """
    if patient.task != "classification":
        raise NotApplicable("a row has not just one class")
    outputs = patient.outputs()
    wants = ask(patient.loss, outputs, patient.y[: len(outputs)]).wants
    if wants not in ("logits", "probabilities", "log_probabilities"):
        raise NotApplicable("the loss does not say what the outputs are")
    counts = _counts(patient.y, outputs.shape[1] if outputs.dim() > 1 else 1)
    weights = counts.sum() / (len(counts) * counts.clamp_min(1))
    return replace(patient, loss=ClassLoss(wants, weights=weights))


def _counts(y: Tensor, columns: int) -> Tensor:
    if y.dim() > 1 and y.shape[1] > 1:
        return y.sum(0).float()
    return torch.bincount(y.reshape(-1).long(), minlength=max(2, columns)).float()
