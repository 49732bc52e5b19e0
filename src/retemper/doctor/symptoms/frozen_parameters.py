"""Parameters that do not learn: frozen, in no optimizer, or never reached by a gradient."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need
from retemper.doctor.course import DEAD, dead_share
from retemper.doctor.looks import Signals

REMEDIES: tuple[str, ...] = ("thaw_parameters", "another_optimizer")


class Options(Base):
    """Thresholds."""

    share: float = Field(0.25, gt=0, lt=1, description="share of the layers' weights that do not learn")
    rate: float = Field(1e-7, ge=0, description="learning rate below which nothing moves anyway")


def check(case: Case, options: Options) -> Finding | None:
    """Judge which parameters could not learn, and which did not though they could.

    What was frozen may be meant (a network that is tuned to new rows): it stays a finding only where the network does
    badly. Parameters in no optimizer are hardly ever meant.

    Raises:
        NotApplicable: the network could not be probed.
    """
    network = need(case.network, "network")
    signals = case.signals
    stuck = set(signals.unchanged if signals else ()) - set(network.frozen) - set(network.untrained)
    if signals and dead_share(signals)[1] >= DEAD:
        stuck = set()  # nothing comes through dead units
    if case.data is not None and case.data.spreads.size and not case.data.spreads.any():
        stuck = set()  # inputs that are all alike bring no gradient
    if case.optimizer is not None and case.optimizer.learning_rate < options.rate:
        stuck = set()
    unlearnt = [*network.untrained, *network.frozen, *sorted(stuck)]
    weights = {name for name in (*network.spreads, *unlearnt) if not name.endswith("bias")}
    share = len(weights & set(unlearnt)) / len(weights) if weights else 0.0
    if not network.untrained and share < options.share:
        return None
    what = "in no optimizer" if network.untrained else "frozen" if network.frozen else "never moved"
    message = f"{len(unlearnt)} parameters ({share:.0%} of the layers' weights) do not learn: {unlearnt[0]} is {what}."
    evidence = {
        "share": share,
        "share_threshold": options.share,
        "in_no_optimizer": len(network.untrained),
        "frozen": len(network.frozen),
        "unchanged": len(stuck),
    }
    cut = stuck and signals is not None and _without_gradient(signals, stuck)
    sure = 0.9 if network.untrained or cut else 0.7 if network.frozen else 0.6
    return Finding("frozen_parameters", "warning", sure, message, evidence, REMEDIES)


def _without_gradient(signals: Signals, stuck: set[str]) -> bool:
    """Whether no gradient ever came to the weights that never moved, though it came to others: they were cut off."""
    came = {name: np.nansum(own) > 0 for name, own in zip(signals.names, signals.gradients.T, strict=True)}
    return any(came.values()) and not any(came.get(name) for name in stuck)
