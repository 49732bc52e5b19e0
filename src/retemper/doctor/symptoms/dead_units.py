"""Units that give zero for every row, so that nothing is learnt through them."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("lower_learning_rate",)


class Options(Base):
    """Thresholds; .7 on a fixed probe is AutoTrainer's and DeepDiagnosis' share."""

    share: float = Field(0.7, gt=0, le=1, description="share of a layer's units that are zero for all rows of the probe")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the worst layer at the last look.

    Raises:
        NotApplicable: the training was not watched, or it has no such activations.
    """
    signals = need(case.signals, "signals")
    if not signals.dead.size or np.isnan(signals.dead[-1]).all():
        raise NotApplicable("no activations of this kind were seen on a probe")
    worst = float(np.nanmax(signals.dead[-1]))
    if worst < options.share:
        return None
    message = f"{worst:.0%} of a layer's units give zero for every row of the probe: nothing is learnt through them."
    evidence = {"share": worst, "share_threshold": options.share, "at_start": float(np.nanmax(signals.dead[0]))}
    return Finding("dead_units", "warning", 0.8 if worst > 0.9 else 0.6, message, evidence, REMEDIES)
