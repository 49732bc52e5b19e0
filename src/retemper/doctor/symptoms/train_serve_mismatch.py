"""Held-out rows that were prepared in another way than the training rows."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("scale_inputs",)


class Options(Base):
    """Thresholds; a scaler that was forgotten or fitted anew moves most columns, drift some."""

    ratio: float = Field(
        3.0, gt=1, description="median over the columns of the ratio of standard deviations, either way"
    )
    shift: float = Field(
        2.0,
        gt=0,
        description="median over the columns of the means' distance in training standard deviations",
    )
    rows: int = Field(20, ge=2, description="rows of each that a judgement needs")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the columns of both.

    Raises:
        NotApplicable: rows of either kind were not given, are too few, or have no columns of numbers.
    """
    train, held = need(case.data, "data"), need(case.held_out, "held_out")
    if min(train.rows, held.rows) < options.rows:
        raise NotApplicable("there are too few rows to compare")
    if not train.spreads.size or train.spreads.shape != held.spreads.shape:
        raise NotApplicable("training and held-out rows have no columns of numbers in common")
    varying = (train.spreads > 0) & (held.spreads > 0)
    if not varying.any():
        raise NotApplicable("no column varies in both")
    ratio = float(np.exp(np.median(np.abs(np.log(held.spreads[varying] / train.spreads[varying])))))
    shift = float(np.median(np.abs(held.centres - train.centres)[varying] / train.spreads[varying]))
    if ratio <= options.ratio and shift <= options.shift:
        return None
    message = (
        f"The held-out rows' columns vary {ratio:.3g} times as much or as little as the training "
        f"rows' and lie {shift:.3g} of "
        "their standard deviations away: prepare both by the same fitted steps."
    )
    evidence = {
        "ratio": ratio,
        "ratio_threshold": options.ratio,
        "shift": shift,
        "shift_threshold": options.shift,
    }
    return Finding("train_serve_mismatch", "warning", 0.85, message, evidence, REMEDIES)
