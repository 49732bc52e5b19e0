"""Tree-structured Parzen estimator, by Optuna: points where good settings are dense and bad ones are not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from retemper.core import seeds
from retemper.core.loading import loading
from retemper.core.options import Options as BaseOptions
from retemper.search.distributions import Distributions
from retemper.search.learning import Learner
from retemper.search.space import Setting, Space
from retemper.search.told import Known, thinned

BEST = 25
"""Optuna counts a tenth as good, at most so many: of a thinned history the good ones are the true best."""


class Options(BaseOptions):
    """TPE (Bergstra et al. 2011), all options jointly, in batches: pending trials count as bad ones.

    Use from some 50 trials on, with choices and conditions; avoid with fewer trials of few numbers: ``gp`` needs fewer.
    A setting takes 2 to 10 ms, in batches, however many trials there were.
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


class Model:
    """Optuna's sampler over an Optuna study in memory.

    Args:
        space: what is searched.
        options: as above.
        seed: the study's.
    """

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        with loading():
            import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._options, self._seed = optuna, options, seed
        self._distributions = Distributions(space)
        self._last: Any = None

    def learn(self, known: Known, pending: Sequence[Setting]) -> None:
        """A fresh study of trials that are complete and trials that run."""
        self._study = self._optuna.create_study()
        for values, loss in thinned(known, self._options.history, BEST):
            self._study.add_trial(self._trial(values, "COMPLETE", loss))
        for values in pending:
            self._study.add_trial(self._trial(values, "RUNNING", None))

    def propose(self, number: int, attempt: int) -> Setting:
        """The best of some candidates from the density of good settings."""
        if attempt:
            self._study.tell(self._last, state=self._optuna.trial.TrialState.FAIL)
        self._study.sampler = self._sampler(
            int(seeds.generator(self._seed, "tpe", number, attempt).integers(2**32))
        )
        self._last = self._study.ask()
        return self._distributions.suggested(self._last)

    def _sampler(self, seed: int) -> Any:
        with warnings.catch_warnings():
            # Groups are how Optuna's joint TPE knows conditions, since 2020; they are called experimental still.
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            return self._optuna.samplers.TPESampler(
                n_startup_trials=1,
                n_ei_candidates=self._options.candidates,
                multivariate=True,
                group=bool(self._distributions.space.conditions),
                constant_liar=True,
                seed=seed,
            )

    def _trial(self, values: Setting, state: str, loss: float | None) -> Any:
        codes = self._distributions.coded(values)
        assert codes is not None
        return self._optuna.trial.create_trial(
            state=self._optuna.trial.TrialState[state],
            params=codes,
            distributions={path: self._distributions.by_path[path] for path in codes},
            value=loss,
        )


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
    return Learner(space, Model(space, options, seed), seed, trials, options.startup)
