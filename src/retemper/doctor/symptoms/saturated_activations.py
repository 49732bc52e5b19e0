"""Sigmoids, tanhs or softmaxes inside the network that are flat for most values, so that little is learnt."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import WEIGHTED, Case, Operation, need

REMEDIES: tuple[str, ...] = (
    "normalise_layers",
    "another_activation",
    "another_initialisation",
    "scale_inputs",
)
ATTENTION = frozenset({"matmul", "bmm", "baddbmm", "einsum"})
"""Products of activations: the softmax after them chooses rows, and is meant to be sharp."""


class Options(Base):
    """Thresholds; half of the values is DeepDiagnosis' and SageMaker Debugger's share, .85 TheDeepChecker's."""

    share: float = Field(
        0.7, gt=0, le=1, description="share of an activation's values in its flat ends at the last look"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the worst activation before the last weights; at the outputs flat means sure.

    A softmax between layers makes units share one sum: most of them are near 0, wherever it stands, and it needs no
    look at its values. Attention and gates weigh other numbers by it, and are left alone.

    Raises:
        NotApplicable: the training was not watched, or no such activation is inside the network.
    """
    network = need(case.network, "network")
    hidden = _hidden_softmax(network.operations)
    if hidden:
        return _of_softmax(hidden)
    signals = need(case.signals, "signals")
    inner = [at for at, place in enumerate(signals.activations) if _inside(network.operations, int(place))]
    if not len(signals.saturated) or not inner or np.isnan(signals.saturated[-1][inner]).all():
        raise NotApplicable("no sigmoid, tanh or softmax was seen inside the network")
    share = float(np.nanmax(signals.saturated[-1][inner]))
    if share < options.share:
        return None
    worst = inner[int(np.nanargmax(signals.saturated[-1][inner]))]
    name = network.operations[int(signals.activations[worst])].name
    message = (
        f"{share:.0%} of the values of a {name} inside the network are in its flat ends: "
        "little is learnt through it."
    )
    at_start = float(signals.saturated[0][worst])
    evidence = {"share": share, "share_threshold": options.share, "at_start": at_start}
    return Finding(
        "saturated_activations", "warning", 0.8 if share > 0.85 else 0.6, message, evidence, REMEDIES
    )


def _inside(operations: tuple[object, ...], place: int) -> bool:
    names = [getattr(own, "name", "") for own in operations]
    before = [name for name in names[:place] if name in WEIGHTED]
    after = any(name in WEIGHTED for name in names[place + 1 :])
    return (
        place < len(names)
        and after
        and not (names[place] == "softmax" and before[-1:] and before[-1] in ATTENTION)
    )


def _hidden_softmax(operations: tuple[Operation, ...]) -> int:
    """Units of a softmax that a linear layer comes before and takes in; 0 where there is none."""
    for place, own in enumerate(operations[:-1]):
        before = [each for each in operations[:place] if each.name in WEIGHTED][-1:]
        after = [each for each in operations[place + 1 :] if each.name in WEIGHTED][:1]
        units = own.shape[-1]
        between = before and after and before[0].name == after[0].name == "linear"
        if own.name == "softmax" and between and own.axis == len(own.shape) - 1 and units == after[0].inputs:
            return units if before[0].shape == own.shape else 0
    return 0


def _of_softmax(units: int) -> Finding:
    message = (
        f"A softmax between layers lets {units} units sum to 1: each is about {1 / units:.2g}, and little is learnt "
        "through them. Take a ReLU, and a softmax for the outputs alone."
    )
    evidence = {"units": units, "units_threshold": 1}
    return Finding("saturated_activations", "warning", 0.9, message, evidence, REMEDIES)
