"""More capacity: wider layers."""

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

    factor: float = Field(2.0, gt=1, description="the width is multiplied by it")
    least_units: int = Field(16, ge=1, description="a person's own layers get at least so many units")
    most_units: int = Field(2048, ge=1, description="never more units a layer")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Multiply ``model.width`` (or each of ``model.widths``).

    Raises:
        NotApplicable: the model has no width, or the bound is reached.

    >>> recipe = Recipe().with_changes({"model.width": 64})
    >>> apply(recipe, Finding("underfitting", "advice", 0.6, "The loss stays high."))
    {'model.width': 128}
    """
    return widths_scaled(recipe, options.factor, 1, options.most_units)


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """The same chain of layers with other widths.

    Raises:
        NotApplicable: the network is no chain of fully connected layers, or the bound is reached.
    """
    chain = as_chain(patient.network, patient.probe)
    return replace(patient, network=widened(chain, options.factor, options.least_units, options.most_units))
