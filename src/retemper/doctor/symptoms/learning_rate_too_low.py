"""A learning rate so low that training ends on its way."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.course import DEAD, FEWEST_LOOKS, course_of, dead_share, skill_of, straightness
from retemper.doctor.looks import Signals

REMEDIES: tuple[str, ...] = ("raise_learning_rate", "train_longer", "another_optimizer")
ADAPTIVE = ("adam", "adamw", "rmsprop", "nadam", "radam", "adamax")


class Options(Base):
    """Thresholds; rates are those of RESEARCH's table."""

    adaptive: float = Field(
        1e-5, gt=0, description="rate of an optimizer that scales its steps (Adam, RMSprop)"
    )
    plain: float = Field(1e-4, gt=0, description="rate of gradient descent")
    adadelta: float = Field(
        0.01, gt=0, description="rate of Adadelta, whose steps are in the weights' own units (Zeiler 2012: 1)"
    )
    left: float = Field(
        0.01, gt=0, lt=1, description="rate at half of the steps / highest rate; a cosine's is a half"
    )
    well: float = Field(
        0.95,
        gt=0,
        le=1,
        description="gain over a constant output from which on a rate that is gone did no harm",
    )
    way: float = Field(
        0.05, gt=0, description="steps × median of ‖Δw‖/‖w‖: how far the weights could have come"
    )
    straight: float = Field(
        0.6, gt=0, le=1, description="way of the weights as the crow flies / all steps added up"
    )
    fall: float = Field(
        0.01, gt=0, description="relative fall of the probe's loss over the last third of the looks"
    )
    skill: float = Field(
        0.3, gt=0, lt=1, description="gain over a constant output below which training has hardly begun"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the rate and the weights' way, where the network has not learnt enough.

    A rate that is all but gone by half of the steps leaves the rest of them to nothing, whatever was learnt before.
    Else it is too low when it is below its optimizer's range, when all steps together could hardly move the weights
    though gradients reach them, or when the weights go straight on to the end and the loss with them.

    Raises:
        NotApplicable: the optimizer is not known, or nothing is known of how the network does.
    """
    optimizer = need(case.optimizer, "optimizer")
    skill = skill_of(case)
    if math.isnan(skill):
        raise NotApplicable("it is not known how the network does against a constant output")
    left = _left(case.signals)
    if left < options.left and skill < options.well:
        return _decayed(left, skill, options)
    if skill >= options.skill:
        return None
    if case.signals is not None and case.signals.non_finite[0]:
        return None  # numbers that are none do not move
    plain = options.adadelta if optimizer.name == "adadelta" else options.plain
    limit = options.adaptive if optimizer.name in ADAPTIVE else plain
    low = optimizer.learning_rate < limit
    way, straight, fall = _way(case)
    steady = straight >= options.straight and fall >= options.fall
    short = way < options.way and case.signals is not None and _alive(case.signals)
    if not (low or steady or short):
        return None
    message = (
        f"The learning rate is {optimizer.learning_rate:.3g}; all steps together could move the weights by {way:.1%}"
        + (", and to the end they went straight on and the loss fell" if steady else "")
        + ": larger steps would get further."
    )
    evidence = {
        "learning_rate": optimizer.learning_rate,
        "rate_threshold": limit,
        "way": way,
        "way_threshold": options.way,
        "straightness": straight,
        "straightness_threshold": options.straight,
        "fall": fall,
        "fall_threshold": options.fall,
        "skill": skill,
        "skill_threshold": options.skill,
    }
    sure = 0.85 if low else 0.75 if steady else 0.6
    return Finding("learning_rate_too_low", "warning", sure, message, evidence, REMEDIES)


def _left(signals: Signals | None) -> float:
    """The rate at half of the steps as a share of the highest one; NaN where it was not seen."""
    if signals is None or len(signals.rates) < FEWEST_LOOKS or not np.nanmax(signals.rates) > 0:
        return math.nan
    at = int(np.searchsorted(signals.steps, signals.taken / 2))
    return float(signals.rates[min(at, len(signals.rates) - 1)] / np.nanmax(signals.rates))


def _decayed(left: float, skill: float, options: Options) -> Finding:
    message = f"By half of the steps the learning rate had fallen to {left:.2g} of its height: the rest moved nothing."
    evidence = {
        "left": left,
        "left_threshold": options.left,
        "skill": skill,
        "skill_threshold": options.well,
    }
    return Finding("learning_rate_too_low", "warning", 0.9, message, evidence, REMEDIES)


def _way(case: Case) -> tuple[float, float, float]:
    """How far the weights could have come, how straight their way was, and the loss's fall at the end."""
    signals = case.signals
    if signals is None or not signals.updates.size:
        return math.inf, math.nan, math.nan
    known = np.where(np.isfinite(signals.updates), signals.updates, 0.0)
    way = float(np.median(np.median(known, axis=1)) * max(signals.taken, signals.steps[-1]))
    try:
        fall = course_of(case).fall
    except NotApplicable:
        fall = math.nan
    return way, straightness(signals), fall


def _alive(signals: Signals) -> bool:
    """Gradients reach the weights: what does not move is not to be blamed on dead units or a loss without a slope."""
    norms = signals.gradients[np.isfinite(signals.gradients)]
    return not dead_share(signals)[1] >= DEAD and bool(len(norms)) and float(np.median(norms)) > 1e-7
