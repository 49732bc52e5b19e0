"""Gradients that are never zeroed, so that each step goes by all batches before it as well."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("zero_gradients",)


class Options(Base):
    """Thresholds; a gradient that was zeroed holds exactly nothing."""

    share: float = Field(
        0.1, gt=0, description="gradient left by the step before / what the next backward pass brings"
    )
    looks: int = Field(3, ge=1, description="looks that a judgement needs")


def check(case: Case, options: Options) -> Finding | None:
    """Judge what the gradients hold when the first backward pass after a step comes.

    Several backward passes between two steps (accumulation) are no fault, nor is clipping.

    Raises:
        NotApplicable: the training was not watched, or it has several optimizers, or closures.
    """
    signals = need(case.signals, "signals")
    if case.network is not None and case.network.untrained:
        raise NotApplicable("parameters in no optimizer keep their gradients, which no optimizer zeroes")
    known = signals.stale[np.isfinite(signals.stale)]
    if len(known) < options.looks:
        raise NotApplicable(
            "what is left in the gradients was not seen: several optimizers, a closure, or too few looks"
        )
    share = float(np.median(known[1:])) if len(known) > options.looks else float(known[-1])
    if share <= options.share:
        return None
    message = (
        f"Gradients still hold {share:.3g} times what the next backward pass brings: they are not zeroed after a step "
        "(optimizer.zero_grad()), and every step goes by old batches as well."
    )
    evidence = {"share": share, "share_threshold": options.share, "looks": len(known)}
    return Finding("stale_gradients", "error", 0.97, message, evidence, REMEDIES)
