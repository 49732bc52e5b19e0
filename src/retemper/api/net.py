"""What both estimators share: their options, as a recipe, and the checks of what they are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from retemper.bundle.model import Model
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe, build
from retemper.data.kinds import demanded_numbers
from retemper.data.read import read
from retemper.procedure.single import fit_single

PATIENCE_EPOCHS = 10


class Net(BaseEstimator):  # type: ignore[misc]
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
        activation: str = "silu",
        initialiser: str = "he",
        scaling: str = "robust",
        number_embedding: str = "piecewise_linear",
        recipe: Mapping[str, Any] | None = None,
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
            activation: relu, leaky_relu, silu, gelu or tanh.
            initialiser: he, xavier, orthogonal, random, or pytorch (every layer as ``nn.Linear`` begins).
            scaling: of numbers: robust, zscore, minmax, quantile or none.
            number_embedding: piecewise_linear (numbers coded over bins as well, which mostly gains much) or none (a
                plain network, several times as fast).
            recipe: any other option by its dotted path: ``{"training.clip_norm": 1.0}``.
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
        self.activation = activation
        self.initialiser = initialiser
        self.scaling = scaling
        self.number_embedding = number_embedding
        self.recipe = recipe

    def set_params(self, **params: Any) -> Self:
        """Set options by name; a dotted path (``training.optimizer.beta1``) goes into ``recipe``, beside what is there.

        So searches may vary every option of the recipe.

        >>> from retemper import NetClassifier
        >>> NetClassifier().set_params(**{"epochs": 3, "model.activation": "relu"}).recipe
        {'model.activation': 'relu'}
        """
        dotted = {name: value for name, value in params.items() if "." in name}
        super().set_params(**{name: value for name, value in params.items() if name not in dotted})
        if dotted:
            self.recipe = {**(self.recipe or {}), **dotted}
        return self

    def _recipe(self, task: str) -> Recipe:
        """The options as a recipe; all mistakes are reported at once."""
        given = {name: _plain(value) for name, value in self.get_params().items()}
        layers, state = _layers(given["hidden_units"]), given["random_state"]
        if not isinstance(given["early_stopping"], bool):
            raise _refused("early_stopping", "True or False", given["early_stopping"])
        return build(
            {
                "seed": state if isinstance(state, int) else int(check_random_state(state).randint(2**31)),
                "data": {"target": _TARGET, "task": task, "clean": False},
                "prepare": {"scaling": given["scaling"], "number_embedding": given["number_embedding"]},
                "model": {
                    "name": "mlp",
                    "widths": layers,
                    "activation": given["activation"],
                    "dropout": given["dropout"],
                },
                "training": {
                    "optimizer": {
                        "name": given["optimizer"],
                        "learning_rate": given["learning_rate"],
                        "weight_decay": given["weight_decay"],
                    },
                    "schedule": given["schedule"],
                    "initialiser": given["initialiser"],
                    "batch_size": given["batch_size"],
                    "epochs": given["epochs"],
                    "patience_epochs": PATIENCE_EPOCHS if given["early_stopping"] else 0,
                    "signals": False,
                },
            },
            {path: _plain(value) for path, value in (given["recipe"] or {}).items()},
        )

    def _fit_on(self, X: Any, y: NDArray[Any], task: str, sample_weight: Any) -> Model:
        frame = self._rows_of_fit(X, y, sample_weight)
        return fit_single(frame, self._recipe_for(task, sample_weight))

    def _recipe_for(self, task: str, sample_weight: Any) -> Recipe:
        recipe = self._recipe(task)
        return recipe if sample_weight is None else recipe.with_changes({"data.weight": _WEIGHT})

    def _rows_of_fit(self, X: Any, y: NDArray[Any], sample_weight: Any) -> pl.DataFrame:
        """The rows with their target, and their weights where there are any."""
        frame = self._frame(X)
        taken = {_TARGET, _WEIGHT} & set(frame.columns)
        if taken:
            message = f"The column name {min(taken)!r} is for retemper's own use."
            raise InputError("bad_name", message, {"column": min(taken)}, "Rename the column.")
        # Named by the rows that were given: the fit has an order of its own.
        for column in (pl.Series("y", y), *frame.iter_columns()):
            if column.dtype.is_numeric():
                demanded_numbers(column)
        frame = frame.with_columns(pl.Series(_TARGET, y))
        if sample_weight is None:
            return frame
        weight = _check_sample_weight(sample_weight, y.reshape(-1, 1), ensure_non_negative=True)
        return frame.with_columns(pl.Series(_WEIGHT, weight))

    def _new_rows(self, X: Any) -> pl.DataFrame:
        """Rows to predict, checked against those of the fit."""
        check_is_fitted(self)
        if _is_frame(X):
            validate_data(self, X, reset=False, skip_check_array=True)
            return self._frame(X)
        return self._frame(validate_data(self, X, reset=False, dtype=None, ensure_all_finite="allow-nan"))

    def _checked(self, X: Any, y: Any, numeric: bool) -> tuple[Any, NDArray[Any]]:
        """X and y of a fit: as many rows, at least one column, y one-dimensional and without gaps.

        Frames keep their types, arrays are taken as they are.
        """
        if not _is_frame(X):
            rows, target = validate_data(
                self, X, y, dtype=None, ensure_all_finite="allow-nan", y_numeric=numeric, ensure_min_samples=2
            )
            return rows, target
        validate_data(self, X, y, skip_check_array=True)
        dtype = np.float64 if numeric else None
        target = check_array(column_or_1d(y, warn=True), ensure_2d=False, dtype=dtype, input_name="y")
        check_consistent_length(X, target)
        return X, target

    def _frame(self, X: Any) -> pl.DataFrame:
        """Rows under the names of the fit: a frame may be fitted and an array predicted, as scikit-learn has it."""
        frame = read(X).frame
        if frame.width != self.n_features_in_:
            message = f"X must have {self.n_features_in_} columns, but has {frame.width}."
            raise InputError("bad_shape", message, None, "Give the columns of the fit.")
        frame.columns = [*getattr(self, "feature_names_in_", (f"x{k}" for k in range(frame.width)))]
        return frame

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


# Names that no table of a person has, beside columns whose names the person chose.
_TARGET = "__target__"
_WEIGHT = "__weight__"


class EstimatorInputError(InputError, ValueError):
    """An InputError that scikit-learn's tools know for what it is, a ValueError."""


@contextmanager
def as_value_errors() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise EstimatorInputError(error.code, error.message, error.where, error.hint) from error


def _is_frame(X: Any) -> bool:
    return isinstance(X, pl.DataFrame) or hasattr(X, "iloc")


def _layers(units: Any) -> list[int]:
    layers = units if isinstance(units, list) else [units]
    if not layers or not all(isinstance(one, int) and one > 0 for one in layers):
        raise _refused("hidden_units", "1 unit or more, or a tuple of such numbers, one a layer", units)
    return layers


def _refused(option: str, rule: str, given: Any) -> InputError:
    message = f"{option} must be {rule}, but got {given!r}."
    return InputError("bad_option", message, {"option": option}, "See the docstring of the estimator.")


def _plain(value: Any) -> Any:
    """NumPy's scalars, as a search over ``np.arange`` gives them, as Python's; tuples and arrays as lists."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value
