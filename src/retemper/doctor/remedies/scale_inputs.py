"""Scale inputs: columns of mean 0 and standard deviation 1 let one learning rate suit all weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed
from retemper.doctor.surgery.patient import Patient
from retemper.doctor.surgery.scaling import ScaledInputs, moments


class Options(Base):
    """What counts as scaled."""

    least: float = Field(0.5, gt=0, description="standard deviation of a column that is scaled already")
    most: float = Field(2.0, gt=0, description="the same, upper end; also of |mean|")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Set ``prepare.scaling``: robust where there was none, by ranks where a scaling did not do.

    Raises:
        NotApplicable: they are scaled by ranks already.

    >>> recipe = Recipe().with_changes({"prepare.scaling": "none"})
    >>> apply(recipe, Finding("unscaled_inputs", "warning", 0.9, "A column spreads over 1e6."))
    {'prepare.scaling': 'robust'}
    """
    scaling = recipe.prepare.scaling
    if scaling == "quantile":
        raise NotApplicable("inputs are scaled by ranks already")
    return changed(recipe, {"prepare.scaling": "robust" if scaling == "none" else "quantile"})


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Scale inside the network by the training rows' own means and standard deviations.

    Raises:
        NotApplicable: the inputs are not one tensor of floating numbers, or are scaled already.
    """
    centre, spread = moments(patient.inputs())
    if bool(((spread >= options.least) & (spread <= options.most) & (centre.abs() <= options.most)).all()):
        raise NotApplicable("the inputs are scaled already")
    return replace(patient, network=ScaledInputs(patient.network, centre, spread))
