"""Another activation: one that neither dies nor goes flat, and one where there was none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import WEIGHTED, Operation
from retemper.doctor.changes import changed
from retemper.doctor.observe.forward import RECTIFYING, SATURATING
from retemper.doctor.surgery.patient import Patient, hidden
from retemper.doctor.surgery.rewired import Rewired

ACTIVATIONS = RECTIFYING | set(SATURATING) | {"log_softmax", "logsigmoid", "exp", "softsign", "hardswish"}
SMOOTH = frozenset({"silu", "gelu", "mish"})
BETWEEN = ("dropout", "batch_norm", "layer_norm", "group_norm")
LAYERS = ("linear", "conv1d", "conv2d", "conv3d")


class Options(Base):
    """Nothing to choose: SiLU, or leaky ReLU where it is SiLU already."""


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Set ``model.activation`` to silu, or to leaky_relu where it is.

    Raises:
        NotApplicable: the model has no activation to choose.

    >>> recipe = Recipe().with_changes({"model.activation": "relu"})
    >>> apply(recipe, Finding("dead_units", "warning", 0.9, "Most units are dead."))
    {'model.activation': 'silu'}
    """
    activation = recipe.model_dump(mode="json")["model"].get("activation")
    if activation is None:
        raise NotApplicable("the model has no activation to choose")
    return changed(recipe, {"model.activation": "leaky_relu" if activation == "silu" else "silu"})


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Replace the hidden activations, and put one between layers that have none.

    Raises:
        NotApplicable: there is no hidden layer, or all its activations are smooth ones already.
    """
    operations = patient.operations()
    before = hidden(operations)
    instead = {place: nn.SiLU() for place in before if operations[place].name in ACTIVATIONS - SMOOTH}
    after = {place: nn.SiLU() for place in before if _bare(operations, place)}
    if not instead and not after:
        raise NotApplicable("no hidden activation is missing, dies or goes flat")
    return replace(patient, network=Rewired(patient.network, instead=instead, after=after))


def _bare(operations: list[Operation], place: int) -> bool:
    """A layer that leads into the next one without an activation."""
    if operations[place].name not in LAYERS:
        return False
    following = (own for own in operations[place + 1 :] if not own.name.startswith(BETWEEN))
    nearest = next(following, None)
    return nearest is not None and nearest.name in WEIGHTED & set(LAYERS)
