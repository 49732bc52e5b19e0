"""What a training needs to know, and what it leaves: plain frozen records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.core.recipe_sections import TrainingOptions
from retemper.models.layers.network import Network
from retemper.models.layers.parameter import ROW_LANE, padded
from retemper.training.anchor import Anchor
from retemper.training.copies_loss import CopiesLoss
from retemper.training.lesson import Lesson
from retemper.training.loss import Loss
from retemper.training.stack import Layout, Member


@dataclass(frozen=True)
class Rows:
    """Prepared rows as tensors, columns and rows padded to whole lanes with zeros.

    Args:
        x: [N, D] dense part.
        codes: [N, K] level codes, small integers (K may be 0).
        y: [N] class codes (int64) or scaled target.
        weight: [N] sample weights; 0 for padding rows.
        count: true rows; they come first.
        mapped: the arrays behind the tensors, where these are files whose pages can be given back.
    """

    x: Tensor
    codes: Tensor
    y: Tensor
    weight: Tensor
    count: int
    mapped: tuple[NDArray[Any], ...] = ()

    @classmethod
    def of(
        cls,
        dense: NDArray[np.floating[Any]],
        codes: NDArray[np.integer[Any]],
        y: NDArray[Any],
        weight: NDArray[np.floating[Any]] | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> Rows:
        """Rows from arrays: dense [N, D], codes [N, K], y [N], weight [N] (all 1 without)."""
        count, width = dense.shape
        stored = padded(count, ROW_LANE)
        x = torch.zeros((stored, padded(width)), dtype=dtype)
        x[:count, :width] = torch.from_numpy(dense)
        levels = torch.from_numpy(np.pad(codes, ((0, stored - count), (0, 0))))
        target = torch.zeros(stored, dtype=torch.int64 if y.dtype.kind in "iu" else dtype)
        target[:count] = torch.from_numpy(y).to(target.dtype)
        weights = torch.zeros(stored, dtype=dtype)
        weights[:count] = 1.0 if weight is None else torch.from_numpy(weight).to(dtype)
        return cls(x.to(device), levels.to(device), target.to(device), weights.to(device), count)

    def numbered(self) -> Rows:
        """The rows with their own numbers in the place of targets."""
        numbers = np.arange(len(self.y))
        mapped = (*self.mapped[:2], numbers, *self.mapped[3:]) if self.mapped else ()
        return replace(self, y=torch.from_numpy(numbers).to(self.y.device), mapped=mapped)


@dataclass(frozen=True)
class Plan:
    """One training of a stack.

    What begins with ``start`` below is for trainings that go on from what was learnt. It is held in memory alone:
    jobs and checkpoints don't know it, so such a plan is trained in the process that made it.

    Args:
        network: the members' shape.
        loss: resolved for the task.
        options: the recipe's ``training``; its rate and decay are the members' own instead.
        members: who trains.
        seed: the run's seed.
        train: rows to learn from.
        validation: rows to judge by; None: none, the last epoch counts.
        subsets: for each member the rows it may use; empty: all rows.
        own: for each member its own network, where it may be narrower than the one they share; empty: all share it.
        meets: how many of its rows each member meets in an epoch; empty: all as many as any fold leaves.
        held_out: [M, L] for each member the numbers of the validation rows that judge it, filled up with −1;
            None: all of them.
        versions: how often every row is among ``train``: once for each fold where what may be seen of it differs.
        output_bias: [outputs] start of the head's bias, or [M, outputs] where the members' rows differ; None: zeros.
        class_weight: [C]; None: none.
        epochs: passes over the rows, which the schedule is made for.
        until: end after so many of them; 0: after the last.
        rates: [steps, M] learning rates instead of rate × schedule (the learning-rate range).
        trivial_loss: loss of predicting the prior, for the record.
        start: [M, P] where the members begin, in the stack's layout; None: drawn.
        still: names of parameters that don't move: no step, no decay, no penalties.
        anchor: what holds the parameters that move.
        odds: [N] the odds of each training row to be met, or [M, N] the members' own; a member meets the rows of its
            subset in proportion to them, each as often as they say to within one, in batches dealt out at random.
            ``meets`` says how many in an epoch, which may be more than there are. None: each once.
        lesson: what a teacher says of the training rows; validation stays the plain loss.
    """

    network: Network
    loss: Loss
    options: TrainingOptions
    members: tuple[Member, ...]
    seed: int
    train: Rows
    validation: Rows | None
    epochs: int
    until: int = 0
    subsets: tuple[NDArray[np.int64], ...] = ()
    own: tuple[Network, ...] = ()
    meets: tuple[int, ...] = ()
    held_out: NDArray[np.int64] | None = None
    versions: int = 1
    output_bias: NDArray[np.float64] | None = None
    class_weight: NDArray[np.float64] | None = None
    rates: NDArray[np.float64] | None = None
    trivial_loss: float = float("nan")
    start: Tensor | None = None
    still: tuple[str, ...] = ()
    anchor: Anchor | None = None
    odds: NDArray[np.float64] | None = None
    lesson: Lesson | None = None

    @property
    def network_loss(self) -> Loss | CopiesLoss:
        """The loss of the network's outputs, copies included."""
        return loss_of(self.network, self.loss)

    @property
    def counts(self) -> tuple[int, ...]:
        """Rows each member meets in an epoch, whoever trains beside it."""
        return self.meets or (self._rows_per_epoch,) * len(self.members)

    @property
    def _rows_per_epoch(self) -> int:
        """As many as any fold leaves."""
        fewest = min((len(own) for own in self.subsets), default=self.train.count)
        if self.held_out is not None:
            return min(fewest, self.train.count // self.versions - int(self.held_out.shape[1]))
        return fewest

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimizer in an epoch."""
        return -(-self.counts[0] // self.options.batch_size)


@dataclass(frozen=True)
class Fit:
    """What one member became.

    Args:
        member: who.
        row: [P] its best parameters, in the stack's layout.
        best_epoch: where validation was best (the last epoch without validation).
        epochs: how many it trained.
        val_loss: the best validation loss; NaN without validation.
        history: rows for :func:`retemper.core.history.from_rows`.
    """

    member: Member
    row: Tensor
    best_epoch: int
    epochs: int
    val_loss: float
    history: list[dict[str, Any]] = field(default_factory=list)


def predict(
    network: Network, rows: Tensor, data: Rows, loss: Loss, index: NDArray[np.int64] | None = None
) -> Tensor:
    """Every member's activated outputs for the given rows.

    Args:
        network: the shape.
        rows: [M, P] parameters.
        data: the rows to predict.
        loss: gives the activation.
        index: [M, L] for each member the numbers of its rows (−1: none, anything comes out); None: all rows.

    Returns:
        [M, N, C] probabilities, or [M, N] values; N is L with an index.
    """
    parameters = Layout(network).views(rows)
    activate = loss_of(network, loss).activate
    count = data.count if index is None else index.shape[1]
    found, start = torch.empty(0), 0
    for outputs in outputs_in_chunks(network, parameters, data, index):
        said = activate(outputs)[:, : count - start]
        if not start:
            # All at once: parts that are joined in the end take the room twice, and of many classes that is much.
            found = said.new_empty((said.shape[0], count, *said.shape[2:]))
        found[:, start : start + said.shape[1]] = said
        start += said.shape[1]
    return found


def loss_of(network: Network, loss: Loss) -> Loss | CopiesLoss:
    """The loss for a network's outputs: its copies learn apart and predict together."""
    return CopiesLoss(loss, network.copies) if network.copies > 1 else loss


CHUNK_ROWS = 2048
"""Rows that are predicted at a time, whole lanes."""


def outputs_in_chunks(
    network: Network, parameters: Any, data: Rows, index: NDArray[np.int64] | None = None
) -> Iterator[Tensor]:
    """The outputs [M, ·, O] for the rows, or for each member's own, some thousand rows at a time.

    The chunks are whole lanes, so the last one may hold rows that only fill it up.
    """
    members = next(iter(parameters.values())).shape[0]
    chosen = None if index is None else _whole_lanes(index)
    total = len(data.x) if chosen is None else chosen.shape[1]
    with torch.no_grad():
        for start in range(0, total, CHUNK_ROWS):
            if chosen is None:
                x = data.x[start : start + CHUNK_ROWS].expand(members, -1, -1)
                codes = data.codes[start : start + CHUNK_ROWS].expand(members, -1, -1)
            else:
                own = chosen[:, start : start + CHUNK_ROWS].to(data.x.device)
                x, codes = data.x[own], data.codes[own]
            yield network.forward(parameters, x, codes)[0]


def _whole_lanes(index: NDArray[np.int64]) -> Tensor:
    """[M, L] with L filled up to whole lanes; what only fills up is row 0."""
    members, count = index.shape
    filled = np.zeros((members, padded(count, ROW_LANE)), dtype=np.int64)
    filled[:, :count] = np.maximum(index, 0)
    return torch.from_numpy(filled)
