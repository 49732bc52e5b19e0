"""Sigmoids, tanhs or softmaxes inside the network that are flat for most values, so that little is learnt."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import WEIGHTED, Case, need

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

    Raises:
        NotApplicable: the training was not watched, or no such activation is inside the network.
    """
    signals, network = need(case.signals, "signals"), need(case.network, "network")
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
