"""Another initialisation: weights whose size keeps signals alive from layer to layer, and no two units alike."""

from __future__ import annotations

from typing import Any

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.changes import changed
from retemper.doctor.surgery.initialise import unit_variance
from retemper.doctor.surgery.patient import Patient


class Options(Base):
    """Nothing to choose."""


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Set ``training.initialiser`` to he, which is made for rectifiers; or to orthogonal where it is.

    Raises:
        NotApplicable: never; one of the two differs.

    >>> recipe = Recipe().with_changes({"training.initialiser": "random"})
    >>> apply(recipe, Finding("bad_initialisation", "warning", 0.9, "Weights start too small."))
    {'training.initialiser': 'he'}
    """
    he = recipe.training.initialiser.name == "he"
    return changed(recipe, {"training.initialiser": "orthogonal" if he else "he"})


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Orthogonal weights scaled layer by layer to outputs of variance 1 (LSUV), biases 0.

    Raises:
        NotApplicable: the network has no linear or convolutional layers.
    """
    if not unit_variance(patient.network, patient.probe):
        raise NotApplicable("the network has no linear or convolutional layers to draw anew")
    return patient
