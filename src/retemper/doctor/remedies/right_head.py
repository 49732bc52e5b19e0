"""The right head and loss: outputs that targets and loss can be met by."""

from __future__ import annotations

from typing import Any

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed
from retemper.doctor.surgery.head import with_right_head
from retemper.doctor.surgery.patient import Patient

LOSS_AT_FAULT = frozenset({"wrong_loss", "shape_broadcast", "gradient_ascent"})
"""Findings that say that the loss itself is wrong; of all others the head is."""


class Options(Base):
    """Nothing to choose: task and loss decide."""


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Let the task choose ``training.loss``; the head of retemper's own networks follows the loss.

    Raises:
        NotApplicable: the task chooses it already.

    >>> recipe = Recipe().with_changes({"training.loss": "mse"})
    >>> apply(recipe, Finding("wrong_loss", "error", 0.9, "The loss is one of values."))
    {'training.loss': 'auto'}
    """
    if recipe.training.loss.name == "auto":
        raise NotApplicable("the loss follows the task already, and the head the loss")
    return changed(recipe, {"training.loss": "auto"})


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Take off what is done to the outputs, set their number, and put at their end what the loss wants.

    Raises:
        NotApplicable: the forward pass can't be followed, or doesn't end in a linear layer.
    """
    return with_right_head(patient, keep_loss=finding.code not in LOSS_AT_FAULT)
