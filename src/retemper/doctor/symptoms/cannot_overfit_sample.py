"""A few rows that can't be learnt by heart: something between rows and loss is broken."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head", "another_initialisation", "scale_inputs", "more_capacity")


class Options(Base):
    """Thresholds; the test is TheDeepChecker's: a network with enough weights learns a batch by heart."""

    left: float = Field(
        0.5, gt=0, lt=1, description="share of the trivial loss of the rows that is left after the try"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the try on a few rows by an optimizer that is known to work.

    Raises:
        NotApplicable: no try could be made, or the rows' trivial loss is not known or next to nothing.
    """
    sample = need(case.sample, "sample")
    if np.isnan(sample.first):
        raise NotApplicable(case.reasons.get("sample", "no small sample could be tried"))
    if not (np.isfinite(sample.trivial) and sample.trivial > 1e-9):
        raise NotApplicable("it is not known what the best constant output costs on the few rows")
    left = sample.last / sample.trivial if np.isfinite(sample.last) else float("inf")
    if left <= options.left:
        return None
    evidence = {
        "left": left if np.isfinite(left) else None,
        "left_threshold": options.left,
        "first": sample.first,
    }
    how = (
        f"{left:.0%} of what a constant costs is left"
        if np.isfinite(left)
        else "the loss did not stay finite"
    )
    message = (
        f"A few rows could not be learnt by heart with Adam ({how}): look at the head, the loss, the "
        "start and the scales."
    )
    return Finding("cannot_overfit_sample", "warning", 0.7, message, evidence, REMEDIES)
