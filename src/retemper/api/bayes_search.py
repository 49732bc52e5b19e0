"""Bayesian search with scikit-learn's manners: batches of settings, each chosen by what those before it scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state

from retemper.api.searches import _Stacked
from retemper.core import catalogue
from retemper.core.errors import InputError, nearest
from retemper.search.space import Axis, Interval, Space, Words
from retemper.search.study import Sampler

SAMPLERS = ("bayes", "gp", "tpe")
RANGE = ("low", "high", "log", "integer")


class BayesSearch(_Stacked, BaseSearchCV):  # type: ignore[misc]
    """A search that learns: a sampler names ``batch`` settings, they train as stacks, their scores go back to it.

    ``fit``, ``cv_results_``, ``best_params_``, ``best_estimator_`` and all else are as in :class:`retemper.GridSearch`.

    Args:
        estimator: a NetClassifier or NetRegressor.
        param_distributions: parameter → list of values, or range: ``{"low": 1e-4, "high": 0.1, "log": True}``, with
            ``"integer": True`` for whole numbers, or one of scipy's ``loguniform``, ``uniform`` and ``randint``.
        n_iter: settings that are tried, 1 or more; fewer where the space has fewer.
        sampler: ``tpe``, ``gp`` (few trials, each of seconds), or ``bayes``: ``gp`` for up to 50 trials, else ``tpe``.
        batch: settings that train together, 1 or more: the more, the faster; the fewer, the more is learnt.
        random_state: seed of the sampler, 0 or more; None or a ``RandomState``: it is drawn.
        scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score: as for
            scikit-learn's ``GridSearchCV``. Of several metrics the one that ``refit`` names is searched for.

    >>> from sklearn.datasets import make_moons
    >>> from retemper import NetClassifier
    >>> x, y = make_moons(200, noise=0.1, random_state=0)
    >>> space = {"learning_rate": {"low": 1e-4, "high": 0.1, "log": True}, "hidden_units": [16, 64]}
    >>> search = BayesSearch(NetClassifier(epochs=5), space, n_iter=16, cv=3).fit(x, y)
    >>> len(search.cv_results_["params"]), bool(search.best_score_ > 0.8)
    (16, True)
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: Mapping[str, Any],
        *,
        n_iter: int = 32,
        sampler: str = "tpe",
        batch: int = 8,
        random_state: int | np.random.RandomState | None = 0,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.sampler = sampler
        self.batch = batch
        self.random_state = random_state
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def _run_search(self, evaluate_candidates: Callable[[Any], Any]) -> None:
        sampler = self._built()
        done = 0
        while candidates := sampler.ask(self.batch):
            results = evaluate_candidates(candidates)
            scores = results[f"mean_test_{self._searched(results)}"][done:]
            done += len(candidates)
            for values, score in zip(candidates, scores, strict=True):
                sampler.tell(values, -float(score))

    def _built(self) -> Sampler:
        for name in ("n_iter", "batch"):
            _check_number(name, getattr(self, name), 1)
        seed = self.random_state
        if seed is None or isinstance(seed, np.random.RandomState):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        _check_number("random_state", seed, 0)
        if self.sampler not in SAMPLERS:
            raise InputError(
                "bad_option",
                f"There is no sampler {self.sampler!r} that learns; {nearest(str(self.sampler), list(SAMPLERS))}",
                {"option": "sampler"},
                "Use tpe, gp or bayes here; GridSearch and RandomSearch are classes of their own.",
            )
        module = catalogue.entry("sampler", self.sampler)
        built: Sampler = module.build(
            module.Options(), _space(self.param_distributions, self.estimator), int(seed), int(self.n_iter)
        )
        return built

    def _searched(self, results: Mapping[str, Any]) -> str:
        """The name of the metric that is searched for."""
        if "mean_test_score" in results:
            return "score"
        if isinstance(self.refit, str) and f"mean_test_{self.refit}" in results:
            return self.refit
        raise InputError(
            "bad_option",
            f"There are several metrics, and refit={self.refit!r} names none of them to search for.",
            {"option": "refit"},
            "Set refit to the metric that is to be best.",
        )


def _check_number(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(
            "bad_option",
            f"{name} must be a whole number of at least {least}, but got {value!r}.",
            {"option": name},
            f"Set {name} to {least} or more.",
        )


def _space(given: Mapping[str, Any], estimator: Any) -> Space:
    """The space of an estimator's parameters; all mistakes at once."""
    known = list(estimator.get_params())
    axes: dict[str, Axis] = {}
    mistakes = []
    for name, values in given.items():
        if name not in known:
            mistakes.append(f"{name} is no parameter of the estimator, {nearest(name, known)}")
        try:
            axes[name] = _axis(values)
        except (TypeError, ValueError) as error:
            mistakes.append(f"{name}: {error}")
    if mistakes or not axes:
        raise InputError(
            "bad_space",
            f"The space can't be searched: {'; '.join(mistakes) or 'it is empty'}.",
            {"option": "param_distributions"},
            "Give each parameter a list of values, or a range such as {'low': 1e-4, 'high': 0.1, 'log': True}.",
        )
    return Space(axes)


def _axis(given: Any) -> Axis:
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in RANGE]
        missing = [key for key in ("low", "high") if key not in given]
        if unknown or missing:
            raise ValueError(
                f"a range has low and high and may have log and integer, but got {sorted(given)}"
            )
        return Interval(**given)
    if hasattr(given, "rvs"):
        return _support(given)
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray):
        raise TypeError(f"a list of values or a range is needed, but got {given!r}")
    return Words(tuple(given.tolist() if isinstance(given, np.ndarray) else given))


def _support(given: Any) -> Interval:
    """The range of one of scipy's distributions that is as likely everywhere in it."""
    name = getattr(getattr(given, "dist", None), "name", type(given).__name__)
    if name not in ("loguniform", "reciprocal", "uniform", "randint"):
        raise TypeError(f"{name} is no range to search in: loguniform, uniform and randint are")
    low, high = given.support()
    if name == "randint":
        return Interval(int(low), int(high), integer=True)
    return Interval(float(low), float(high), log=name != "uniform")
