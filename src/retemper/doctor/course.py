"""How a training went by its signals: the loss of the same rows look by look, its swings, the way of the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from retemper.core.records import NotApplicable
from retemper.doctor.case import Array, Case, need
from retemper.doctor.curves import jitter, smooth
from retemper.doctor.looks import Signals

FEWEST_LOOKS = 5
FLOOR = 0.05
"""Swings and rises of a loss below this share of its start do no harm."""
DEAD = 0.7
"""Share of a layer's units; AutoTrainer's and DeepDiagnosis'."""


@dataclass(frozen=True)
class Course:
    """The plain loss of the probe.

    Args:
        first, least, last: of it, the last over three looks; infinite where it was lost.
        rise: from the least to the last, as a share of the least or of ``FLOOR`` times the first.
        swing: jitter over the second half of the looks, as a share of its mean or of the same floor.
        turns: share of the looks of the second half at which it changes direction.
        fall: over the last third of the looks, as a share of the loss before.
        left: last / trivial loss; NaN where that is not known.
    """

    first: float
    least: float
    last: float
    rise: float
    swing: float
    turns: float
    fall: float
    left: float

    @property
    def swings(self) -> bool:
        """Up and down by more than a tenth, at two of five looks or more."""
        return self.swing > 0.1 and self.turns >= 0.4

    @property
    def rises(self) -> bool:
        """By half, or to infinity."""
        return not self.rise < 0.5


def course_of(case: Case) -> Course:
    """The course of a training.

    Raises:
        NotApplicable: it was not watched, or its probe has no loss, or there were too few looks.
    """
    signals = need(case.signals, "signals")
    losses = signals.probe_losses
    known = losses[np.isfinite(losses)]
    if len(known) < FEWEST_LOOKS:
        raise NotApplicable("the loss of the same rows was seen too few times while it trained")
    lost = not np.isfinite(losses[-3:]).any() or signals.non_finite[0] in ("loss", "parameter")
    trivial = case.loss.trivial if case.loss else math.nan
    first = float(known[0])
    floor = FLOOR * max(abs(first), trivial if math.isfinite(trivial) else 0.0, 1e-12)
    half = known[len(known) // 2 :]
    last = math.inf if lost else float(np.median(known[-3:]))
    least = float(smooth(known).min())
    third = known[-max(3, len(known) // 3) :]
    ways = np.sign(np.diff(half))
    return Course(
        first=first,
        least=least,
        last=last,
        rise=(last - least) / max(abs(least), floor),
        swing=jitter(half) / max(abs(float(half.mean())), floor),
        turns=float(np.mean(ways[1:] * ways[:-1] < 0)) if len(ways) > 1 else 0.0,
        fall=float((third[0] - np.median(third[-2:])) / max(abs(float(third[0])), floor)),
        left=last / trivial if trivial > 0 else math.nan,
    )


def skill_of(case: Case) -> float:
    """The network's gain over the best constant output as a share of the headroom, NaN where it is not known."""
    if case.standing is not None and not math.isnan(case.standing.skill):
        return case.standing.skill
    try:
        return 1 - course_of(case).left
    except NotApplicable:
        return math.nan


def dead_share(signals: Signals) -> tuple[float, float]:
    """Share of dead units in the worst layer, at the first look and at the last; NaN where none was seen.

    >>> empty = np.zeros((0, 0))
    >>> dead = np.array([[0.0, 0.1], [0.2, 0.9]])
    >>> dead_share(Signals(*[np.arange(2.0)] * 2, empty, empty, dead, empty, *[np.arange(2.0)] * 2))
    (0.1, 0.9)
    """
    if not signals.dead.size:
        return math.nan, math.nan
    first, last = (signals.dead[at][np.isfinite(signals.dead[at])] for at in (0, -1))
    return (float(first.max()) if len(first) else math.nan, float(last.max()) if len(last) else math.nan)


def alive_paths(signals: Signals) -> float:
    """Share of the ways through the network that meet no dead unit, at the last look: the product over its layers.

    Deep narrow networks lose nearly all of them with few dead units a layer (Lu et al. 2019, "Dying ReLU").
    """
    last = signals.dead[-1] if signals.dead.size else np.zeros(0)
    return float(np.prod(1 - last[np.isfinite(last)]))


def sizes_of_gradients(signals: Signals) -> Array:
    """[L] gradient per number of each weight (root mean square), median of the looks."""
    if not len(signals.gradients) or not signals.gradients.shape[1]:
        raise NotApplicable("no gradients were seen")
    known = np.where(np.isfinite(signals.gradients), signals.gradients, np.nan)
    norms = np.array([np.median(own[~np.isnan(own)]) if (~np.isnan(own)).any() else 0.0 for own in known.T])
    return norms / np.sqrt(np.array(signals.sizes or [1] * len(norms), dtype=np.float64))


def straightness(signals: Signals) -> float:
    """How straight the weights' way was: from start to end as the crow flies / all steps added up, median of weights.

    Near 1 each step goes on where the one before went: a larger one would do (delta-bar-delta, Jacobs 1988). Noise and
    rates near what is stable make it small. NaN where too few steps were seen.
    """
    if len(signals.steps) < FEWEST_LOOKS or not signals.travelled.size:
        return math.nan
    steps = signals.updates * signals.weights
    gaps = np.diff(signals.steps, prepend=0.0)
    path = np.nansum(steps * gaps[:, None], axis=0)
    net = signals.travelled[-1]
    known = (path > 0) & np.isfinite(net) & np.isfinite(path)
    return float(min(np.median(net[known] / path[known]), 1.0)) if known.any() else math.nan
