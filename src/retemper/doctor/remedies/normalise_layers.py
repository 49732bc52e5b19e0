"""Normalise layers: what each layer passes on keeps mean 0 and variance 1, so that deep networks learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field
from torch import nn

from retemper.core.options import Options as Base
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Operation
from retemper.doctor.changes import changed
from retemper.doctor.surgery.patient import Patient, hidden
from retemper.doctor.surgery.rewired import Rewired

LAYERS = ("linear", "conv1d", "conv2d", "conv3d")
NORMS = ("batch_norm", "layer_norm", "group_norm", "instance_norm")
KEPT = ("width", "depth", "activation", "dropout")


class Options(Base):
    """Which kind."""

    fewest_rows: int = Field(8, ge=2, description="rows of a batch from which on batch normalisation is used")


DEFAULT = Options()


def apply(recipe: Recipe, finding: Finding, options: Options = DEFAULT) -> dict[str, Any]:
    """Change ``model`` to residual_mlp, whose blocks normalise their inputs; width, depth and dropout stay.

    Raises:
        NotApplicable: the model has such layers already.

    >>> recipe = Recipe().with_changes({"model": "mlp", "model.width": 64})
    >>> apply(recipe, Finding("vanishing_gradients", "warning", 0.9, "They vanish."))["model"]["width"]
    64
    """
    if recipe.model.name != "mlp":
        raise NotApplicable(f"the model {recipe.model.name} is not one that normalisation is added to")
    own = recipe.model.as_plain()
    return changed(recipe, {"model": {"name": "residual_mlp", **{name: own[name] for name in KEPT}}})


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Normalise the outputs of each hidden linear or convolutional layer.

    Raises:
        NotApplicable: there is no hidden layer, or they are normalised already.
    """
    operations = patient.operations()
    if any(each.name in NORMS for each in operations):
        raise NotApplicable("layers are normalised already")
    batches = patient.batch_rows >= options.fewest_rows
    after = {
        place: _norm(operations[place], batches)
        for place in hidden(operations)
        if operations[place].name in LAYERS
    }
    if not after:
        raise NotApplicable("the network has no hidden layer")
    return replace(patient, network=Rewired(patient.network, after=after))


def _norm(layer: Operation, batches: bool) -> nn.Module:
    if layer.name == "linear":
        columns = layer.shape[-1]
        return nn.BatchNorm1d(columns) if batches and len(layer.shape) == 2 else nn.LayerNorm(columns)
    channels = layer.shape[1]
    if not batches:
        return nn.GroupNorm(1, channels)
    kinds = {3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    return kinds[len(layer.shape)](channels)
