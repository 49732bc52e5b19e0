"""Layers of weights with nothing between them: together they are one linear layer."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("another_activation",)
LINEAR = ("linear", "conv1d", "conv2d", "conv3d")
KEEPS = ("dropout", "batch_norm")


class Options(Base):
    """Thresholds; the rule is exact."""

    pairs: int = Field(1, ge=1, description="pairs of layers with nothing but dropout or normalisation between them")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the forward pass.

    Raises:
        NotApplicable: the network could not be probed, or its forward pass can't be followed.
    """
    network = need(case.network, "network")
    if not network.operations:
        raise NotApplicable("the forward pass can't be followed")
    acting = [each.name for each in network.operations if each.name not in KEEPS]
    pairs = sum(a in LINEAR and b in LINEAR for a, b in zip(acting, acting[1:], strict=False))
    layers = sum(name in LINEAR for name in acting)
    if pairs < options.pairs or pairs < layers - 1:
        return None
    message = f"{layers} layers of weights have no activation between them: together they are one linear layer."
    evidence = {"pairs": pairs, "pairs_threshold": options.pairs, "layers": layers}
    return Finding("missing_nonlinearity", "warning", 0.85, message, evidence, REMEDIES)
