"""One network with scikit-learn's manners: fit, predict, predict_proba, clone, pipelines, cross-validation.

The estimators train a single network from a fixed recipe, without the procedure of :func:`retemper.train`;
the preparation (scaling, encodings, missing and unknown levels) is the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets

from retemper.api.net import Net, as_value_errors
from retemper.bundle.model import Model


class NetClassifier(ClassifierMixin, Net):  # type: ignore[misc]
    """A neural network that tells classes apart; its options are those of ``__init__``.

    Attributes: ``classes_`` (the labels, sorted), ``n_features_in_``, ``feature_names_in_`` (for frames),
    ``model_`` (the bundle's model).

    >>> from sklearn.datasets import make_moons
    >>> x, y = make_moons(300, noise=0.1, random_state=0)
    >>> bool(NetClassifier(epochs=30, learning_rate=0.01).fit(x, y).score(x, y) > 0.8)
    True
    """

    @as_value_errors()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X and labels y.

        Args:
            X: array [rows, features] or a pandas or Polars frame; text and missing cells are fine.
            y: labels [rows].
            sample_weight: weights [rows], 0 or more.

        Raises:
            InputError: an option is wrong, or the data can't be trained on.
        """
        rows, codes, labels = self._problem(X, y)
        return self._adopt(self._fit_on(rows, codes, "classification", sample_weight), labels)

    def _problem(self, X: Any, y: Any) -> tuple[Any, NDArray[Any], NDArray[Any]]:
        """Checked rows, their targets as the network learns them, and the labels."""
        rows, target = self._checked(X, y, numeric=False)
        check_classification_targets(target)
        labels, codes = np.unique(target, return_inverse=True)
        return rows, codes.astype(np.int64), labels

    def _adopt(self, model: Model, labels: NDArray[Any]) -> Self:
        # A class whose rows all weigh 0 is none.
        self.classes_ = labels[[int(code) for code in model.classes]]
        own = tuple(self.classes_.tolist())
        self.model_ = replace(
            model,
            schema=replace(model.schema, classes=tuple(map(str, own))),
            target_codec=replace(model.target_codec, labels=own),
        )
        return self

    @as_value_errors()
    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each row."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    @as_value_errors()
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities [rows, classes], in the order of ``classes_``."""
        rows = self._new_rows(X)
        return self.model_.predict_proba(rows)


class NetRegressor(RegressorMixin, Net):  # type: ignore[misc]
    """A neural network that predicts a number; its options are those of ``__init__``.

    Attributes: ``n_features_in_``, ``feature_names_in_`` (for frames), ``model_`` (the bundle's model).

    >>> x = np.linspace(-2, 2, 300).reshape(-1, 1)
    >>> bool(NetRegressor(epochs=60, learning_rate=0.01).fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2) > 0.8)
    True
    """

    @as_value_errors()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X and numbers y.

        Args:
            X: array [rows, features] or a pandas or Polars frame; text and missing cells are fine.
            y: numbers [rows].
            sample_weight: weights [rows], 0 or more.

        Raises:
            InputError: an option is wrong, or the data can't be trained on.
        """
        rows, target, labels = self._problem(X, y)
        return self._adopt(self._fit_on(rows, target, "regression", sample_weight), labels)

    def _problem(self, X: Any, y: Any) -> tuple[Any, NDArray[Any], NDArray[Any]]:
        """Checked rows, their targets as the network learns them, and no labels."""
        rows, target = self._checked(X, y, numeric=True)
        return rows, target.astype(np.float64), np.zeros(0)

    def _adopt(self, model: Model, labels: NDArray[Any]) -> Self:
        self.model_ = model
        return self

    @as_value_errors()
    def predict(self, X: Any) -> NDArray[np.float64]:
        """The predicted number of each row."""
        rows = self._new_rows(X)
        return self.model_.predict(rows)
