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
    normalised: int = Field(
        4, ge=1, description="rows of a batch whose own mean and spread say little (Wu & He 2018, figure 1)"
    )
    cosine: float = Field(
        0.5, gt=0, le=1, description="median cosine of batch's and probe's gradients (McCandlish 2018: noise)"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge batch and gradients, where the loss of the same rows swings or rises; batch normalisation over few rows.

    Raises:
        NotApplicable: the training was not watched, or the rows of a batch could not be seen.
    """
    signals = need(case.signals, "signals")
    batch = signals.passes.batch
    if not batch:
        raise NotApplicable("the rows of a batch could not be seen")
    if batch <= options.normalised and _normalises(case):
        return _of_normalisation(batch, options)
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


def _normalises(case: Case) -> bool:
    return case.network is not None and any(own.name == "batch_norm" for own in case.network.operations)


def _of_normalisation(batch: int, options: Options) -> Finding:
    message = (
        f"Batch normalisation takes mean and spread of batches of {batch} rows: they are mostly noise, and other than "
        "those that it is judged by."
    )
    evidence = {"rows": batch, "rows_threshold": options.normalised}
    return Finding("batch_too_small", "warning", 0.9, message, evidence, REMEDIES)
