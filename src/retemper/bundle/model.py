"""A trained model: rows in, predictions out. It holds its own preparer, so it can't prepare differently."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.bundle.chunks import by_chunk
from retemper.bundle.memory.record import Memory
from retemper.bundle.parts import Part, tensors_of
from retemper.bundle.save import save
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.core.records import Task
from retemper.data.inputs import Inputs
from retemper.data.prepare import Preparer
from retemper.data.rewritten import read_for
from retemper.data.schema import Schema
from retemper.data.target import Target
from retemper.evaluation.conformal import prediction_sets
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import features_of
from retemper.models.layers.build import network_of
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.network import Network
from retemper.training import losses
from retemper.training.loss import Loss
from retemper.training.plan import Rows, predict


def shape_of(preparer: Preparer) -> InputShape:
    """What the rows that a preparer gives look like to a network."""
    return InputShape(
        width=preparer.width,
        n_numbers=preparer.n_numbers,
        cardinalities=preparer.cardinalities,
        bins=preparer.bins,
        groups=preparer.groups,
        gaps=preparer.gaps,
        one_hot=preparer.one_hot,
        late=preparer.late,
    )


@dataclass(frozen=True)
class Model:
    """Networks whose weighted mean predicts, with all that prepares rows for them.

    Args:
        schema, preparer, target: of the training data.
        recipe: the recipe that the best network was trained by.
        parts: the networks, weights summing to 1.
        temperature: divides the log-probabilities; 1 for regression.
        decision: threshold, prediction sets and intervals.
        memory: what retraining needs to know of the training; None: nothing is remembered.

    >>> from retemper import NetClassifier
    >>> x = np.linspace(-1, 1, 80)[:, None]
    >>> network = NetClassifier(hidden_units=8, learning_rate=0.03, epochs=20, random_state=0)
    >>> model = network.fit(x, np.where(x[:, 0] > 0, "yes", "no")).model_
    >>> model.classes, model.predict(np.array([[-0.9], [0.9]])).tolist()
    (('no', 'yes'), ['no', 'yes'])
    >>> model.predict_proba(x[:5]).shape, model.prediction_frame(x).columns
    ((5, 2), ['prediction', 'probability_no', 'probability_yes'])
    """

    schema: Schema
    preparer: Preparer
    target_codec: Target
    recipe: Recipe
    parts: tuple[Part, ...]
    temperature: float = 1.0
    decision: Decision = field(default_factory=Decision)
    memory: Memory | None = None

    @property
    def task(self) -> Task:
        """Classification or regression."""
        return self.target_codec.task

    @property
    def target(self) -> str:
        """Name of the target's column."""
        return self.target_codec.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes as text, in the order of the probabilities; empty for regression."""
        return self.target_codec.classes

    @property
    def shape(self) -> InputShape:
        """Of prepared rows."""
        return shape_of(self.preparer)

    @cached_property
    def _groups(self) -> list[tuple[Network, Tensor, Tensor]]:
        """Networks of one architecture together: (network, rows [M, P], weights [M])."""
        loss = self.loss
        groups: dict[str, list[Part]] = {}
        for part in self.parts:
            groups.setdefault(repr(sorted(part.model.items())), []).append(part)
        found = []
        for parts in groups.values():
            network = network_of(parts[0].model, self.shape, loss.n_outputs(len(self.classes)))
            weights = torch.tensor([part.weight for part in parts], dtype=torch.float64)
            found.append((network, torch.stack([part.row for part in parts]), weights))
        return found

    @property
    def loss(self) -> Loss:
        """The loss it was trained by, which gives the outputs' activation."""
        return losses.resolve(self.recipe.training.loss, self.task, len(self.classes))

    def outputs(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """Probabilities [N, C], or values [N] in the target's own units.

        Raises:
            InputError: a column is absent, or a cell can't be read as its column's kind.
        """
        return np.concatenate(by_chunk(frame, lambda rows: self._outputs(self.preparer.transform(rows))))

    def _outputs(self, inputs: Inputs) -> NDArray[np.float64]:
        return self.in_units(self._votes(inputs)[0])

    def in_units(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """The networks' mean as the model's outputs: probabilities that sum to 1, values in the target's own units."""
        if self.task == "regression":
            return self.target_codec.unscale(mean)
        if self.temperature == 1.0:
            return np.asarray(mean / mean.sum(1, keepdims=True))
        logs = np.log(np.clip(mean, 1e-30, None)) / self.temperature
        scaled = np.exp(logs - logs.max(1, keepdims=True))
        return np.asarray(scaled / scaled.sum(1, keepdims=True))

    def _votes(self, inputs: Inputs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The networks' weighted mean, and their standard deviation around it, in the network's own units."""
        if not len(inputs.dense):
            return (np.zeros((0, len(self.classes)) if self.classes else 0),) * 2
        rows = Rows.of(inputs.dense, inputs.categories, np.zeros(len(inputs.dense), dtype=np.int64))
        total: Any = 0.0
        squares: Any = 0.0
        for network, parameters, weights in self._groups:
            outputs = predict(network, parameters, rows, self.loss).double()
            total = total + torch.einsum("m,m...->...", weights, outputs)
            squares = squares + torch.einsum("m,m...->...", weights, outputs**2)
        return total.numpy(), (squares - total**2).clamp_(min=0).sqrt_().numpy()

    def predict(self, data: Any) -> NDArray[Any]:
        """Labels (in the target's own type) or values, one for each row.

        Args:
            data: a path, a Polars or pandas frame, a NumPy array, a dict of columns.

        Raises:
            InputError: see :meth:`outputs`.
        """
        outputs = self.outputs(self._frame(data))
        if self.task == "regression":
            return outputs
        return self.target_codec.decode(self.decision.codes(outputs))

    def predict_proba(self, data: Any) -> NDArray[np.float64]:
        """Probabilities [N, C] in the order of ``classes``.

        Raises:
            InputError: the model is a regression, or see :meth:`outputs`.
        """
        if self.task == "regression":
            raise InputError(
                "no_probabilities", "A regression model has no probabilities.", None, "Call predict instead."
            )
        return self.outputs(self._frame(data))

    def predict_interval(self, data: Any, coverage: float | None = None) -> NDArray[np.float64]:
        """Prediction intervals [N, 2] (conformal): the truth of a new row lies inside with this probability.

        Args:
            data: as for :meth:`predict`.
            coverage: between 0 and 1; ``None``: the recipe's ``decision.interval``.

        Raises:
            InputError: the model has no intervals (a classification, or too few held-out rows for this coverage),
                or see :meth:`outputs`.
        """
        if self.decision.intervals is None:
            raise _no_intervals(self.task)
        return self._with_interval(self._frame(data), coverage)[1]

    def predict_set(self, data: Any, coverage: float | None = None) -> list[list[Any]]:
        """Prediction sets (conformal): labels that hold the true one with this probability, likeliest first.

        Args:
            data, coverage: as for :meth:`predict_interval`.

        Raises:
            InputError: the model has no sets (a regression, or too few held-out rows), or see :meth:`outputs`.
        """
        return self._sets(self.outputs(self._frame(data)), coverage)

    def _with_interval(
        self, frame: pl.DataFrame, coverage: float | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values [N] and their intervals [N, 2]."""
        intervals = self.decision.intervals
        assert intervals is not None
        wanted = self.decision.coverage if coverage is None else coverage

        def work(rows: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            inputs = self.preparer.transform(rows)
            mean, spread = self._votes(inputs)
            values = self.target_codec.unscale(mean)
            return values, intervals(
                values, features_of(self.preparer.encoded(inputs), values, spread), wanted
            )

        values, ends = zip(*by_chunk(frame, work), strict=True)
        return np.concatenate(values), np.concatenate(ends)

    def _sets(self, probabilities: NDArray[np.float64], coverage: float | None) -> list[list[Any]]:
        if self.decision.sets is None:
            raise _no_intervals(self.task)
        wanted = self.decision.coverage if coverage is None else coverage
        inside = prediction_sets(probabilities, self.decision.sets, wanted)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        labels = self.target_codec.labels
        return [
            [labels[k] for k in ranked if own[k]] for own, ranked in zip(inside, order.tolist(), strict=True)
        ]

    def prediction_frame(self, data: Any, interval: float | None = None) -> pl.DataFrame:
        """Column ``prediction``, and ``probability_<class>`` for each class.

        Args:
            data: as for :meth:`predict`.
            interval: coverage of a prediction interval (``prediction_low``, ``prediction_high``), or of a set of
                classes (``prediction_set``, a list); ``None``: without.

        Raises:
            InputError: see :meth:`predict_interval`.
        """
        frame = self._frame(data)
        if self.task == "regression":
            if interval is None:
                return pl.DataFrame({"prediction": self.outputs(frame)})
            if self.decision.intervals is None:
                raise _no_intervals(self.task)
            values, ends = self._with_interval(frame, interval)
            low, high = ends.T
            return pl.DataFrame({"prediction": values, "prediction_low": low, "prediction_high": high})
        outputs = self.outputs(frame)
        labels = self.target_codec.decode(self.decision.codes(outputs))
        columns: dict[str, Any] = {
            f"probability_{name}": outputs[:, k] for k, name in enumerate(self.classes)
        }
        if interval is not None:
            columns["prediction_set"] = self._sets(outputs, interval)
        return pl.DataFrame({"prediction": labels, **columns})

    def save(self, path: Path | str) -> Path:
        """Write the bundle into a folder; see :func:`retemper.bundle.save.save`."""
        outputs = self.loss.n_outputs(len(self.classes))
        files = None if self.memory is None else self.memory.files()
        return save(self.facts(), tensors_of(self.parts, self.shape, outputs), Path(path), files)

    def facts(self) -> dict[str, Any]:
        """All but the weights as plain data; :func:`retemper.bundle.load.load` is the way back."""
        return {
            "task": self.task,
            "columns": self.schema.to_json(),
            "preparer": self.preparer.to_json(),
            "target": self.target_codec.to_json(),
            "recipe": self.recipe.model_dump(mode="json"),
            "networks": [{"model": part.model, "weight": part.weight} for part in self.parts],
            "temperature": self.temperature,
            "decision": self.decision.to_json(),
            "memory": None if self.memory is None else self.memory.to_json(),
        }

    def _frame(self, data: Any) -> pl.DataFrame:
        return data if isinstance(data, pl.DataFrame) else read_for(data, self.schema).frame


def _no_intervals(task: Task) -> InputError:
    what = "prediction intervals" if task == "regression" else "prediction sets"
    message = f"This {task} model has no {what}: it was trained without held-out rows enough to learn them."
    return InputError("no_intervals", message, None, "Train again with more rows (split.validation).")
