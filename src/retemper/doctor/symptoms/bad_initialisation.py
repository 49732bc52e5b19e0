"""Weights that begin far too large or too small for the number of their inputs."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("another_initialisation",)


class Options(Base):
    """Thresholds, in multiples of He's standard deviation √(2 / inputs)."""

    large: float = Field(5.0, gt=1, description="weights begin so many times too large")
    small: float = Field(0.02, gt=0, lt=1, description="weights begin at so small a share")
    sure: float = Field(2.0, gt=1, description="so many times beyond them no usual initialiser comes")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the weights at the start.

    Raises:
        NotApplicable: the network could not be probed, or no layer multiplies by weights.
    """
    network = need(case.network, "network")
    shares = {
        name: spread / np.sqrt(2 / inputs)
        for name, (spread, inputs) in network.spreads.items()
        if spread > 1e-8
    }
    if not shares:
        raise NotApplicable("no layer has weights that differ")
    name, share = max(shares.items(), key=lambda own: abs(np.log(own[1])))
    if options.small <= share <= options.large:
        return None
    message = (
        f"The weights of {name} begin {share:.2g} times as large as their number of inputs asks for "
        "(√(2 / inputs))."
    )
    evidence = {"share": float(share), "large_threshold": options.large, "small_threshold": options.small}
    beyond = max(share / options.large, options.small / share)
    sure = 0.95 if beyond >= options.sure else 0.8
    return Finding("bad_initialisation", "warning", sure, message, evidence, REMEDIES)
