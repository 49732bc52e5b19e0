"""What scorers say of candidates whose predictions are known, and what stands for a score that can't be had."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer

from retemper.core.errors import InputError


def answer_with(estimator: Any, outputs: NDArray[np.float64]) -> None:
    """A scorer asks for predictions of rows for which the outputs are known already."""

    def answer(X: Any) -> NDArray[np.float64]:
        return outputs

    answer.__name__ = "predict_proba" if is_classifier(estimator) else "predict"  # scorers tell methods by it
    setattr(estimator, answer.__name__, answer)


def are_scikit_learns(scorers: Any, estimator: Any) -> bool:
    """Whether a scorer, or all of several, are scikit-learn's own: these start no threads."""
    if isinstance(scorers, _MultimetricScorer):
        return all(are_scikit_learns(each, estimator) for each in scorers._scorers.values())
    if isinstance(scorers, _PassthroughScorer):
        return type(estimator).score in (ClassifierMixin.score, RegressorMixin.score)
    return isinstance(scorers, _BaseScorer) and scorers._score_func.__module__.startswith("sklearn.")


def score(score: Callable[[Any], Any], estimator: Any, names: Any, error_score: Any) -> Any:
    """A score, or several by name; of one that can't be had the reason."""
    try:
        return score(estimator)
    except Exception as error:
        if error_score == "raise":
            raise
        return str(error) if names is None else dict.fromkeys(names, str(error))


def settled(found: Any, error_score: Any) -> Any:
    """The score, or several by name; one that could not be had is ``error_score``, and is told."""
    if not isinstance(found, dict):
        return _number(found, error_score)
    return {name: _number(each, error_score) for name, each in found.items()}


def _number(score: Any, error_score: Any) -> Any:
    if not isinstance(score, str):
        return score
    reason = (score.strip().splitlines() or [""])[-1]  # of a traceback, as scikit-learn gives it
    warnings.warn(f"Scoring failed; the score is set to {error_score}. {reason}", UserWarning, stacklevel=2)
    return error_score


def failed(error: InputError, scorers: Any, search: Any, rows: int) -> dict[str, Any]:
    names = getattr(scorers, "_scorers", None)
    score = search.error_score if names is None else dict.fromkeys(names, search.error_score)
    cell = {"fit_error": str(error), "n_test_samples": rows, "fit_time": 0.0, "score_time": 0.0}
    sides = ("test", "train") if search.return_train_score else ("test",)
    return cell | {f"{side}_scores": score for side in sides}
