"""Scale targets: a network begins near 0 ± 1, and takes long to get anywhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed
from retemper.doctor.surgery.patient import Patient
from retemper.doctor.surgery.scaling import ScaledLoss, ScaledOutputs, moments


class Options(Base):
    """What counts as scaled."""

    least: float = Field(0.5, gt=0, description="standard deviation of targets that are scaled already")
    most: float = Field(2.0, gt=0, description="the same, upper end; also of |mean|")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Set ``prepare.target_scaling``: z-scores where there was none, by median and quartiles where they did not do.

    Raises:
        NotApplicable: targets are scaled robustly already.

    >>> recipe = Recipe().with_changes({"prepare.target_scaling": "none"})
    >>> apply(recipe, Finding("unscaled_targets", "warning", 0.9, "Targets spread over 1e6."))
    {'prepare.target_scaling': 'zscore'}
    """
    scaling = recipe.prepare.target_scaling
    if scaling in ("robust", "quantile"):
        raise NotApplicable(f"targets are scaled already: {scaling}")
    return changed(recipe, {"prepare.target_scaling": "zscore" if scaling == "none" else "robust"})


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Scale outputs to the targets' units, and take the loss in standard deviations.

    Raises:
        NotApplicable: targets are classes, or scaled already.
    """
    if patient.task != "regression":
        raise NotApplicable("targets are classes")
    y = patient.y if patient.y.dim() > 1 else patient.y[:, None]
    centre, spread = moments(y.to(patient.outputs().dtype))
    if bool(((spread >= options.least) & (spread <= options.most) & (centre.abs() <= options.most)).all()):
        raise NotApplicable("the targets are scaled already")
    if patient.y.dim() == 1:
        centre, spread = centre[0, 0], spread[0, 0]
    network = ScaledOutputs(patient.network, centre, spread)
    return replace(patient, network=network, loss=ScaledLoss(patient.loss, centre, spread))
