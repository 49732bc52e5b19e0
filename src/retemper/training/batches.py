"""The batches of an epoch, looked up for some steps ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.training.draws import BatchOrders
from retemper.training.loss import Goal
from retemper.training.pages import at_hand
from retemper.training.plan import Rows

GoalOf = Callable[[Tensor, Tensor], Goal]
AHEAD_ROWS = 1 << 18
"""Rows are looked up for so many ahead: for all steps of an epoch their targets and weights would fill memory."""


@dataclass(frozen=True)
class Batch:
    """The rows of one step, each member's own.

    Args:
        data: where the rows are.
        places: [M, B] their numbers there.
        goal: what their outputs are held against.
    """

    data: Rows
    places: Tensor
    goal: Goal

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
        return [Batch(self.data, self.places[:, part], self.goal.of(part)) for part in parts]


def batches(rows: Rows, orders: BatchOrders, goal: GoalOf, outputs: int) -> Iterator[Batch]:
    """The epoch's batches, one after another.

    Args:
        rows: that the orders number.
        orders: of the epoch.
        goal: (targets, weights) of many batches → what outputs are held against.
        outputs: of a network; so many numbers a goal may have for each row.
    """
    ahead = max(1, AHEAD_ROWS // (orders.members * orders.batch_rows * max(1, outputs // 8)))
    for start in range(0, len(orders), ahead):
        yield from _looked_up(rows, orders, slice(start, start + ahead), goal)


def _looked_up(rows: Rows, orders: BatchOrders, steps: slice, goal: GoalOf) -> Iterator[Batch]:
    order, inside = orders[steps]
    data, places = at_hand(rows, order.long())
    target, weight = data.y[places], data.weight[places] * inside.to(data.weight)
    if places.shape[1] < orders.members:
        of_member = torch.tensor(orders.of_member, device=places.device)
        places, target, weight = (each.index_select(1, of_member) for each in (places, target, weight))
    for step in zip(places.unbind(0), goal(target, weight).by_step(), strict=True):
        yield Batch(data, *step)
