"""Inputs that were scaled twice: they hardly vary around what they are on average."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("scale_inputs",)


class Options(Base):
    """Thresholds."""

    spread: float = Field(0.02, gt=0, description="median standard deviation of the columns that vary")
    share: float = Field(0.05, gt=0, description="the same as a share of their |mean|")


def check(case: Case, options: Options) -> Finding | None:
    """Judge how much the columns vary.

    Raises:
        NotApplicable: no training rows were given, or they have no columns of numbers.
    """
    data = need(case.data, "data")
    varying = data.spreads > 0
    if not varying.any():
        raise NotApplicable("no column of numbers varies")
    spread = float(np.median(data.spreads[varying]))
    share = float(np.median(data.spreads[varying] / np.maximum(np.abs(data.centres[varying]), 1e-12)))
    if spread >= options.spread and share >= options.share:
        return None
    message = (
        f"The inputs hardly vary (standard deviation {spread:.2g}, {share:.1%} of their mean), "
        "as if they had been scaled "
        "twice: scale the raw columns once."
    )
    evidence = {
        "spread": spread,
        "spread_threshold": options.spread,
        "share": share,
        "share_threshold": options.share,
    }
    return Finding("double_normalisation", "warning", 0.8, message, evidence, REMEDIES)
