"""Batches so small that steps go by noise."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.course import course_of

REMEDIES: tuple[str, ...] = ("larger_batch", "lower_learning_rate", "reduce_on_plateau")


class Options(Base):
    """Thresholds."""

    rows: int = Field(8, ge=1, description="rows of a batch")
    cosine: float = Field(
        0.5, gt=0, le=1, description="median cosine of batch's and probe's gradients (McCandlish 2018: noise)"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge batch and gradients, where the loss of the same rows swings or rises.

    Raises:
        NotApplicable: the training was not watched, or the rows of a batch could not be seen.
    """
    signals = need(case.signals, "signals")
    batch = signals.passes.batch
    if not batch:
        raise NotApplicable("the rows of a batch could not be seen")
    course = course_of(case)
    known = signals.along[np.isfinite(signals.along)]
    cosine = float(np.median(known)) if len(known) else math.nan
    if batch > options.rows or not (course.swings or course.rises) or cosine >= options.cosine:
        return None
    message = (
        f"Batches of {batch} rows tell little of the others (cosine of gradients {cosine:.2f}), "
        "and the loss swings."
    )
    evidence = {
        "rows": batch,
        "rows_threshold": options.rows,
        "cosine": cosine,
        "cosine_threshold": options.cosine,
        "swing": course.swing,
    }
    return Finding("batch_too_small", "warning", 0.7, message, evidence, REMEDIES)
