"""Gradients that grow from the last layer to the first or from step to step, and throw the weights about."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.course import course_of, sizes_of_gradients, skill_of

REMEDIES: tuple[str, ...] = (
    "clip_gradients",
    "lower_learning_rate",
    "normalise_layers",
    "another_initialisation",
)


class Options(Base):
    """Thresholds; a ratio of 70 is AutoTrainer's."""

    ratio: float = Field(
        70.0, gt=1, description="gradient per weight, first layer / last layer, median of the looks"
    )
    growth: float = Field(100.0, gt=1, description="largest gradient / median of the first three looks")
    looks: int = Field(4, ge=2, description="looks that a judgement needs")
    skill: float = Field(0.3, gt=0, lt=1, description="gain over a constant output below which it does harm")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the gradients, where the loss rises, is lost, or the network has learnt little.

    Raises:
        NotApplicable: the training was not watched, or too few looks were taken.
    """
    signals = need(case.signals, "signals")
    if len(signals.gradients) < options.looks or not signals.gradients.shape[1]:
        raise NotApplicable("gradients were seen too few times")
    with np.errstate(over="ignore"):
        total = (
            np.nansum if signals.optimizers > 1 else np.sum
        )  # of several each has its own weights at its own steps
        whole = np.sqrt(total(np.square(signals.gradients), axis=1))
    if not np.isfinite(whole[:3]).any():
        return None  # nothing was ever finite: what does not begin does not grow
    whole = np.where(np.isfinite(whole), whole, np.finfo(np.float64).max)
    start = float(np.median(whole[:3]))
    growth = float(whole.max() / start) if start > 0 else 1.0
    sizes = sizes_of_gradients(signals)
    ratio = float(sizes[0] / sizes[-1]) if len(sizes) > 2 and sizes[-1] > 0 else 1.0
    if (growth < options.growth and ratio < options.ratio) or not _harms(case, options.skill):
        return None
    message = (
        f"Gradients grew to {growth:.3g} times their first size; "
        f"the first layer's are {ratio:.3g} times the last one's."
    )
    evidence = {
        "growth": growth,
        "growth_threshold": options.growth,
        "ratio": ratio,
        "ratio_threshold": options.ratio,
        "skill_threshold": options.skill,
    }
    return Finding("exploding_gradients", "warning", 0.8, message, evidence, REMEDIES)


def _harms(case: Case, skill: float) -> bool:
    if case.signals is not None and case.signals.non_finite[0]:
        return True
    try:
        return course_of(case).rises or skill_of(case) < skill
    except NotApplicable:
        return skill_of(case) < skill
