"""One network with scikit-learn's manners: fit, predict, predict_proba, clone, pipelines, cross-validation.

The estimators train a single network from a fixed recipe, without the procedure of :func:`retemper.train`;
the preparation (scaling, encodings, missing and unknown levels) is the same.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from retemper.core.recipe import Recipe, build
from retemper.data.read import read
from retemper.procedure.single import fit_single

PATIENCE_EPOCHS = 10


class _Net(BaseEstimator):  # type: ignore[misc]
    """The options and the input checks that both estimators share."""

    def __init__(
        self,
        hidden_units: int | tuple[int, ...] = 64,
        learning_rate: float = 1e-3,
        batch_size: int = 64,
        epochs: int = 50,
        optimizer: str = "adamw",
        weight_decay: float = 0.01,
        dropout: float = 0.0,
        schedule: str = "cosine",
        early_stopping: bool = True,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        """The options of one network; they are checked by ``fit``.

        Args:
            hidden_units: units of the hidden layer, or a tuple with one number a layer.
            learning_rate: base rate of the optimizer, above 0; the schedule multiplies it.
            batch_size: rows a step.
            epochs: upper bound of passes over the training rows.
            optimizer: sgd, momentum, nesterov, rmsprop, adam or adamw.
            weight_decay: λ of the decoupled decay w ← (1 − rate·λ)·w, 0 or more.
            dropout: share of hidden units dropped in training, in [0, 1).
            schedule: constant, step, exponential, linear, cosine, inverse_square_root, one_cycle, cyclic or
                on_plateau.
            early_stopping: hold rows out, stop after 10 epochs without gain there, keep the best weights.
            random_state: seed of every random choice; None: another one at each fit.
        """
        # scikit-learn's clone and set_params need each argument as an attribute of its name, unchanged.
        self.hidden_units = hidden_units
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.schedule = schedule
        self.early_stopping = early_stopping
        self.random_state = random_state

    def _recipe(self, task: str) -> Recipe:
        """The options as a recipe; all mistakes are reported at once."""
        units = self.hidden_units
        layers = [int(units)] if np.isscalar(units) else [int(u) for u in units]  # type: ignore[union-attr,arg-type]
        state = self.random_state
        seed = state if isinstance(state, (int, np.integer)) else check_random_state(state).randint(2**31)
        return build(
            {
                "seed": int(seed),
                "data": {"target": _TARGET, "task": task, "clean": False},
                "model": {"name": "mlp", "widths": layers, "dropout": self.dropout},
                "training": {
                    "optimizer": {
                        "name": self.optimizer,
                        "learning_rate": self.learning_rate,
                        "weight_decay": self.weight_decay,
                    },
                    "schedule": self.schedule,
                    "batch_size": self.batch_size,
                    "epochs": self.epochs,
                    "patience_epochs": PATIENCE_EPOCHS if self.early_stopping else 0,
                },
            }
        )

    def _frame(self, x: Any, reset: bool) -> pl.DataFrame:
        """Rows as a frame with the columns of the training; pandas and Polars frames keep their types."""
        if hasattr(x, "columns"):
            validate_data(self, x, reset=reset, skip_check_array=True)
            return read(x).frame
        array = validate_data(self, x, reset=reset, dtype=None, ensure_all_finite="allow-nan")
        return read(np.asarray(array)).frame

    def _fit_on(self, frame: pl.DataFrame, y: NDArray[Any], task: str, sample_weight: Any) -> None:
        recipe = self._recipe(task)
        rows = frame.with_columns(pl.Series(_TARGET, y))
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, y.reshape(-1, 1), ensure_non_negative=True)
            rows = rows.with_columns(pl.Series(_WEIGHT, weight))
            recipe = recipe.with_changes({"data.weight": _WEIGHT})
        self.model_ = fit_single(rows, recipe)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = False
        return tags


# Names that no table of a person has, beside columns whose names the person chose.
_TARGET = "__target__"
_WEIGHT = "__weight__"


class NetClassifier(ClassifierMixin, _Net):  # type: ignore[misc]
    """A neural network that tells classes apart; its options are those of ``__init__``.

    Attributes: ``classes_`` (the labels, sorted), ``n_features_in_``, ``feature_names_in_`` (for frames),
    ``model_`` (the bundle's model).

    >>> from sklearn.datasets import make_moons
    >>> x, y = make_moons(300, noise=0.1, random_state=0)
    >>> bool(NetClassifier(epochs=30, learning_rate=0.01).fit(x, y).score(x, y) > 0.8)
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X and labels y.

        Args:
            X: array [rows, features] or a pandas or Polars frame; text and missing cells are fine.
            y: labels [rows].
            sample_weight: weights [rows], 0 or more.

        Raises:
            InputError: an option is wrong, or the data can't be trained on.
        """
        frame = self._frame(X, reset=True)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._fit_on(frame, codes.astype(np.int64), "classification", sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each row."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities [rows, classes], in the order of ``classes_``."""
        check_is_fitted(self)
        found = self.model_.predict_proba(self._frame(X, reset=False))
        order = np.argsort([int(name) for name in self.model_.classes])
        return np.asarray(found, dtype=np.float64)[:, order]


class NetRegressor(RegressorMixin, _Net):  # type: ignore[misc]
    """A neural network that predicts a number; its options are those of ``__init__``.

    Attributes: ``n_features_in_``, ``feature_names_in_`` (for frames), ``model_`` (the bundle's model).

    >>> x = np.linspace(-2, 2, 300).reshape(-1, 1)
    >>> bool(NetRegressor(epochs=60, learning_rate=0.01).fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2) > 0.8)
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X and numbers y.

        Args:
            X: array [rows, features] or a pandas or Polars frame; text and missing cells are fine.
            y: numbers [rows].
            sample_weight: weights [rows], 0 or more.

        Raises:
            InputError: an option is wrong, or the data can't be trained on.
        """
        frame = self._frame(X, reset=True)
        numbers = np.asarray(column_or_1d(y, warn=True), dtype=np.float64)
        self._fit_on(frame, numbers, "regression", sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The predicted number of each row."""
        check_is_fitted(self)
        return np.asarray(self.model_.predict(self._frame(X, reset=False)), dtype=np.float64)
