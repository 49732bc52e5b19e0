"""Which rows each member meets in an epoch: its own, all once or as often as their odds say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.training.draws import BatchOrders, class_odds
from retemper.training.plan import Plan
from retemper.training.stack import Member

Numbers = NDArray[np.integer[Any]]


class Meetings:
    """The rows of a plan's members, from which every epoch draws its batches.

    Odds come from two sides: what the plan says of each row (``Plan.odds``: half of each batch is replay), and what
    the loss says of its class (``resampling``): then a class is met in proportion to the root of its rows' odds.

    Args:
        plan: whose members meet rows.

    Raises:
        ValueError: odds of a wrong shape, below 0, or all 0 for a member.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        ids = [member.id for member in plan.members]
        subsets = _subsets(plan)
        self._subsets = dict(zip(ids, subsets, strict=True))
        self._counts = dict(zip(ids, plan.counts, strict=True))
        self._odds = dict(zip(ids, _odds(plan, subsets), strict=False))

    def of_epoch(self, members: Sequence[Member], epoch: int) -> BatchOrders:
        """The batches of one epoch for the members that still train."""
        return BatchOrders(
            members,
            [self._subsets[member.id] for member in members],
            self._plan.options.batch_size,
            (self._plan.seed, epoch),
            [self._counts[member.id] for member in members],
            [self._odds[member.id] for member in members] if self._odds else None,
        )


def _subsets(plan: Plan) -> Sequence[Numbers]:
    # Of millions of rows numbers take half the room.
    small = np.int32 if plan.train.count < 1 << 31 else np.int64
    every: Numbers = np.arange(plan.train.count, dtype=small)
    return plan.subsets or [every] * len(plan.members)


def _odds(plan: Plan, subsets: Sequence[Numbers]) -> list[NDArray[np.float64]]:
    """For each member the odds of its rows to be met; empty: each is met once an epoch."""
    resampled = getattr(plan.loss, "resampling", "none") != "none"
    if plan.odds is None and not resampled:
        return []
    given = _checked(plan)
    y = plan.train.y.numpy(force=True)[: plan.train.count] if resampled else None
    known: dict[tuple[int, int], NDArray[np.float64]] = {}
    found = []
    for own, row in zip(subsets, given, strict=True):
        # Members with the same rows and odds share one array, by which the order that they share is known.
        key = (id(own), row.ctypes.data)
        if key not in known:
            known[key] = row[own] if y is None else class_odds(y[own], row[own])
        if not known[key].any():
            raise ValueError("a member's rows must have odds above 0 somewhere, but all are 0")
        found.append(known[key])
    return found


def _checked(plan: Plan) -> Sequence[NDArray[np.float64]]:
    """The plan's own odds [N], one array a member; ones without."""
    shape = (len(plan.members), plan.train.count)
    if plan.odds is None:
        return [np.ones(shape[1])] * shape[0]
    odds = np.asarray(plan.odds, dtype=np.float64)
    if odds.shape not in (shape, shape[1:]):
        raise ValueError(f"odds must be [{shape[1]}] or {list(shape)}, but are {list(odds.shape)}")
    if not (np.isfinite(odds).all() and (odds >= 0).all()):
        raise ValueError("odds must be finite and 0 or more")
    return [odds] * shape[0] if odds.ndim == 1 else list(odds)
