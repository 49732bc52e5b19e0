"""Dropout masks from each member's own counter-based generator.

A byte decides a unit: it stays when byte ≥ round(256·p). So p is held to within 1/512, a draw costs an eighth
of a 64-bit number, and the units that stay are scaled by the exact inverse of the share that stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.core import seeds
from retemper.models.layers.dense import Dense
from retemper.models.layers.dropout import Dropout
from retemper.models.layers.network import Network
from retemper.models.layers.parameter import ROW_LANE, padded
from retemper.training.stack import Member, Stack

AHEAD_BYTES = 1 << 15
"""Of each member drawn at a time: asking its generator costs as much as some thousand bytes."""


class EpochDraws:
    """One epoch's masks for a stack; drawn in the order of steps and layers.

    Who is narrower than the stack draws as many bytes as alone: the rest of its layer is zero, dropped or not.

    Args:
        stack: whose members draw.
        seed: the run's seed.
        epoch: keys the generators, so that a resume at an epoch's start repeats the same masks.
        dtype: of the masks.
    """

    def __init__(self, stack: Stack, seed: int, epoch: int, dtype: torch.dtype) -> None:
        cut = np.array([min(255, round(256 * member.dropout)) for member in stack.members])
        self._bits = (
            [seeds.bits(seed, "dropout", member.draws, epoch) for member in stack.members]
            if cut.any()
            else []
        )
        self._cut = torch.from_numpy(cut.astype(np.uint8)).view(-1, 1, 1)
        self._scale = torch.from_numpy(256.0 / (256.0 - cut)).to(dtype).view(-1, 1, 1)
        self._device = stack.device
        self._own = _own_widths(stack)
        self._ahead = np.zeros((len(self._bits), 0), dtype=np.uint8)

    def keep_mask(self, width: int, batch: int) -> Tensor | None:
        """[M, batch, width]: 0 where a unit is dropped, 1/(1 − p) elsewhere; None when no member drops."""
        if not self._bits:
            return None
        if self._own is None:
            drawn = self._taken(batch * width).reshape(-1, batch, width)
        else:
            drawn = self._narrower(next(self._own), batch, width)
        mask = torch.empty(drawn.shape, dtype=self._scale.dtype)
        # Written as numbers at once: PyTorch has no vector instructions for what chooses by a mask.
        torch.ge(torch.from_numpy(drawn), self._cut, out=mask).mul_(self._scale)
        return mask.to(self._device)

    def _taken(self, size: int) -> NDArray[np.uint8]:
        """The next bytes [M, size] of each member."""
        if self._ahead.shape[1] < size:
            new = [bits.random_raw(max(size, AHEAD_BYTES) // 8).view(np.uint8) for bits in self._bits]
            self._ahead = np.concatenate([self._ahead, np.stack(new)], 1)
        taken, self._ahead = self._ahead[:, :size], self._ahead[:, size:]
        return taken

    def _narrower(self, widths: list[int], batch: int, width: int) -> NDArray[np.uint8]:
        """Bytes [M, batch, width] of which each member has drawn its own width alone."""
        drawn = np.zeros((len(self._bits), batch, width), dtype=np.uint8)
        for slot, (bits, own) in enumerate(zip(self._bits, widths, strict=True)):
            drawn[slot, :, :own] = bits.random_raw(batch * own // 8).view(np.uint8).reshape(batch, own)
        return drawn


def _own_widths(stack: Stack) -> Iterator[list[int]] | None:
    """The stored widths [M] that the members drop from, layer by layer and step by step; None: those of the stack."""
    networks = [stack.network_of(member) for member in stack.members]
    stored = {
        tuple(parameter.stored for parameter in network.parameters) for network in (*networks, stack.network)
    }
    if len(stored) == 1:
        return None
    layers = zip(*(_dropped_widths(network) for network in networks), strict=True)
    return cycle([list(widths) for widths in layers])


def _dropped_widths(network: Network) -> list[int]:
    """Of each dropout the stored width of the layer before it."""
    found, width = [], 0
    for layer in network.body:
        if isinstance(layer, Dense):
            width = padded(layer.outputs)
        elif isinstance(layer, Dropout):
            found.append(width)
    return found


class BatchOrders:
    """The order in which each member meets its rows in one epoch, worked out for some batches at a time.

    Who has more rows than it is to meet leaves out others each epoch. All make the same number of steps, in batches as
    equal in size as can be. Held is a permutation for each member, one for those who draw alike from the same rows: of
    millions of rows all batches at once would take several times as much.

    Args:
        members: M members.
        rows: for each member the numbers of its rows.
        batch_size: most rows a batch.
        place: seed and epoch, which key the permutation together with the member's own key.
        counts: rows each member meets, at most as many as it has; so many that all make the same number of steps.
        odds: for each member how often its rows are to be met, in proportion; None: each once.
    """

    def __init__(
        self,
        members: Sequence[Member],
        rows: Sequence[NDArray[np.integer[Any]]],
        batch_size: int,
        place: tuple[int, int],
        counts: Sequence[int],
        odds: Sequence[NDArray[np.float64]] | None = None,
    ) -> None:
        seed, epoch = place
        (steps,) = {-(-count // batch_size) for count in counts}
        self._type = np.result_type(*rows)
        self._drawn: list[NDArray[np.integer[Any]]] = []
        self.of_member: list[int] = []
        known: dict[tuple[int, int, int], int] = {}
        for slot, (member, own) in enumerate(zip(members, rows, strict=True)):
            number = known.setdefault((member.draws, id(own), id(odds and odds[slot])), len(known))
            self.of_member.append(number)
            if number == len(self._drawn):
                random = seeds.generator(seed, "order", member.draws, epoch)
                self._drawn.append(
                    random.permutation(own)
                    if odds is None
                    else _by_odds(own, odds[slot], counts[slot], random)
                )
        met = [counts[self.of_member.index(number)] for number in range(len(self._drawn))]
        self._ends = np.linspace(0, met, steps + 1).round().astype(np.int64)

    def __len__(self) -> int:
        """The steps of the epoch."""
        return len(self._ends) - 1

    @property
    def members(self) -> int:
        """M."""
        return len(self.of_member)

    @property
    def batch_rows(self) -> int:
        """B, the rows of a batch, filled up to whole lanes."""
        return padded(int(np.diff(self._ends, axis=0).max()), ROW_LANE)

    def __getitem__(self, steps: slice) -> tuple[Tensor, Tensor]:
        """Some steps' batches.

        Returns:
            order [steps, D, B] row numbers in the type of ``rows``, and inside [steps, D, B] bool: False where a batch
            is only filled up to whole lanes. The order of member m is number ``of_member[m]`` of the D different ones.
        """
        first, last = self._ends[:-1][steps, :, None], self._ends[1:][steps, :, None]
        column = np.arange(self.batch_rows)
        inside = column < last - first
        position = np.where(inside, first + column, 0)
        order = np.empty((len(position), len(self._drawn), len(column)), dtype=self._type)
        for slot, drawn in enumerate(self._drawn):
            order[:, slot] = drawn[position[:, slot]]
        return torch.from_numpy(order), torch.from_numpy(inside)


def class_odds(
    codes: NDArray[np.integer[Any]], odds: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Odds [N] of rows of these classes, 1/√N_class: a class is met in proportion to the root of its rows.

    Args:
        codes: [N] classes.
        odds: [N] that the rows have already, 0 or more: of a class their sum stands for its number of rows.

    >>> class_odds(np.array([0, 0, 0, 0, 1])).tolist()
    [0.5, 0.5, 0.5, 0.5, 1.0]
    >>> class_odds(np.array([0, 0, 1, 1]), np.array([2.0, 2.0, 1.0, 0.0])).tolist()
    [1.0, 1.0, 1.0, 0.0]
    """
    given = np.ones(len(codes)) if odds is None else odds
    roots = np.sqrt(np.bincount(codes, weights=given)[codes])
    found = np.zeros(len(codes))
    np.divide(given, roots, out=found, where=given > 0)
    return found


def _by_odds(
    own: NDArray[np.integer[Any]], odds: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.integer[Any]]:
    """``count`` of the rows, each as often as its odds say, to within one (systematic sampling, Madow 1949)."""
    mixed = random.permutation(len(own))
    reach = np.cumsum(odds[mixed])
    marks = (np.arange(count) + random.random()) * (reach[-1] / count)
    # Rounding must not take the last mark past the last row that has any odds.
    at = np.searchsorted(reach, np.minimum(marks, np.nextafter(reach[-1], 0)), side="right")
    found: NDArray[np.integer[Any]] = random.permutation(own[mixed[at]])
    return found
