"""Bayesian search by the kind that suits: a Gaussian process for few trials of a plain space, TPE for all else."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from retemper.core.options import Options as BaseOptions
from retemper.search.learning import Learner
from retemper.search.samplers import gp, tpe
from retemper.search.space import Space


class Options(BaseOptions):
    """``gp`` for at most so many trials of a space without conditions, else ``tpe``; both with their own defaults.

    Use when in doubt; avoid where trials are cheaper than the 0.1 to 0.7 s that
    a Gaussian process takes for each setting.
    """

    gp_trials: int = Field(50, ge=0, le=1000, description="up to so many trials a Gaussian process is used")
    startup: int = Field(
        10, ge=2, description="finite losses before anything is modelled; quasi-random until then"
    )


def chosen(options: Options, space: Space, trials: int) -> Literal["gp", "tpe"]:
    """Which of the two is taken, for the log.

    >>> from retemper.search.space import Interval
    >>> space = Space({"rate": Interval(0.0, 1.0)})
    >>> chosen(Options(), space, 32), chosen(Options(), space, 64)
    ('gp', 'tpe')
    """
    return "gp" if trials <= options.gp_trials and not space.conditions else "tpe"


def reason(options: Options, space: Space, trials: int) -> str:
    """Why that one, in a sentence.

    >>> from retemper.search.space import Interval
    >>> reason(Options(), Space({"rate": Interval(0.0, 1.0)}), 64)
    'TPE, since there may be 64 trials: a Gaussian process is used up to 50.'
    """
    if space.conditions:
        names = ", ".join(path.rpartition(".")[2] for path in space.conditions)
        return f"TPE, since not every trial has {names}: a Gaussian process needs options that all have."
    if trials > options.gp_trials:
        return (
            f"TPE, since there may be {trials} trials: a Gaussian process is used up to {options.gp_trials}."
        )
    return f"A Gaussian process, since there are at most {trials} trials of options that all have."


def build(options: Options, space: Space, seed: int, trials: int) -> Learner:
    """The sampler for at most ``trials`` trials."""
    if chosen(options, space, trials) == "gp":
        return gp.build(gp.Options(startup=options.startup), space, seed, trials)
    return tpe.build(tpe.Options(startup=options.startup), space, seed, trials)
