"""A layer too narrow for what has to pass through it."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, followed

REMEDIES: tuple[str, ...] = ("more_capacity",)
LAYERS = ("linear", "conv1d", "conv2d", "conv3d")


class Options(Base):
    """Thresholds; C classes need log2 C units to be told apart at all, and some more to be learnt."""

    units: int = Field(2, ge=1, description="units of a hidden layer that are hardly enough for anything")
    share: float = Field(1.0, gt=0, description="units of a hidden layer / log2 of the classes")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the narrowest hidden layer before training; whether more would help only a try can tell.

    Raises:
        NotApplicable: the network could not be probed, or its forward pass can't be followed.
    """
    network = followed(case)
    layers = [each for each in network.operations if each.name in LAYERS]
    if len(layers) < 2:
        return None
    widths = [
        each.shape[-1] if each.name == "linear" else each.shape[1]
        for each in layers[:-1]
        if len(each.shape) > 1
    ]
    outputs = network.shape[1] if len(network.shape) > 1 else 1
    classes = max(outputs, 2) if case.task == "classification" else 2
    least = max(float(options.units), options.share * float(np.log2(classes)))
    if not widths or min(widths) > least or layers[0].inputs <= min(widths):
        return None
    message = (
        f"A hidden layer has {min(widths)} unit{'s' * (min(widths) > 1)}: all that is known of a "
        f"row's {layers[0].inputs} "
        "inputs has to pass through it."
    )
    evidence = {"units": min(widths), "units_threshold": least, "inputs": layers[0].inputs}
    return Finding("low_capacity", "warning", 0.95 if min(widths) == 1 else 0.6, message, evidence, REMEDIES)
