"""A learning rate beyond what its training bears: steps that are too large, and a loss that shows it."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.course import DEAD, course_of, dead_share, skill_of

REMEDIES: tuple[str, ...] = ("lower_learning_rate", "warm_up_longer", "clip_gradients", "larger_batch")
ADAPTIVE = ("adam", "adamw", "rmsprop", "nadam", "radam", "adamax")


class Options(Base):
    """Thresholds; rates and updates are those of RESEARCH's table (UMLAUT, TheDeepChecker), widened threefold."""

    adaptive: float = Field(
        0.03, gt=0, description="rate of an optimizer that scales its steps (Adam, RMSprop)"
    )
    plain: float = Field(0.5, gt=0, description="rate of gradient descent")
    update: float = Field(0.1, gt=0, description="median of ‖Δw‖/‖w‖ of one step")
    noise: float = Field(
        0.05,
        gt=0,
        description="rate / ((1 − momentum) · batch) of gradient descent: its noise (Smith & Le 2018)",
    )
    skill: float = Field(
        0.3, gt=0, lt=1, description="gain over a constant output below which a network is poor"
    )
    well: float = Field(0.9, gt=0, le=1, description="gain from which on swings did no harm")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the rate and what a step moves, by what the loss of the same rows does.

    Steps are large when the rate is beyond its optimizer's range, when one step moves the weights by a tenth, or when
    gradient descent on a few rows is all noise. That is a fault where the loss swings or rises or is lost, where units
    died on the way, or, beyond the range, where the network is poor.

    Raises:
        NotApplicable: the optimizer is not known, or nothing is known of how the training went.
    """
    optimizer = need(case.optimizer, "optimizer")
    limit = options.adaptive if optimizer.name in ADAPTIVE else options.plain
    rate, moved, noise = optimizer.learning_rate, 0.0, 0.0
    skill = skill_of(case)
    if case.signals is None and math.isnan(skill):
        raise NotApplicable("nothing is known of how the training went")
    if case.signals is not None and case.signals.updates.size:
        rate = max(rate, float(np.nanmax(case.signals.rates))) if len(case.signals.rates) else rate
        most = np.where(np.isfinite(case.signals.updates), case.signals.updates, 0.0).max(axis=1)
        moved = float(np.median(most))
        if optimizer.name == "sgd" and case.signals.passes.batch:
            share = (1 - min(optimizer.options.get("momentum", 0.0), 0.999)) * case.signals.passes.batch
            noise = rate / share
    beyond, large, noisy = rate > limit, moved > options.update, noise > options.noise
    lost = case.signals is not None and case.signals.non_finite[0] != ""
    if skill >= options.well and not lost:
        return None
    harm = _harm(case)
    standing = case.standing
    if beyond and not harm and skill <= options.skill:
        harm = "the network has learnt little"
    if beyond and not harm and standing is not None and 0 < standing.trivial < standing.loss:
        harm = f"the loss is {standing.loss:.3g}, above the {standing.trivial:.3g} of knowing nothing"
    if not harm or not (beyond or large or noisy):
        return None
    why = [f"the learning rate is {rate:.3g}, more than {optimizer.name} mostly bears"] if beyond else []
    why += [f"at a rate of {rate:.3g} a step moves the weights by {moved:.1%}"] if large else []
    why += [f"at a rate of {rate:.3g} steps of few rows are mostly noise"] if noisy and not why else []
    told = ", ".join(why)
    message = f"{told[0].upper()}{told[1:]}, and {harm}: too large a rate."
    evidence = {
        "learning_rate": rate,
        "rate_threshold": limit,
        "update": moved,
        "update_threshold": options.update,
        "noise": noise,
        "noise_threshold": options.noise,
        "skill": skill,
        "skill_threshold": options.skill,
    }
    return Finding("learning_rate_too_high", "warning", 0.85 if beyond else 0.65, message, evidence, REMEDIES)


def _harm(case: Case) -> str:
    """What the loss or the units show; "" for nothing."""
    signals = case.signals
    if signals is None:
        return ""
    if signals.non_finite[0]:
        return f"from step {signals.non_finite[1]} on the {signals.non_finite[0]} is not finite"
    first, last = dead_share(signals)
    if last >= DEAD > first:
        return f"{last:.0%} of a layer's units died"
    try:
        course = course_of(case)
    except NotApplicable:
        return ""
    if course.rises:
        return f"the loss rose by {course.rise:.0%}"
    return f"the loss swings by {course.swing:.0%}" if course.swings else ""
