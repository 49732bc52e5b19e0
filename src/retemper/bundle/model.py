"""A trained model: rows in, predictions out. It holds its own preparer, so it can't prepare differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.core.records import Task
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import Schema
from retemper.data.target import Target
from retemper.models.layers.build import network_of
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.network import Network
from retemper.training import losses
from retemper.training.loss import Loss
from retemper.training.plan import Rows, predict
from retemper.training.stack import Layout

CHUNK_ROWS = 65_536


@dataclass(frozen=True)
class Part:
    """One network of the model: its architecture, its parameters [P], its weight in the mean."""

    model: dict[str, Any]
    row: Tensor
    weight: float


@dataclass(frozen=True)
class Model:
    """Networks whose weighted mean predicts, with all that prepares rows for them.

    Args:
        schema, preparer, target: of the training data.
        recipe: the recipe that the best network was trained by.
        parts: the networks, weights summing to 1.
        temperature: divides the log-probabilities; 1 for regression.
    """

    schema: Schema
    preparer: Preparer
    target_codec: Target
    recipe: Recipe
    parts: tuple[Part, ...]
    temperature: float = 1.0

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
        return InputShape(
            self.preparer.width, self.preparer.n_numbers, self.preparer.cardinalities, self.preparer.bins
        )

    @cached_property
    def _groups(self) -> list[tuple[Network, Tensor, Tensor]]:
        """Networks of one architecture together: (network, rows [M, P], weights [M])."""
        loss = self._loss
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
    def _loss(self) -> Loss:
        return losses.resolve(self.recipe.training.loss, self.task, len(self.classes))

    def outputs(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """Probabilities [N, C], or values [N] in the target's own units.

        Raises:
            InputError: a column is absent, or a cell can't be read as its column's kind.
        """
        parts = [
            self._mean(frame[start : start + CHUNK_ROWS]) for start in range(0, frame.height, CHUNK_ROWS)
        ]
        if not parts:
            return np.zeros((0, len(self.classes)) if self.classes else 0)
        return np.concatenate(parts)

    def _mean(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        inputs = self.preparer.transform(frame)
        rows = Rows.of(inputs.dense, inputs.categories, np.zeros(frame.height, dtype=np.int64))
        total: Any = 0.0
        for network, parameters, weights in self._groups:
            outputs = predict(network, parameters, rows, self._loss).double()
            total = total + torch.einsum("m,m...->...", weights, outputs)
        mean = total.numpy()
        if self.task == "regression":
            return self.target_codec.unscale(mean)
        if self.temperature == 1.0:
            return np.asarray(mean / mean.sum(1, keepdims=True))
        logs = np.log(np.clip(mean, 1e-30, None)) / self.temperature
        scaled = np.exp(logs - logs.max(1, keepdims=True))
        return np.asarray(scaled / scaled.sum(1, keepdims=True))

    def predict(self, data: Any) -> NDArray[Any]:
        """Labels (in the target's own type) or values, one for each row.

        Args:
            data: a path, a Polars or pandas frame, a NumPy array, a dict of columns.

        Raises:
            InputError: see :meth:`outputs`.
        """
        outputs = self.outputs(self._frame(data))
        return outputs if self.task == "regression" else self.target_codec.decode(outputs.argmax(1))

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

    def prediction_frame(self, data: Any) -> pl.DataFrame:
        """Column ``prediction``, and ``probability_<class>`` for each class."""
        outputs = self.outputs(self._frame(data))
        if self.task == "regression":
            return pl.DataFrame({"prediction": outputs})
        labels = self.target_codec.decode(outputs.argmax(1))
        columns = {f"probability_{name}": outputs[:, k] for k, name in enumerate(self.classes)}
        return pl.DataFrame({"prediction": labels, **columns})

    def save(self, path: Path | str) -> Path:
        """Write the bundle into a folder; see :mod:`retemper.bundle.save`."""
        from retemper.bundle.save import save

        return save(self, Path(path))

    @staticmethod
    def _frame(data: Any) -> pl.DataFrame:
        return data if isinstance(data, pl.DataFrame) else read(data).frame


def tensors_of(parts: Sequence[Part], shape: InputShape, outputs: int) -> dict[str, Tensor]:
    """All parts' parameters in their true shapes: ``network_<k>.<parameter>``."""
    found: dict[str, Tensor] = {}
    for k, part in enumerate(parts):
        layout = Layout(network_of(part.model, shape, outputs))
        found |= {f"network_{k}.{name}": tensor for name, tensor in layout.unpadded(part.row).items()}
    return found
