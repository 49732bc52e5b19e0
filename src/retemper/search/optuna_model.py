"""What proposes settings through a sampler of Optuna: an Optuna study in memory, of a part of the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from retemper.core import seeds
from retemper.core.loading import loading
from retemper.search.distributions import Codes, Distributions
from retemper.search.space import Setting, Space
from retemper.search.told import Known, thinned


class Way(Protocol):
    """How one kind of Optuna's samplers is made and asked."""

    best: int
    """Of a long history, so many of the best are always among the trials that are modelled."""

    def sampler(self, optuna: Any, seed: int) -> Any:
        """A fresh one; ``optuna``: the package."""

    def shown(self, codes: Codes) -> Codes:
        """What it is shown of a setting."""

    def ask(self, study: Any) -> tuple[Any, Setting]:
        """Its next trial and the setting that this stands for."""


class OptunaModel:
    """A model of a :class:`retemper.search.learning.Learner`.

    Optuna's ask takes time with the number of trials in its study, so a long history is thinned: its cost a setting,
    and its memory, stay the same however many trials there were.

    Args:
        name: of the sampler, for its seeds.
        way: how Optuna is asked.
        space: what is searched.
        history: so many trials with a loss are modelled at most.
        seed: the study's.
    """

    def __init__(self, name: str, way: Way, space: Space, history: int, seed: int) -> None:
        with loading():
            import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._name, self._way, self._history, self._seed = optuna, name, way, history, seed
        self._distributions = Distributions(space)
        self._proposed: Setting | None = None

    def learn(self, known: Known, pending: Sequence[Setting]) -> None:
        """A fresh study of trials that are complete and trials that run."""
        self._proposed = None
        self._study = self._optuna.create_study()
        chosen = thinned(known, self._history, self._way.best)
        complete = [self._trial(values, "COMPLETE", loss) for values, loss in chosen]
        self._study.add_trials([*complete, *(self._trial(values, "RUNNING", None) for values in pending)])

    def propose(self, number: int, attempt: int) -> Setting:
        """What Optuna's sampler asks for."""
        if self._proposed is not None and not attempt:
            self._study.add_trial(self._trial(self._proposed, "RUNNING", None))
        seed = int(seeds.generator(self._seed, self._name, number, attempt).integers(2**32))
        # One of its own for each setting: what one of Optuna's keeps would hang on who was asked before.
        self._study.sampler = self._way.sampler(self._optuna, seed)
        trial, self._proposed = self._way.ask(self._study)
        # Optuna keeps with it what it drew for options that are not there. What runs is shown as when it is learnt.
        self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        return self._proposed

    def _trial(self, values: Setting, state: str, loss: float | None) -> Any:
        codes = self._distributions.coded(values)
        assert codes is not None
        shown = self._way.shown(codes)
        return self._optuna.trial.create_trial(
            state=self._optuna.trial.TrialState[state],
            params=shown,
            distributions={path: self._distributions.by_path[path] for path in shown},
            value=loss,
        )
