"""Regularisation that outweighs the loss: a penalty, a decay of the weights or a dropout too strong to learn under."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case
from retemper.doctor.course import skill_of
from retemper.doctor.looks import Signals

REMEDIES: tuple[str, ...] = ("less_regularisation",)


FEW = 8
"""Rows of a batch over which batch normalisation is another network than in evaluation mode."""


class Options(Base):
    """Thresholds; dropout above a half is UMLAUT's, .7 leaves three of ten units."""

    penalty: float = Field(
        0.2,
        gt=0,
        description="(the batch's loss − the probe's plain loss) / the probe's, first or late looks",
    )
    shrunk: float = Field(
        0.3, gt=0, lt=1, description="norm of a weight at the end / at the start, under a decay"
    )
    decay: float = Field(
        0.03, gt=0, description="weight decay that may shrink weights, where an optimizer has one"
    )
    dropout: float = Field(0.7, gt=0, lt=1, description="rate of a dropout")
    skill: float = Field(
        0.8, gt=0, lt=1, description="gain over a constant output from which on no harm was done"
    )
    behind: float = Field(
        0.05, ge=0, lt=1, description="skill that a simple model has more, which shows harm for all that"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge what the training's loss carries beyond the plain one, the weights' shrinking and the dropout.

    Raises:
        NotApplicable: neither was the training watched nor the network probed.
    """
    signals, network = case.signals, case.network
    if signals is None and network is None:
        raise NotApplicable("neither was the training watched nor the network probed")
    rate = max((each.rate for each in network.operations), default=0.0) if network else 0.0
    decay = case.optimizer.options.get("weight_decay", 0.0) if case.optimizer else 0.0
    sums = case.loss is not None and case.loss.sums
    names = {own.name for own in network.operations} if network else set()
    few = signals is not None and 0 < signals.passes.batch <= FEW
    sums = sums or (few and "batch_norm" in names)  # which costs by itself
    penalty = math.nan if signals is None or sums else _penalty(signals)
    shrunk = math.nan if signals is None else _shrunk(signals)
    why = ""
    if penalty >= options.penalty and shrunk < 1:
        why = f"the training's loss is {penalty:.0%} above the plain one"
    elif shrunk <= options.shrunk and decay >= options.decay:
        why = f"a weight decay of {decay:g} shrank the weights to {shrunk:.0%}"
    elif rate >= options.dropout:
        why = f"dropout puts {rate:.0%} of the units to zero"
    if not why or _does_well(case, options):
        return None
    evidence = {
        "penalty": penalty,
        "penalty_threshold": options.penalty,
        "shrunk": shrunk,
        "shrunk_threshold": options.shrunk,
        "weight_decay": decay,
        "decay_threshold": options.decay,
        "dropout": rate,
        "dropout_threshold": options.dropout,
        "skill_threshold": options.skill,
        "behind_threshold": options.behind,
    }
    message = f"Regularisation outweighs what is to be learnt: {why}."
    return Finding("over_regularised", "warning", 0.8, message, evidence, REMEDIES)


def _does_well(case: Case, options: Options) -> bool:
    """Whether no harm was done, as far as is known: a simple model on the same rows may show what is missing."""
    skill = skill_of(case)
    behind = math.nan if case.standing is None else case.standing.reference - skill
    return skill >= options.skill and not behind > options.behind


def _penalty(signals: Signals) -> float:
    """What a penalty adds to the loss, at the first looks or the last: it may have shrunk all weights away by then.

    A penalty is there at every look, while a batch may cost more than the probe now and then: the lower quartile.
    """
    if len(signals.probe_losses) != len(signals.losses) or len(signals.losses) < 3:
        return math.nan
    plain = np.maximum(np.abs(signals.probe_losses), 1e-12)
    more = (signals.losses - signals.probe_losses) / plain
    half = len(more) // 2
    parts = [part[np.isfinite(part)] for part in (more[:5], more[half:])]
    return max((float(np.quantile(part, 0.25)) for part in parts if len(part)), default=math.nan)


def _shrunk(signals: Signals) -> float:
    """The most that a layer's weights shrank."""
    if len(signals.weights) < 2 or not signals.weights.shape[1]:
        return math.nan
    start = signals.weights[0]
    known = np.isfinite(signals.weights[-1]) & (start > 0)
    return float((signals.weights[-1][known] / start[known]).min()) if known.any() else math.nan
