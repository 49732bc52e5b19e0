"""Tree-structured Parzen estimator, by Optuna: points where good settings are dense and bad ones are not."""

from __future__ import annotations

import warnings
from typing import Any

from pydantic import Field

from retemper.core.options import Options as BaseOptions
from retemper.search.distributions import Codes, Distributions
from retemper.search.learning import Learner
from retemper.search.optuna_model import OptunaModel
from retemper.search.space import Setting, Space


class Options(BaseOptions):
    """TPE (Bergstra et al. 2011), all options jointly, in batches: pending trials count as bad ones.

    Use from some 50 trials on, with choices and conditions; avoid with fewer trials of few numbers: ``gp`` needs fewer.
    A setting takes 2 to 20 ms (whole numbers are dear), however many trials there were; of an earlier session, 0.2 ms.
    """

    startup: int = Field(
        10, ge=1, description="finite losses before anything is modelled; quasi-random until then"
    )
    candidates: int = Field(
        24, ge=1, le=10_000, description="drawn from the good ones' density, the best is taken"
    )
    history: int = Field(
        150, ge=50, le=100_000, description="trials that are modelled: the best 25, and others of every age"
    )


class Parzen:
    """How Optuna's TPE is asked.

    Args:
        space: what is searched.
        candidates: as above.
    """

    best = 25
    """Optuna counts a tenth as good, at most so many: of a thinned history the good ones are the true best."""

    def __init__(self, space: Space, candidates: int) -> None:
        self._distributions, self._candidates = Distributions(space), candidates

    def sampler(self, optuna: Any, seed: int) -> Any:
        """A fresh one."""
        with warnings.catch_warnings():
            # Groups are how Optuna's joint TPE knows conditions, since 2020; they are called experimental still.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                n_startup_trials=1,
                n_ei_candidates=self._candidates,
                multivariate=True,
                group=bool(self._distributions.space.conditions),
                constant_liar=True,
                seed=seed,
            )

    def shown(self, codes: Codes) -> Codes:
        """Options that are not there have no value."""
        return codes

    def ask(self, study: Any) -> tuple[Any, Setting]:
        """The best of some candidates from the density of good settings."""
        trial = study.ask()
        return trial, self._distributions.suggested(trial)


def build(options: Options, space: Space, seed: int, trials: int) -> Learner:
    """The sampler for at most ``trials`` trials.

    >>> from retemper.search.space import Interval
    >>> sampler = build(Options(), Space({"rate": Interval(1e-4, 1.0, log=True)}), seed=0, trials=40)
    >>> for _ in range(5):
    ...     for setting in sampler.ask(8):
    ...         sampler.tell(setting, abs(setting["rate"] - 0.01))
    >>> sampler.ask(1)
    []
    """
    model = OptunaModel("tpe", Parzen(space, options.candidates), space, options.history, seed)
    return Learner(space, model, seed, trials, options.startup)
