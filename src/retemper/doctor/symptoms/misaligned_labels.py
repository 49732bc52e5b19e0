"""Targets that fit the inputs no better than shuffled ones do."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("check_labels",)


class Options(Base):
    """Thresholds; the least p of 99 shuffles is .01."""

    p_value: float = Field(
        0.1, gt=0, lt=1, description="share of shuffles that fit as well as the true targets"
    )
    doubtful: float = Field(
        0.02, gt=0, lt=1, description="the same, where held-out rows' targets fit better than all shuffles"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the permutation test of the training rows, and that of held-out ones: they say whether it could be passed.

    Raises:
        NotApplicable: no such test could be made.
    """
    sample = need(case.sample, "sample")
    if np.isnan(sample.aligned_p):
        raise NotApplicable(
            case.reasons.get("aligned", "there are too few rows, or inputs or targets do not vary")
        )
    learnable = sample.held_out_p < options.doubtful
    if sample.aligned_p <= (options.doubtful if learnable else options.p_value):
        return None
    message = (
        f"Shuffled targets fit the inputs as well as the true ones (p = {sample.aligned_p:.2f}): "
        "rows of inputs and targets "
        "may be out of step, or the inputs tell nothing of the targets."
    )
    if learnable:
        message += f" Those of the held-out rows do fit (p = {sample.held_out_p:.2f})."
    evidence = {
        "p_value": sample.aligned_p,
        "p_value_threshold": options.doubtful if learnable else options.p_value,
        "held_out_p_value": None if np.isnan(sample.held_out_p) else sample.held_out_p,
    }
    sure = 0.95 if learnable else 0.75
    return Finding(
        "misaligned_labels", "error" if learnable else "warning", sure, message, evidence, REMEDIES
    )
