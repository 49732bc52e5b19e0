"""Targets that fit the inputs no better than shuffled ones do."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("check_labels",)


class Options(Base):
    """Thresholds."""

    p_value: float = Field(
        0.1, gt=0, lt=1, description="share of shuffles that fit as well as the true targets"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the permutation test of the training rows.

    Raises:
        NotApplicable: no such test could be made.
    """
    sample = need(case.sample, "sample")
    if np.isnan(sample.aligned_p):
        raise NotApplicable(
            case.reasons.get("aligned", "there are too few rows, or inputs or targets do not vary")
        )
    if sample.aligned_p <= options.p_value:
        return None
    message = (
        f"Shuffled targets fit the inputs as well as the true ones (p = {sample.aligned_p:.2f}): "
        "rows of inputs and targets "
        "may be out of step, or the inputs tell nothing of the targets."
    )
    evidence = {"p_value": sample.aligned_p, "p_value_threshold": options.p_value}
    return Finding("misaligned_labels", "warning", 0.75, message, evidence, REMEDIES)
