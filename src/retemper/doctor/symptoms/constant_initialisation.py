"""Weights that all begin alike: the units of a layer stay copies of each other."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("another_initialisation",)


class Options(Base):
    """Thresholds; the rule is exact."""

    spread: float = Field(1e-8, ge=0, description="standard deviation of a layer's weights at the start")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the weights at the start.

    Raises:
        NotApplicable: the network could not be probed.
    """
    network = need(case.network, "network")
    alike = [name for name, (spread, _) in network.spreads.items() if spread <= options.spread]
    if not alike or len(network.spreads) < 2:
        return None
    message = f"All weights of {', '.join(alike[:3])} begin alike, so that its units learn the same: draw them at random."
    evidence = {"weights": alike, "spread_threshold": options.spread}
    return Finding("constant_initialisation", "error", 0.95, message, evidence, REMEDIES)
