"""The batches of an epoch, looked up for some steps ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.training.draws import BatchOrders
from retemper.training.loss import shares
from retemper.training.pages import at_hand
from retemper.training.plan import Rows

AHEAD_ROWS = 1 << 18
"""Rows are looked up for so many ahead: for all steps of an epoch their targets and weights would fill memory."""


@dataclass(frozen=True)
class Batch:
    """The rows of one step, each member's own.

    Args:
        data: where the rows are.
        places: [M, B] their numbers there.
        target: [M, B] class codes or scaled values.
        share: [M, B] what each row's loss counts in its member's mean; 0 for rows that only fill the batch up.
    """

    data: Rows
    places: Tensor
    target: Tensor
    share: Tensor

    def inputs(self) -> tuple[Tensor, Tensor]:
        """The rows' dense part [M, B, D] and codes [M, B, K]."""
        shape, rows, codes = self.places.shape, self.places.reshape(-1), self.data.codes
        x = self.data.x.index_select(0, rows).view(*shape, -1)
        if not codes.shape[1]:
            return x, codes.new_empty((*shape, 0))
        return x, codes.index_select(0, rows).view(*shape, -1)

    def cut(self, parts: Sequence[slice]) -> Sequence[Batch]:
        """The batch in parts of its rows; their gradients add up to its own."""
        if len(parts) == 1:
            return (self,)
        of_rows = (self.places, self.target, self.share)
        return [Batch(self.data, *(values[:, part] for values in of_rows)) for part in parts]


def batches(rows: Rows, orders: BatchOrders, class_weight: Tensor | None) -> Iterator[Batch]:
    """The epoch's batches, one after another.

    Args:
        rows: that the orders number.
        orders: of the epoch.
        class_weight: [C], or None.
    """
    ahead = max(1, AHEAD_ROWS // (orders.members * orders.batch_rows))
    for start in range(0, len(orders), ahead):
        yield from _looked_up(rows, orders, slice(start, start + ahead), class_weight)


def _looked_up(rows: Rows, orders: BatchOrders, steps: slice, class_weight: Tensor | None) -> Iterator[Batch]:
    order, inside = orders[steps]
    data, places = at_hand(rows, order.long())
    target = data.y[places]
    share = shares(target, data.weight[places] * inside.to(data.weight), class_weight)
    looked_up = [places, target, share]
    if places.shape[1] < orders.members:
        of_member = torch.tensor(orders.of_member, device=places.device)
        looked_up = [values.index_select(1, of_member) for values in looked_up]
    for step in zip(*(values.unbind(0) for values in looked_up), strict=True):
        yield Batch(data, *step)
