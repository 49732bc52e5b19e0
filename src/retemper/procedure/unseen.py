"""Questions to the model about rows that it judges itself by: each answered by networks that have not seen the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.bundle.model import Model
from retemper.core import interrupt
from retemper.data.dates import demanded
from retemper.evaluation.calibration import apply_temperature
from retemper.evaluation.held_out import HeldOut, Positions
from retemper.models.layers.build import network_of
from retemper.models.layers.network import Network
from retemper.procedure.book import State
from retemper.procedure.contenders import Bag
from retemper.procedure.prepare import weights
from retemper.procedure.test_once import model_of
from retemper.training import losses
from retemper.training.loss import Loss
from retemper.training.plan import Rows, predict

CHUNK_ROWS = 8_192


@dataclass(frozen=True)
class Unseen:
    """The model as it is for rows it has not seen; a :data:`retemper.evaluation.held_out.Predict`.

    With folds a row is answered by that network of each bag which held the row's fold out, else by all networks, none
    of which trained on a validation row.

    Args:
        state: where the bags come from, with preparation, folds and temperature.
        bags: that are averaged, with weights; these need not sum to 1.
    """

    state: State
    bags: Sequence[tuple[Bag, float]]

    def __call__(self, cells: pl.DataFrame, positions: Positions) -> NDArray[np.float64]:
        """Outputs for cells of the rows at these positions (see :func:`held_out_rows`)."""
        interrupt.check()
        starts = range(0, cells.height, CHUNK_ROWS)
        means = [self._mean(cells[at : at + CHUNK_ROWS], positions[at : at + CHUNK_ROWS]) for at in starts]
        mean = np.concatenate(means) / sum(weight for _, weight in self.bags)
        if self.state.task == "regression":
            return self.state.ready[1].unscale(mean)
        logs = np.log(np.clip(mean, 1e-30, None))
        return np.asarray(apply_temperature(logs, self.state.temperature))

    @cached_property
    def _model(self) -> Model:
        return model_of(self.state)

    @cached_property
    def _stacks(self) -> list[tuple[Network, Tensor]]:
        """Each bag's architecture and parameters [M, P]."""
        classes = len(self.state.schema.classes)
        outputs = self._loss.n_outputs(classes)
        return [
            (
                network_of(bag.networks[0].model, self._model.shape, outputs),
                torch.stack([network.fit.row for network in bag.networks]),
            )
            for bag, _ in self.bags
        ]

    @cached_property
    def _loss(self) -> Loss:
        return losses.resolve(
            self.state.recipe.training.loss, self.state.task, len(self.state.schema.classes)
        )

    def _mean(self, cells: pl.DataFrame, positions: Positions) -> NDArray[np.float64]:
        """The weighted sum of what the bags say, in the network's own units."""
        inputs = self._model.preparer.transform(cells)
        rows = Rows.of(inputs.dense, inputs.categories, np.zeros(cells.height, dtype=np.int64))
        classes = len(self.state.schema.classes)
        total = np.zeros((cells.height, classes) if classes else cells.height)
        for (bag, weight), (network, parameters) in zip(self.bags, self._stacks, strict=True):
            asked = self._asked(bag, positions)
            if asked is None:
                total += weight * predict(network, parameters, rows, self._loss).double().mean(0).numpy()
                continue
            said = predict(network, parameters, rows, self._loss, asked).double().numpy()
            for own, answers in zip(asked, said, strict=True):
                total[own[own >= 0]] += weight * answers[own >= 0]
        return total

    def _asked(self, bag: Bag, positions: Positions) -> NDArray[np.int64] | None:
        """The rows that each network of the bag may answer for [M, L], filled up with −1; None: all."""
        folds = self.state.folds
        if folds is None:
            return None
        count = int(folds.max()) + 1
        repeat = bag.networks[0].member.held_out // count
        fold = folds[repeat][positions]
        own = [np.flatnonzero(fold == network.member.held_out % count) for network in bag.networks]
        asked = np.full((len(own), max(1, *map(len, own))), -1, dtype=np.int64)
        for k, rows in enumerate(own):
            asked[k, : len(rows)] = rows
        return asked


def held_out_rows(state: State) -> tuple[HeldOut, NDArray[np.int64]]:
    """The rows that judge, ready to be asked about, and their numbers in the table (from 0).

    With folds these are the training and the validation rows, in this order; without, the validation rows.
    """
    schema, splits = state.schema, state.splits
    rows = splits.validation
    if state.folds is not None:
        rows = np.concatenate([splits.train, splits.validation])
    frame = state.table.frame[rows]
    kinds = {column.name: column.kind for column in schema.features()}
    dates = [demanded(frame[name]).alias(name) for name, kind in kinds.items() if kind == "datetime"]
    held = HeldOut(
        frame=frame.with_columns(dates),
        y=state.ready[1].encode(frame[state.ready[1].name]),
        task=state.task,
        predict=Unseen(state, state.chosen),
        kinds=kinds,
        members=tuple((Unseen(state, ((bag, 1.0),)), weight) for bag, weight in state.chosen),
        weight=weights(schema, frame).astype(np.float64) if schema.weight else None,
        group=frame[schema.group].rank("dense").to_numpy().astype(np.int64) if schema.group else None,
    )
    return held, rows
