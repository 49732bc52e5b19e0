"""Gaussian process with expected improvement, by Optuna: the most from few trials."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from retemper.core import seeds
from retemper.core.loading import loading
from retemper.core.options import Options as BaseOptions
from retemper.search.distributions import Codes, Distributions
from retemper.search.learning import Learner
from retemper.search.space import Interval, Setting, Space
from retemper.search.told import Known, thinned

BEST = 50


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
        # It tells of a package that would make its own search a little faster.
        logging.getLogger("optuna._gp.batched_lbfgsb").setLevel(logging.ERROR)
        self._optuna, self._options, self._seed = optuna, options, seed
        self._distributions = Distributions(space)
        self._last: Any = None
        self._middles: Codes = {
            path: axis.at(0.5) if isinstance(axis, Interval) else len(axis.values) // 2
            for path, axis in space.items()
        }

    def learn(self, known: Known, pending: Sequence[Setting]) -> None:
        """A fresh study of trials that are complete and trials that run."""
        self._study = self._optuna.create_study()
        for values, loss in thinned(known, self._options.history, BEST):
            self._study.add_trial(self._trial(values, "COMPLETE", loss))
        for values in pending:
            self._study.add_trial(self._trial(values, "RUNNING", None))

    def propose(self, number: int, attempt: int) -> Setting:
        """The point of the greatest expected improvement."""
        if attempt:
            self._study.tell(self._last, state=self._optuna.trial.TrialState.FAIL)
        seed = int(seeds.generator(self._seed, "gp", number, attempt).integers(2**31))
        # One of its own for each point: Optuna's keeps the last fit, and the next would hang on who was asked before.
        self._study.sampler = self._optuna.samplers.GPSampler(seed=seed, n_startup_trials=1)
        self._last = self._study.ask(self._distributions.by_path)
        return self._distributions.values(self._last.params)

    def _trial(self, values: Setting, state: str, loss: float | None) -> Any:
        codes = self._distributions.coded(values)
        assert codes is not None
        return self._optuna.trial.create_trial(
            state=self._optuna.trial.TrialState[state],
            params=self._middles | codes,
            distributions=self._distributions.by_path,
            value=loss,
        )


def build(options: Options, space: Space, seed: int, trials: int) -> Learner:
    """The sampler for at most ``trials`` trials.

    >>> from retemper.search.space import Interval
    >>> sampler = build(Options(startup=4), Space({"rate": Interval(1e-4, 1.0, log=True)}), seed=0, trials=6)
    >>> for setting in sampler.ask(4):
    ...     sampler.tell(setting, abs(setting["rate"] - 0.01))
    >>> len(sampler.ask(4))
    2
    """
    return Learner(space, Model(space, options, seed), seed, trials, options.startup)
