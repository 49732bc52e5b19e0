"""Batches so large that the whole training takes few steps."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.course import FEWEST_LOOKS, course_of, skill_of
from retemper.doctor.looks import Signals

REMEDIES: tuple[str, ...] = ("smaller_batch", "raise_learning_rate", "train_longer")


class Options(Base):
    """Thresholds; batches of 2 to 32 rows do best in Masters & Luschi 2018."""

    rows: int = Field(128, ge=1, description="rows of a batch")
    steps: int = Field(
        300, ge=1, description="steps in all, below which smaller batches would have given more"
    )
    hardly_any: int = Field(100, ge=1, description="steps in all that no training gets by with")
    skill: float = Field(
        0.95, gt=0, lt=1, description="gain over a constant output from which on enough was learnt"
    )
    fall: float = Field(
        0.005, gt=0, description="relative fall of the probe's loss over the last third of the looks"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge batch and steps, where the loss still falls in the end and not enough was learnt.

    A training of so few steps that its end was hardly seen is judged by the fall from its start.

    Raises:
        NotApplicable: the training was not watched, or the rows of a batch could not be seen.
    """
    signals = need(case.signals, "signals")
    batch = signals.passes.batch
    if not batch:
        raise NotApplicable("the rows of a batch could not be seen")
    skill, fall = skill_of(case), _fall(signals, case)
    few = batch >= options.rows and signals.taken < options.steps
    if not few or not skill < options.skill or fall < options.fall:
        return None
    message = (
        f"Batches of {batch} rows gave {signals.taken} steps in all, and the loss still falls: batches of 32 give "
        f"{batch / 32:.3g} times as many for the same rows."
    )
    evidence = {
        "rows": batch,
        "rows_threshold": options.rows,
        "steps": signals.taken,
        "steps_threshold": options.steps,
        "fall": fall,
        "fall_threshold": options.fall,
        "skill": skill,
        "skill_threshold": options.skill,
    }
    sure = 0.9 if signals.taken <= options.hardly_any else 0.6
    return Finding("batch_too_large", "warning", sure, message, evidence, REMEDIES)


def _fall(signals: Signals, case: Case) -> float:
    seen = signals.probe_losses[np.isfinite(signals.probe_losses)]
    if len(seen) >= FEWEST_LOOKS or len(seen) < 2:
        return course_of(case).fall
    return float(1 - seen[-1] / seen[0]) if seen[0] > 0 else 0.0
