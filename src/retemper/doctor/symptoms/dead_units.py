"""Units that give zero for every row, so that nothing is learnt through them."""

from __future__ import annotations

import math

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.course import DEAD, alive_paths, dead_share

REMEDIES: tuple[str, ...] = (
    "another_activation",
    "lower_learning_rate",
    "normalise_layers",
    "another_initialisation",
)


class Options(Base):
    """Thresholds; .7 on a fixed probe is AutoTrainer's and DeepDiagnosis' share."""

    share: float = Field(
        DEAD, gt=0, le=1, description="share of a layer's units that are zero for all rows of the probe"
    )
    paths: float = Field(
        0.05, ge=0, lt=1, description="share of the ways through all layers that meet no dead unit"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the worst layer at the last look, and all layers together.

    Raises:
        NotApplicable: the training was not watched, or it has no such activations.
    """
    signals = need(case.signals, "signals")
    first, worst = dead_share(signals)
    paths = alive_paths(signals)
    if math.isnan(worst):
        raise NotApplicable("no activations of this kind were seen on a probe")
    if worst < options.share and paths > options.paths:
        return None
    when = "from the start" if first >= options.share else "in the end"
    message = (
        f"{worst:.0%} of a layer's units give zero for every row of the probe {when}: "
        f"nothing is learnt through them, and {paths:.0%} of the ways through the network are left."
    )
    evidence = {
        "share": worst,
        "share_threshold": options.share,
        "paths": paths,
        "paths_threshold": options.paths,
        "at_start": None if math.isnan(first) else first,
    }
    return Finding("dead_units", "warning", 0.8 if worst > 0.9 else 0.6, message, evidence, REMEDIES)
