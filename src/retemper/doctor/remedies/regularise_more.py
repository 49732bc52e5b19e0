"""Regularise more: one step of dropout, or of weight decay where dropout is at its bound or not to be had."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed, number_at, scaled
from retemper.doctor.surgery.dropouts import more_dropout
from retemper.doctor.surgery.patient import Patient

DROPOUT, DECAY = "model.dropout", "training.optimizer.weight_decay"


class Options(Base):
    """How far to go."""

    dropout_step: float = Field(0.15, gt=0, lt=1, description="added to the dropout")
    most_dropout: float = Field(0.5, gt=0, lt=1, description="never more dropout")
    decay_factor: float = Field(3.0, gt=1, description="the decay is multiplied by it")
    first_decay: float = Field(0.01, gt=0, description="the decay where there was less")
    most_decay: float = Field(1.0, gt=0, description="never more decay")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Add to ``model.dropout``, else multiply ``training.optimizer.weight_decay``: one change at a time.

    Raises:
        NotApplicable: both bounds are reached.

    >>> recipe = Recipe().with_changes({"model.dropout": 0.1})
    >>> apply(recipe, Finding("overfitting", "warning", 0.9, "The validation loss rose."))
    {'model.dropout': 0.25}
    """
    try:
        dropout = number_at(recipe, DROPOUT)
    except NotApplicable:
        return _decay(recipe, options)
    if dropout >= options.most_dropout:
        return _decay(recipe, options)
    more = min(dropout + options.dropout_step, options.most_dropout)
    return changed(recipe, {DROPOUT: float(f"{more:.6g}")})


def _decay(recipe: Recipe, options: Options) -> dict[str, Any]:
    decay = number_at(recipe, DECAY)
    if decay * options.decay_factor < options.first_decay:
        return changed(recipe, {DECAY: options.first_decay})
    return scaled(recipe, DECAY, options.decay_factor, 0.0, options.most_decay)


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Add to each dropout, or put some after each hidden activation.

    Raises:
        NotApplicable: the bound is reached, or there is no hidden activation.
    """
    return more_dropout(patient, options.dropout_step, options.most_dropout)
