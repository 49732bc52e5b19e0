"""Weights that all begin alike: the units of a layer stay copies of each other."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("another_initialisation",)


class Options(Base):
    """Thresholds; the rule is exact."""

    spread: float = Field(1e-8, ge=0, description="standard deviation of a layer's weights at the start")
    layers: int = Field(
        2, ge=2, description="layers of weights: one alone breaks the symmetry by its targets"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the weights at the start, and what became of them in a try on a few rows.

    Weights that begin at nothing are usual in the last layer of a network or of a residual branch, where the gradients
    of the units differ. So where a try was made only those count whose units it left copies of each other; a single
    unit is no copy of anything.

    Raises:
        NotApplicable: the network could not be probed, or no layer multiplies by weights.
    """
    network = need(case.network, "network")
    if not network.spreads:
        raise NotApplicable("no layer multiplies by weights")
    alike = [name for name, (spread, _) in network.spreads.items() if spread <= options.spread]
    alike = [name for name in alike if name not in network.lone]
    copies = case.sample.copies if case.sample is not None else None
    if copies is not None:
        alike = [name for name in alike if name in copies]
    elif list(network.spreads)[-1:] == alike:
        return None
    if not alike or len(network.spreads) < options.layers:
        return None
    message = (
        f"All weights of {', '.join(alike[:3])} begin alike, so that the units learn the same: draw "
        "them at random."
    )
    evidence = {"weights": alike, "tried": copies is not None, "spread_threshold": options.spread}
    return Finding(
        "constant_initialisation", "error", 0.95 if copies is not None else 0.8, message, evidence, REMEDIES
    )
