"""Searches with scikit-learn's manners whose fits train as stacks: GridSearch, RandomSearch, BayesSearch.

They give the scores that scikit-learn's own searches give on the same estimators, to the bit, in a fraction of the
time: all settings and all folds of one shape are one batched network.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
)
from sklearn.utils import indexable
from sklearn.utils.validation import _check_sample_weight

from retemper.api.estimators import NetClassifier, NetRegressor
from retemper.api.net import as_value_errors
from retemper.api.search_fits import Params, evaluated, folds_of
from retemper.core.errors import InputError


class _Stacked:
    """``fit`` for scikit-learn's searches, with stacks in place of single fits.

    ``n_jobs`` is the number of processes that the stacks are dealt out to, this one included; None: one a core. What
    else scikit-learn's search takes means the same here, but ``pre_dispatch``: nothing is dispatched ahead.
    """

    @as_value_errors()
    def fit(self, X: Any, y: Any, *, groups: Any = None, sample_weight: Any = None) -> Self:
        """Evaluate every candidate on every fold; then fit the best on all rows.

        Args:
            X, y: as for the estimator.
            groups: for the splitter.
            sample_weight: weights [rows], 0 or more.

        Raises:
            InputError: the estimator is not a network of retemper's, or its data or options are at fault.
            ValueError: as from scikit-learn's searches.
        """
        search: Any = self
        _refuse_others(search.estimator)
        scorers, refit_metric = search._get_scorers()
        x, y = indexable(X, y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, x)
        folds = folds_of(search, x, y, groups, sample_weight)
        search.n_splits_ = len(folds)
        candidates: list[Params] = []
        out: list[dict[str, Any]] = []
        results: dict[str, Any] = {}

        def evaluate(params: Any, cv: Any = None, more_results: Any = None) -> dict[str, Any]:
            nonlocal results
            new = list(params)
            if search.verbose > 0:
                print(
                    f"Fitting {len(folds)} folds for each of {len(new)} candidates, "
                    f"totalling {len(folds) * len(new)} fits"
                )
            out.extend(evaluated(search, new, folds, scorers))
            candidates.extend(new)
            results = search._format_results(candidates, len(folds), out, more_results)
            return results

        search._run_search(evaluate)
        if not candidates:
            raise ValueError("No fits were performed. Were there no candidates?")
        _warn_of_failures(out, search.error_score)
        search.multimetric_ = isinstance(out[0]["test_scores"], dict)
        if callable(search.scoring) and search.multimetric_:
            search._check_refit_for_multimetric(out[0]["test_scores"])
            refit_metric = search.refit
        if search.refit or not search.multimetric_:
            search.best_index_ = search._select_best_index(search.refit, refit_metric, results)
            if not callable(search.refit):
                search.best_score_ = results[f"mean_test_{refit_metric}"][search.best_index_]
            search.best_params_ = results["params"][search.best_index_]
        search.scorer_ = scorers._scorers if search.multimetric_ and hasattr(scorers, "_scorers") else scorers
        search.cv_results_ = results
        if search.refit:
            began = time.perf_counter()
            search.best_estimator_ = clone(search.estimator).set_params(
                **clone(search.best_params_, safe=False)
            )
            search.best_estimator_.fit(
                X, y, **({} if sample_weight is None else {"sample_weight": sample_weight})
            )
            search.refit_time_ = time.perf_counter() - began
            if hasattr(search.best_estimator_, "feature_names_in_"):
                search.feature_names_in_ = search.best_estimator_.feature_names_in_
        return self


class GridSearch(_Stacked, GridSearchCV):  # type: ignore[misc]
    """scikit-learn's ``GridSearchCV`` over a network, its fits trained as stacks.

    The arguments, ``cv_results_``, ``best_params_``, ``best_estimator_`` and all else are scikit-learn's.

    >>> from sklearn.datasets import make_moons
    >>> x, y = make_moons(200, noise=0.1, random_state=0)
    >>> search = GridSearch(NetClassifier(epochs=5), {"learning_rate": [0.01, 0.0001]}, cv=3).fit(x, y)
    >>> search.best_params_
    {'learning_rate': 0.01}
    """

    def _run_search(self, evaluate_candidates: Callable[[Any], Any]) -> None:
        evaluate_candidates(ParameterGrid(self.param_grid))


class RandomSearch(_Stacked, RandomizedSearchCV):  # type: ignore[misc]
    """scikit-learn's ``RandomizedSearchCV`` over a network, its fits trained as stacks.

    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import make_moons
    >>> x, y = make_moons(200, noise=0.1, random_state=0)
    >>> space = {"learning_rate": loguniform(1e-4, 1e-1), "hidden_units": [16, 64]}
    >>> search = RandomSearch(NetClassifier(epochs=5), space, n_iter=4, cv=3, random_state=0).fit(x, y)
    >>> len(search.cv_results_["params"])
    4
    """

    def _run_search(self, evaluate_candidates: Callable[[Any], Any]) -> None:
        evaluate_candidates(
            ParameterSampler(self.param_distributions, self.n_iter, random_state=self.random_state)
        )


def _refuse_others(estimator: Any) -> None:
    if not isinstance(estimator, NetClassifier | NetRegressor):
        raise InputError(
            "not_stackable",
            f"Only NetClassifier and NetRegressor train as stacks, but got {type(estimator).__name__}.",
            None,
            "Use scikit-learn's search of the same kind for pipelines and other estimators.",
        )


def _warn_of_failures(out: Sequence[Mapping[str, Any]], error_score: Any) -> None:
    """One word on all candidates that failed; an error where all did."""
    failed = [cell["fit_error"] for cell in out if cell["fit_error"] is not None]
    if not failed:
        return
    kinds = "; ".join(dict.fromkeys(failed))
    if len(failed) == len(out):
        raise ValueError(f"All the {len(out)} fits failed. {kinds}")
    message = f"{len(failed)} fits failed out of a total of {len(out)}; their score is set to {error_score}. {kinds}"
    warnings.warn(message, FitFailedWarning, stacklevel=3)
