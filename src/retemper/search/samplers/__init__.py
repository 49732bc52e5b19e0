"""Samplers: one file each. Every module has ``Options`` and ``build(options, space, seed, trials) → Sampler``.

Settings follow from the seed and from what was told alone: never from a clock, nor from who trains.
"""

from __future__ import annotations

from retemper.core.tune_options import TuneOptions

LEARNING, LEAST_BATCH = ("tpe", "gp", "bayes"), 4
"""Samplers that learn from the trials before, and the fewest trials of a batch of theirs."""


def batch_of(tune: TuneOptions) -> int:
    """Trials that are asked for at a time; one that begins from an earlier search learns, whatever its sampler.

    >>> from retemper.core.recipe import build
    >>> batch_of(build({"tune.trials": 64, "tune.sampler": "tpe"}).tune), batch_of(build({"tune.trials": 64}).tune)
    (8, 64)
    """
    if tune.batch:
        return tune.batch
    learns = tune.sampler.name in LEARNING or tune.warm_start is not None
    return max(LEAST_BATCH, tune.trials // 8) if learns else tune.trials
