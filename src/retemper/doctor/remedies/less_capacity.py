"""Less capacity: narrower layers can learn less by heart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.doctor.changes import widths_scaled
from retemper.doctor.surgery.chain import as_chain, widened
from retemper.doctor.surgery.patient import Patient


class Options(Base):
    """How far to go."""

    factor: float = Field(2.0, gt=1, description="the width is divided by it")
    least_units: int = Field(8, ge=1, description="never fewer units a layer")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Divide ``model.width`` (or each of ``model.widths``).

    Raises:
        NotApplicable: the model has no width, or the bound is reached.

    >>> recipe = Recipe().with_changes({"model.width": 64})
    >>> apply(recipe, Finding("overfitting", "warning", 0.9, "The validation loss rose."))
    {'model.width': 32}
    """
    return widths_scaled(recipe, 1 / options.factor, options.least_units, 1_000_000)


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """The same chain of layers with other widths.

    Raises:
        NotApplicable: the network is no chain of fully connected layers, or the bound is reached.
    """
    chain = as_chain(patient.network, patient.probe)
    return replace(patient, network=widened(chain, 1 / options.factor, options.least_units, 1_000_000))
