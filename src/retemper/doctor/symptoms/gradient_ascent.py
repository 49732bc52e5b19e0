"""Steps that climb: the gradients handed to the optimizer point against those of the loss."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds."""

    cosine: float = Field(
        -0.3, le=0, description="median cosine between the optimizer's and the loss's gradients"
    )
    rise: float = Field(1.05, ge=1, description="the batches' losses, last looks / first looks")
    looks: int = Field(3, ge=1, description="looks that a judgement needs")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the gradients' direction.

    Raises:
        NotApplicable: the training was not watched, or there were no rows to compare gradients on.
    """
    signals = need(case.signals, "signals")
    known = signals.along[np.isfinite(signals.along)]
    if len(known) < options.looks:
        raise NotApplicable("the gradients' direction was not measured often enough")
    cosine = float(np.median(known))
    losses = signals.probe_losses if np.isfinite(signals.probe_losses).any() else signals.losses
    start = float(np.median(losses[: options.looks]))
    end = float(np.median(np.nan_to_num(losses[-options.looks :], nan=np.inf, posinf=np.inf)))
    rise = 1 + (end - start) / max(abs(start), 1e-12)
    if cosine > options.cosine or rise <= options.rise:
        return None
    message = (
        f"The optimizer's gradients point against those of the loss (cosine {cosine:.2f}): the training climbs; "
        "the loss's sign is turned around somewhere."
    )
    evidence = {
        "cosine": cosine,
        "cosine_threshold": options.cosine,
        "rise": rise,
        "rise_threshold": options.rise,
        "looks": len(known),
    }
    return Finding("gradient_ascent", "error", 0.97, message, evidence, REMEDIES)
