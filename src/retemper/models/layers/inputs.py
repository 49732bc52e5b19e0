"""The front of a network: numbers, their codes over bins, levels one-hot or embedded, numbers embedded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from retemper.models.layers.levels import LevelTable, level_tables
from retemper.models.layers.parameter import Backward, Parameter, Views, padded, precision
from retemper.models.layers.periodic import Periodic


@dataclass(frozen=True)
class InputShape:
    """What the prepared rows look like.

    Args:
        width: columns of the dense part.
        n_numbers: its first columns that are scaled numbers.
        cardinalities: levels of each column that gets a learned embedding.
        bins: of each number (or empty: of none); the columns after the numbers are the places among the bins
            of the numbers that have any.
        groups: widths of the groups of columns after places and gaps that belong together (the words of a
            text); empty: all of them are one group.
        gaps: the columns after the places that say which numbers were missing.
        one_hot: levels of each column that is worked out one-hot; their codes, 0 for none and k for level k,
            stand to the right of those with learned embeddings.
        late: places of what joined after the network was built, among numbers, ``blocks`` and ``cardinalities`` in
            this order; attention must not see them as tokens of their own (see :mod:`retemper.models.layers.tokens`).
    """

    width: int
    n_numbers: int
    cardinalities: tuple[int, ...] = ()
    bins: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    gaps: int = 0
    one_hot: tuple[int, ...] = ()
    late: tuple[int, ...] = ()

    @property
    def blocks(self) -> tuple[int, ...]:
        """Widths of what belongs together after the codes over bins: gaps, each column's levels, each group."""
        rest = self.width - self.n_numbers - self.n_places - self.gaps
        groups = self.groups or ((rest,) if rest > 0 else ())
        return (*((self.gaps,) if self.gaps else ()), *self.one_hot, *groups)

    @property
    def n_codes(self) -> int:
        """Columns of codes."""
        return len(self.cardinalities) + len(self.one_hot)

    @cached_property
    def n_places(self) -> int:
        """Columns of places."""
        return sum(n > 0 for n in self.bins)


@dataclass(frozen=True)
class DensePart:
    """The dense part with places and levels worked out, so that rows are kept and fetched as few bytes.

    A number at place p among its bins becomes, in bin j, clamp(p − j, 0, 1): the piecewise-linear code (Gorishniy
    et al. 2022). A level becomes a 1 in its column. From left to right: numbers, codes over bins, gaps, levels, the
    rest.
    """

    shape: InputShape

    @property
    def width(self) -> int:
        """True columns of the result."""
        return self.shape.width - self.shape.n_places + sum(self.shape.bins) + sum(self.shape.one_hot)

    def forward(self, x: Tensor, codes: Tensor, dtype: torch.dtype) -> Tensor:
        """x [M, B, dense] (padded), codes [M, B, K] → [M, B, width] (padded) of ``dtype``.

        Rows that all members share stay shared. Codes over bins are worked out in the precision of x: bfloat16
        knows a place among 48 bins to the nearest quarter of a bin only.
        """
        shape = self.shape
        if not (shape.n_places or shape.one_hot):
            return x.to(dtype)
        members = x.shape[0]
        if x.stride(0) == 0:
            x, codes = x[:1], codes[:1]
        y = x.new_zeros((*x.shape[:2], padded(self.width)), dtype=dtype)
        for start, place, count in self._copied:
            y.narrow(2, place, count).copy_(x.narrow(2, start, count))
        if shape.n_places:
            column, first = self._bins
            code = x.index_select(2, column.to(x.device)).sub_(first.to(x)).clamp_(0, 1)
            y.narrow(2, shape.n_numbers, len(first)).copy_(code)
        if shape.one_hot:
            level = codes.narrow(2, len(shape.cardinalities), len(shape.one_hot))
            # No level (0) writes a zero where its column's first would write a one.
            column = level.clamp(min=1) + self._before_levels.to(x.device)
            y.scatter_(2, column, (level > 0).to(dtype))
        return y.expand(members, -1, -1)

    @cached_property
    def _copied(self) -> list[tuple[int, int, int]]:
        """What only moves, numbers, gaps and the rest: first column of x, first column of the result, columns."""
        shape = self.shape
        gaps, rest = shape.n_numbers + shape.n_places, shape.n_numbers + shape.n_places + shape.gaps
        bins, levels = sum(shape.bins), sum(shape.bins) + sum(shape.one_hot)
        moved = (
            (0, 0, shape.n_numbers),
            (gaps, shape.n_numbers + bins, shape.gaps),
            (rest, shape.n_numbers + levels + shape.gaps, shape.width - rest),
        )
        return [columns for columns in moved if columns[2]]

    @cached_property
    def _bins(self) -> tuple[Tensor, Tensor]:
        """For each bin the column of its number's place, and the place where the bin begins."""
        bins = [n for n in self.shape.bins if n]
        column = torch.arange(len(bins)).repeat_interleave(torch.tensor(bins))
        first = torch.cat([torch.arange(n) for n in bins])
        return column + self.shape.n_numbers, first.float()

    @cached_property
    def _before_levels(self) -> Tensor:
        """For each one-hot column the column of the result before its first level."""
        first = self.shape.n_numbers + sum(self.shape.bins) + self.shape.gaps
        return torch.tensor((0, *self.shape.one_hot[:-1])).cumsum(0) + first - 1


@dataclass(frozen=True)
class Inputs:
    """Lays side by side: the dense part, an embedding for each level, and periodic embeddings of the numbers.

    Args:
        shape: of the prepared rows.
        frequencies: of the periodic embeddings, cosines a number; 0 for none.
        units: of the periodic embeddings, outputs a number.
        sigma: of the periodic embeddings, spread of the frequencies at the start.
    """

    shape: InputShape
    frequencies: int = 0
    units: int = 3
    sigma: float = 0.1

    @property
    def is_plain(self) -> bool:
        """Whether rows go in as they are stored: nothing is embedded or worked out column by column."""
        shape = self.shape
        return not (shape.cardinalities or shape.n_places or shape.one_hot or self.frequencies)

    @cached_property
    def _dense(self) -> DensePart:
        return DensePart(self.shape)

    @cached_property
    def _tables(self) -> list[LevelTable]:
        return level_tables(self.shape.cardinalities)

    @cached_property
    def _periodic(self) -> Periodic | None:
        numbers = self.shape.n_numbers
        if not (numbers and self.frequencies):
            return None
        return Periodic(numbers, self.frequencies, self.units, self.sigma)

    @property
    def widths(self) -> list[int]:
        """Columns of each part, side by side without gaps."""
        periodic = [self._periodic.width] if self._periodic else []
        return [self._dense.width, *(table.width for table in self._tables), *periodic]

    @property
    def width(self) -> int:
        """True columns of the result; it is stored with padding at its end."""
        return sum(self.widths)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The tables' and the periodic embedding's."""
        own = [parameter for table in self._tables for parameter in table.parameters]
        return (*own, *(self._periodic.parameters if self._periodic else ()))

    def forward(self, p: Views, x: Tensor, codes: Tensor) -> tuple[Tensor, Backward]:
        """x [M, B, dense] (padded), codes [M, B, K] → [M, B, width] (padded)."""
        dense = self._dense.forward(x, codes, precision(p))
        learned = [table.forward(p, codes[:, :, k]) for k, table in enumerate(self._tables)]
        if self._periodic:
            learned.append(self._periodic.forward(p, x[:, :, : self.shape.n_numbers]))
        if not learned:
            return dense, _nothing
        parts = [dense, *(part for part, _ in learned)]
        columns = [part[:, :, :width] for part, width in zip(parts, self.widths, strict=True)]
        room = dense.new_zeros((*dense.shape[:2], padded(self.width) - self.width))

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            pieces = torch.split(gy[:, :, : self.width], self.widths, 2)[1:]
            for piece, (_, own) in zip(pieces, learned, strict=True):
                own(piece, g, False)
            return None

        return torch.cat([*columns, room], 2), backward


def _nothing(gy: Tensor, g: Views, wants_input: bool) -> None:
    return None
