"""Every candidate of a search on every fold: the fits as stacks, and what the scorers say of them."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv

from retemper.api.search_scores import answer_with, are_scikit_learns, failed, score, settled
from retemper.bundle.model import Model
from retemper.core import device
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.procedure.single import Questions, fit_stacked

Params = dict[str, Any]
Place = tuple[int, int]
"""Number of a candidate, number of a fold."""
Errors = dict[Place, InputError]
Outputs = Sequence[NDArray[np.float64]]


@dataclass
class Fold:
    """One split of the rows, its training rows ready for every candidate."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    x: Any
    y: Any
    weight: NDArray[np.float64] | None
    seen: Any
    frame: pl.DataFrame
    labels: NDArray[Any]

    def rows(self, side: str) -> NDArray[np.int64]:
        """Numbers of the rows to score on, ``test`` or ``train``."""
        found: NDArray[np.int64] = getattr(self, side)
        return found

    def to_predict(self, side: str) -> pl.DataFrame:
        """Those rows, checked against the fit's."""
        found: pl.DataFrame = self.seen._new_rows(_taken(self.x, self.rows(side)))
        return found


def folds_of(search: Any, x: Any, y: Any, groups: Any, weight: Any) -> list[Fold]:
    """The folds of a search with scikit-learn's manners.

    Raises:
        InputError: the rows can't be learnt from.
        ValueError: as from scikit-learn's splitter.
    """
    cv = check_cv(search.cv, y, classifier=is_classifier(search.estimator))
    folds = []
    for train, test in cv.split(x, y, groups):
        # The rows of a fit are the same whatever the candidate's options.
        seen = clone(search.estimator)
        rows, target, labels = seen._problem(_taken(x, train), _taken(y, train))
        frame = seen._rows_of_fit(rows, target, None if weight is None else weight[train])
        folds.append(Fold(train, test, x, y, weight, seen, frame, labels))
    return folds


def evaluated(
    search: Any, candidates: Sequence[Params], folds: Sequence[Fold], scorers: Any
) -> list[dict[str, Any]]:
    """For each candidate and fold what scikit-learn's ``_fit_and_score`` gives.

    scikit-learn's own scorers are asked by the processes that train; another may use threads, of which a forked
    process knows nothing, and is asked by this one.
    """
    estimators = [clone(search.estimator).set_params(**clone(params, safe=False)) for params in candidates]
    recipes, errors = _recipes(search, estimators, folds)
    places = list(recipes)
    sides = ("test", "train")[: 1 + search.return_train_score]

    scorings = [[_scoring(search, fold, side, scorers) for side in sides] for fold in folds]
    names = getattr(scorers, "_scorers", None)

    def scores(number: int, model: Model, outputs: Outputs) -> dict[str, Any]:
        candidate, k = places[number]
        estimator, found = _as_fitted(estimators[candidate], model, folds[k]), {}
        for side, scoring, own in zip(sides, scorings[k], outputs, strict=True):
            began = time.perf_counter()
            answer_with(estimator, own)
            found[f"{side}_scores"] = score(scoring, estimator, names, search.error_score)
            found.setdefault("score_time", time.perf_counter() - began)
        return found

    there = are_scikit_learns(scorers, search.estimator)
    questions = Questions(
        [[fold.to_predict(side) for side in sides] for fold in folds],
        scores if there else lambda number, model, outputs: outputs,
    )
    frames, workers = [fold.frame for fold in folds], search.n_jobs or device.cores()
    fits = fit_stacked(frames, [(place[1], recipe) for place, recipe in recipes.items()], workers, questions)
    cells: dict[Place, dict[str, Any]] = {}
    for number, (place, fit) in enumerate(zip(places, fits, strict=True)):
        with _kept(errors, place, search.error_score):
            model = fit.model
            said = fit.said if there else scores(number, model, fit.said)
            said |= {f"{side}_scores": settled(said[f"{side}_scores"], search.error_score) for side in sides}
            rows = len(folds[place[1]].test)
            cells[place] = {"fit_error": None, "n_test_samples": rows, "fit_time": fit.seconds, **said}
    for place, error in errors.items():
        cells[place] = failed(error, scorers, search, len(folds[place[1]].test))
    return [cells[number, k] for number in range(len(candidates)) for k in range(len(folds))]


def _recipes(
    search: Any, estimators: Sequence[Any], folds: Sequence[Fold]
) -> tuple[dict[Place, Recipe], Errors]:
    """The fits' recipes, and the errors of those that can't be had."""
    task = "classification" if is_classifier(search.estimator) else "regression"
    wanted: dict[Place, Recipe] = {}
    known: dict[int, Recipe] = {}
    errors: Errors = {}
    for number, k in product(range(len(estimators)), range(len(folds))):
        estimator = estimators[number]
        with _kept(errors, (number, k), search.error_score):
            recipe = known.get(number) or estimator._recipe_for(task, folds[k].weight)
            wanted[number, k] = recipe
            # Without a number for a seed each fit draws its own.
            if isinstance(estimator.random_state, int):
                known[number] = recipe
    return wanted, errors


def _scoring(search: Any, fold: Fold, side: str, scorers: Any) -> Callable[[Any], Any]:
    """The scorers on some rows, weighted where there are weights and the scorers take them."""
    rows = fold.rows(side)
    x, truth = _taken(fold.x, rows), _taken(fold.y, rows)
    if fold.weight is None or not search._check_scorers_accept_sample_weight():
        return lambda estimator: scorers(estimator, x, truth)
    weight = fold.weight[rows]
    return lambda estimator: scorers(estimator, x, truth, sample_weight=weight)


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


def _as_fitted(estimator: Any, model: Model, fold: Fold) -> Any:
    """The candidate as if it had been fitted on the fold's rows."""
    own = copy.copy(estimator)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(fold.seen, name):
            setattr(own, name, getattr(fold.seen, name))
    return own._adopt(model, fold.labels)
