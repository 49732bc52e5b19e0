"""Held-out rows that were prepared in another way than the training rows."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, DataFacts, need
from retemper.doctor.course import skill_of
from retemper.doctor.likeness import Likeness

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
    gap: float = Field(
        0.07, gt=0, lt=1, description="mean score of training rows − that of held-out rows, by a simple model"
    )
    z: float = Field(3.5, gt=0, description="the same in standard errors")
    z_of_two: float = Field(2.5, gt=0, description="the same, where classes are not as frequent either")
    p_of_two: float = Field(
        1e-4, gt=0, lt=1, description="p of the latter, where rows are not told alike either"
    )
    surely: float = Field(0.2, gt=0, lt=1, description="gap that other rows of the same kind do not have")
    well: float = Field(
        0.9,
        gt=0,
        le=1,
        description="the network's gain over a constant output from which on it learnt what simple models did not",
    )
    classes_p: float = Field(1e-6, gt=0, lt=1, description="p of classes that are as frequent in both (χ²)")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the columns of both, and whether what a simple model learnt of training rows holds for held-out ones.

    Later rows of a series are no mismatch: a network that tells them well learnt what a simple model could not.

    Raises:
        NotApplicable: rows of either kind were not given, are too few, or have no columns of numbers and can't be
            learnt by a simple model.
    """
    train, held = need(case.data, "data"), need(case.held_out, "held_out")
    columns = _of_columns(train, held, options)
    if columns is not None:
        return columns
    if case.likeness is not None:
        return None if skill_of(case) >= options.well else _of_targets(case.likeness, options)
    if min(train.rows, held.rows) < options.rows:
        raise NotApplicable("there are too few rows to compare")
    if not train.spreads.size or train.spreads.shape != held.spreads.shape:
        raise NotApplicable("training and held-out rows have no columns of numbers in common")
    return None


def _of_columns(train: DataFacts, held: DataFacts, options: Options) -> Finding | None:
    alike = train.spreads.size and train.spreads.shape == held.spreads.shape
    if min(train.rows, held.rows) < options.rows or not alike:
        return None
    varying = (train.spreads > 0) & (held.spreads > 0)
    if not varying.any():
        return None
    ratio = float(np.exp(np.median(np.abs(np.log(held.spreads[varying] / train.spreads[varying])))))
    shift = float(np.median(np.abs(held.centres - train.centres)[varying] / train.spreads[varying]))
    if ratio <= options.ratio and shift <= options.shift:
        return None
    message = (
        f"The held-out rows' columns vary {ratio:.3g} times as much or as little as the training "
        f"rows' and lie {shift:.3g} of their standard deviations away: prepare both by the same fitted steps."
    )
    evidence = {
        "ratio": ratio,
        "ratio_threshold": options.ratio,
        "shift": shift,
        "shift_threshold": options.shift,
    }
    return Finding("train_serve_mismatch", "warning", 0.97, message, evidence, REMEDIES)


def _of_targets(alike: Likeness, options: Options) -> Finding | None:
    told_by = alike.by_train
    gap = told_by.gap
    frequent = alike.classes_p <= options.classes_p
    # Two tests that agree need not each be beyond doubt.
    agree = told_by.z >= options.z_of_two and alike.classes_p <= options.p_of_two
    told = gap >= options.gap and (told_by.z >= options.z or agree)
    if not told and not frequent:
        return None
    message = (
        f"A simple model that learnt half of the training rows scores {told_by.train:.2f} on the others and "
        f"{told_by.held_out:.2f} on held-out rows: their targets or inputs mean something else."
        if told
        else "Classes are not as frequent in training as in held-out rows: draw both alike."
    )
    evidence = {
        "train": told_by.train,
        "held_out": told_by.held_out,
        "gap": gap,
        "gap_threshold": options.gap,
        "z": told_by.z,
        "z_threshold": options.z,
        "classes_p": alike.classes_p,
        "classes_p_threshold": options.classes_p,
    }
    sure = 0.95 if told and (agree or gap >= options.surely) else 0.7
    return Finding("train_serve_mismatch", "warning", sure, message, evidence, REMEDIES)
