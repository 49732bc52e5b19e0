"""Gaussian process with expected improvement, by Optuna: the most from few trials."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import Field

from retemper.core.options import Options as BaseOptions
from retemper.search.distributions import Codes, Distributions
from retemper.search.learning import Learner
from retemper.search.optuna_model import OptunaModel
from retemper.search.space import Interval, Setting, Space


class Options(BaseOptions):
    """A Gaussian process (Matérn 5/2, a length scale an option) and log expected improvement (Ament et al. 2023).

    A batch is chosen point by point: the improvement is over what pending trials may still bring. An option that its
    condition leaves out stands at the middle of its range. Use for some 10 to 50 trials of at most ten options, when a
    trial takes seconds: a setting takes 0.1 to 0.7 s, the more the more choices there are. Avoid for hundreds of
    trials, or where most options are choices: ``tpe`` is cheaper there.
    """

    startup: int = Field(
        10, ge=2, description="finite losses before anything is modelled; quasi-random until then"
    )
    history: int = Field(
        150, ge=60, le=1000, description="trials that are modelled: the best 50, and others of every age"
    )


class Process:
    """How Optuna's Gaussian process is asked.

    Args:
        space: what is searched.
    """

    best = 50

    def __init__(self, space: Space) -> None:
        self._distributions = Distributions(space)
        self._middles: Codes = {
            path: axis.at(0.5) if isinstance(axis, Interval) else len(axis.values) // 2
            for path, axis in space.items()
        }

    def sampler(self, optuna: Any, seed: int) -> Any:
        """A fresh one."""
        # It tells of a package that would make its own search a little faster.
        logging.getLogger("optuna._gp.batched_lbfgsb").setLevel(logging.ERROR)
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=1)

    def shown(self, codes: Codes) -> Codes:
        """Every option has a value."""
        return self._middles | codes

    def ask(self, study: Any) -> tuple[Any, Setting]:
        """The point of the greatest expected improvement."""
        trial = study.ask(self._distributions.by_path)
        return trial, self._distributions.values(trial.params)


def build(options: Options, space: Space, seed: int, trials: int) -> Learner:
    """The sampler for at most ``trials`` trials.

    >>> from retemper.search.space import Interval
    >>> sampler = build(Options(startup=4), Space({"rate": Interval(1e-4, 1.0, log=True)}), seed=0, trials=6)
    >>> for setting in sampler.ask(4):
    ...     sampler.tell(setting, abs(setting["rate"] - 0.01))
    >>> len(sampler.ask(4))
    2
    """
    model = OptunaModel("gp", Process(space), space, options.history, seed)
    return Learner(space, model, seed, trials, options.startup)
