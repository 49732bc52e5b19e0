"""Weights that begin far too large or too small for the number of their inputs."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.first_loss import beyond_chance

REMEDIES: tuple[str, ...] = ("another_initialisation",)


class Options(Base):
    """Thresholds, in multiples of He's standard deviation √(2 / inputs)."""

    large: float = Field(5.0, gt=1, description="weights begin so many times too large")
    small: float = Field(0.02, gt=0, lt=1, description="weights begin at so small a share")
    sure: float = Field(2.0, gt=1, description="so many times beyond them no usual initialiser comes")
    seen: float = Field(
        2.5, gt=1, description="weights too large where the first loss shows it; .1 for 784 inputs is 2.0"
    )
    first_loss: float = Field(
        1.0, gt=0, description="(first loss − that of a guess) / that of a guess which shows it"
    )
    sure_first_loss: float = Field(4.0, gt=0, description="the same of a start that is sure to be too wide")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the weights at the start: by their size alone, or by half that size where the first loss bears it out.

    Two witnesses that know nothing of each other: weights that are somewhat large are some people's habit, and a first
    loss beyond chance may come of inputs that were not scaled.

    Raises:
        NotApplicable: the network could not be probed, or no layer multiplies by weights.
    """
    network = need(case.network, "network")
    shares = {
        name: spread / np.sqrt(2 / inputs)
        for name, (spread, inputs) in network.spreads.items()
        if spread > 1e-8
    }
    if not shares:
        raise NotApplicable("no layer has weights that differ")
    name, share = max(shares.items(), key=lambda own: abs(np.log(own[1])))
    beyond_guess = math.nan if case.loss is None else beyond_chance(case.loss)
    seen = share > options.seen and beyond_guess > options.first_loss
    if options.small <= share <= options.large and not seen:
        return None
    message = (
        f"The weights of {name} begin {share:.2g} times as large as their number of inputs asks for "
        "(√(2 / inputs))"
        + (f", and the first loss is {beyond_guess + 1:.2g} times that of a guess." if seen else ".")
    )
    evidence = {
        "share": float(share),
        "large_threshold": options.large,
        "small_threshold": options.small,
        "beyond_guess": float(beyond_guess),
        "first_loss_threshold": options.first_loss,
    }
    beyond = max(share / options.large, options.small / share)
    certain = beyond >= options.sure or (seen and beyond_guess > options.sure_first_loss)
    sure = 0.95 if certain else 0.8
    return Finding("bad_initialisation", "warning", sure, message, evidence, REMEDIES)
