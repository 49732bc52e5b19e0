"""Searches with scikit-learn's manners whose fits train as stacks: GridSearch, RandomSearch, BayesSearch.

They give the scores that scikit-learn's own searches give on the same estimators, to the bit, in a fraction of the
time: all settings and all folds of one shape are one batched network.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.utils import indexable
from sklearn.utils.validation import _check_sample_weight

from retemper.api.estimators import NetClassifier, NetRegressor, _as_value_errors
from retemper.api.search_scores import answer_with, failed, score
from retemper.bundle.model import Model
from retemper.bundle.together import outputs_together
from retemper.core import device
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.procedure.single import Fitted, fit_stacked

Params = dict[str, Any]
Place = tuple[int, int]
"""Number of a candidate, number of a fold."""
Errors = dict[Place, InputError]


@dataclass
class _Fold:
    """One split of the rows, its training rows ready for every candidate."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    x: Any
    y: Any
    weight: NDArray[np.float64] | None
    seen: Any
    frame: Any
    labels: NDArray[Any]


class _Stacked:
    """``fit`` for scikit-learn's searches, with stacks in place of single fits.

    ``n_jobs`` is the number of processes that the stacks are dealt out to, this one included; None: one a core. What
    else scikit-learn's search takes means the same here, but ``pre_dispatch``: nothing is dispatched ahead.
    """

    @_as_value_errors()
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
        folds = self._folds(x, y, groups, sample_weight)
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
            out.extend(self._evaluated(new, folds, scorers))
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

    def _folds(self, x: Any, y: Any, groups: Any, weight: Any) -> list[_Fold]:
        search: Any = self
        cv = check_cv(search.cv, y, classifier=is_classifier(search.estimator))
        folds = []
        for train, test in cv.split(x, y, groups):
            # The rows of a fit are the same whatever the candidate's options.
            seen = clone(search.estimator)
            rows, target, labels = seen._problem(_taken(x, train), _taken(y, train))
            frame = seen._rows_of_fit(rows, target, None if weight is None else weight[train])
            folds.append(_Fold(train, test, x, y, weight, seen, frame, labels))
        return folds

    def _evaluated(
        self, candidates: Sequence[Params], folds: Sequence[_Fold], scorers: Any
    ) -> list[dict[str, Any]]:
        """For each candidate and fold what scikit-learn's ``_fit_and_score`` gives."""
        search: Any = self
        estimators = [
            clone(search.estimator).set_params(**clone(params, safe=False)) for params in candidates
        ]
        places = [(number, k) for number in range(len(candidates)) for k in range(len(folds))]
        fitted, errors = self._fitted(estimators, folds)
        cells = {
            place: failed(error, scorers, search, len(folds[place[1]].test))
            for place, error in errors.items()
        }
        for k, fold in enumerate(folds):
            own = {number: fitted[number, k] for number in range(len(candidates)) if (number, k) in fitted}
            scored = self._scored(own, estimators, fold, scorers)
            cells |= {(number, k): cell for number, cell in scored.items()}
        return [cells[place] for place in places]

    def _fitted(
        self, estimators: Sequence[Any], folds: Sequence[_Fold]
    ) -> tuple[dict[Place, Fitted], Errors]:
        """The candidates on the folds, as stacks, and the errors of those that can't be had."""
        search: Any = self
        task = "classification" if is_classifier(search.estimator) else "regression"
        wanted: dict[Place, tuple[int, Recipe]] = {}
        errors: Errors = {}
        for number, estimator in enumerate(estimators):
            for k, fold in enumerate(folds):
                with _kept(errors, (number, k), search.error_score):
                    wanted[number, k] = (k, estimator._recipe_for(task, fold.weight))
        frames = [fold.frame for fold in folds]
        fits = fit_stacked(frames, list(wanted.values()), search.n_jobs or device.cores())
        found: dict[Place, Fitted] = {}
        for place, fitted in zip(wanted, fits, strict=True):
            with _kept(errors, place, search.error_score):
                fitted.model  # noqa: B018  # raises where the network was lost
                found[place] = fitted
        return found, errors

    def _scored(
        self, fitted: Mapping[int, Fitted], estimators: Sequence[Any], fold: _Fold, scorers: Any
    ) -> dict[int, dict[str, Any]]:
        """What the scorers say of the candidates on a fold."""
        search: Any = self
        names = getattr(scorers, "_scorers", None)
        models = [own.model for own in fitted.values()]
        answering = [
            _as_fitted(estimators[number], model, fold) for number, model in zip(fitted, models, strict=True)
        ]
        cells: dict[int, dict[str, Any]] = {
            number: {"fit_error": None, "n_test_samples": len(fold.test), "fit_time": own.seconds}
            for number, own in fitted.items()
        }
        for side, rows in (("test", fold.test), ("train", fold.train))[: 1 + search.return_train_score]:
            began = time.perf_counter()
            scoring = self._scoring(fold, rows, scorers)
            outputs = _outputs(models, answering, _taken(fold.x, rows))
            for number, estimator, own in zip(fitted, answering, outputs, strict=True):
                answer_with(estimator, own)
                cells[number][f"{side}_scores"] = score(scoring, estimator, names, search.error_score)
            if side == "test":
                share = (time.perf_counter() - began) / max(1, len(cells))
                cells = {number: cell | {"score_time": share} for number, cell in cells.items()}
        return cells

    def _scoring(self, fold: _Fold, rows: NDArray[np.int64], scorers: Any) -> Callable[[Any], Any]:
        """The scorers on some rows, weighted where there are weights and the scorers take them."""
        search: Any = self
        x, truth = _taken(fold.x, rows), _taken(fold.y, rows)
        if fold.weight is None or not search._check_scorers_accept_sample_weight():
            return lambda estimator: scorers(estimator, x, truth)
        weight = fold.weight[rows]
        return lambda estimator: scorers(estimator, x, truth, sample_weight=weight)


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


def _taken(values: Any, rows: NDArray[np.int64]) -> Any:
    """Some rows of an array, a list or a frame."""
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    return values[rows] if hasattr(values, "shape") else [values[row] for row in rows]


@contextmanager
def _kept(errors: Errors, place: Place, error_score: Any) -> Iterator[None]:
    """An error is kept for the fit that it came from, unless errors are to be raised."""
    try:
        yield
    except InputError as error:
        if error_score == "raise":
            raise
        errors[place] = error


def _as_fitted(estimator: Any, model: Model, fold: _Fold) -> Any:
    """The candidate as if it had been fitted on the fold's rows."""
    own = clone(estimator)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(fold.seen, name):
            setattr(own, name, getattr(fold.seen, name))
    return own._adopt(model, fold.labels)


def _outputs(models: Sequence[Model], estimators: Sequence[Any], rows: Any) -> list[NDArray[np.float64]]:
    if not models:
        return []
    return outputs_together(models, estimators[0]._new_rows(rows))


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
