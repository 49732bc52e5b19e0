"""Hyperband: successive halvings side by side, from hasty to patient, since nobody knows how hasty one may be."""

from __future__ import annotations

import math

from pydantic import Field

from retemper.search.fidelities import Extent, halving
from retemper.search.study import Plan, Study


class Options(halving.Options):
    """Hyperband (Li et al. 2018): each bracket begins a rung later than the one before, with fewer trials.

    Of k rungs, bracket s begins at rung s with k/(k − s) · η^(k − 1 − s) trials, so all brackets cost about the same.
    Use when it is not known whether the first epochs tell of the last; where they do, ``halving`` is cheaper.
    """

    reduction: int = Field(3, ge=2, le=10, description="η: one of so many goes on, so many times longer")
    first_epochs: int = Field(1, ge=1, description="of the hastiest bracket's first rung")


def plan(options: Options, study: Study, extent: Extent) -> Plan:
    """Rounds of all brackets, the hastiest first, until the sampler has no more."""
    rungs = halving.rungs_of(options.first_epochs, extent.epochs, options.reduction)
    while True:
        for later in range(len(rungs)):
            count = bracket_size(len(rungs), later, options.reduction)
            begun = yield from halving.bracket(study, count, rungs[later:], extent, options.reduction)
            if not begun:
                return


def bracket_size(rungs: int, later: int, reduction: int) -> int:
    """Trials of the bracket that begins ``later`` rungs after the first of ``rungs``.

    >>> [bracket_size(4, later, 3) for later in range(4)]
    [27, 12, 6, 4]
    """
    own = rungs - later
    return math.ceil(rungs / own * float(reduction) ** (own - 1))
