"""The front of a network: prepared numbers, their codes over bins, learned embeddings of levels and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from retemper.models.layers.levels import LevelTable, embedding_width
from retemper.models.layers.parameter import Backward, Parameter, Views, padded
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
        groups: widths of the groups of columns after the places that belong together (the levels of a
            category, the words of a text); empty: all of them are one group.
    """

    width: int
    n_numbers: int
    cardinalities: tuple[int, ...] = ()
    bins: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()

    @property
    def blocks(self) -> tuple[int, ...]:
        """The groups, or the one that all columns after the places are."""
        rest = self.width - self.n_numbers - self.n_places
        return self.groups or ((rest,) if rest > 0 else ())

    @property
    def n_places(self) -> int:
        """Columns of places."""
        return sum(n > 0 for n in self.bins)


@dataclass(frozen=True)
class DensePart:
    """The dense part with the places worked out into piecewise-linear codes (Gorishniy et al. 2022).

    A number at place p among its bins becomes, in bin j, clamp(p − j, 0, 1), in the stead of the place.
    """

    shape: InputShape

    @property
    def width(self) -> int:
        """True columns: numbers, codes, and the rest."""
        return self.shape.width - self.shape.n_places + sum(self.shape.bins)

    def forward(self, x: Tensor) -> Tensor:
        """x [M, B, dense] (padded) → [M, B, width] (padded); rows that all members share stay shared."""
        if not self.shape.n_places:
            return x
        members = x.shape[0]
        if x.stride(0) == 0:
            x = x[:1]
        numbers, places = self.shape.n_numbers, self.shape.n_numbers + self.shape.n_places
        columns, first = self._code
        codes = x.index_select(2, columns.to(x.device)) - first.to(x)
        parts = [x[:, :, :numbers], codes.clamp_(0, 1), x[:, :, places : self.shape.width]]
        return pad_columns(torch.cat(parts, 2)).expand(members, -1, -1)

    @cached_property
    def _code(self) -> tuple[Tensor, Tensor]:
        """For each bin the column of its number's place, and the place where the bin begins."""
        bins = [n for n in self.shape.bins if n]
        column = torch.arange(len(bins)).repeat_interleave(torch.tensor(bins))
        first = torch.cat([torch.arange(n) for n in bins])
        return column + self.shape.n_numbers, first.float()


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

    @cached_property
    def _dense(self) -> DensePart:
        return DensePart(self.shape)

    @cached_property
    def _tables(self) -> list[LevelTable]:
        levels = enumerate(self.shape.cardinalities)
        return [LevelTable(f"embedding_{k}", n, embedding_width(n)) for k, n in levels]

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
        """x [M, B, dense] (padded), codes [M, B, K] int64 → [M, B, width] (padded)."""
        dense = self._dense.forward(x)
        learned = [table.forward(p, codes[:, :, k]) for k, table in enumerate(self._tables)]
        if self._periodic:
            learned.append(self._periodic.forward(p, x[:, :, : self.shape.n_numbers]))
        if not learned:
            return dense, _nothing
        parts = [dense, *(part for part, _ in learned)]
        columns = [part[:, :, :width] for part, width in zip(parts, self.widths, strict=True)]

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            pieces = torch.split(gy[:, :, : self.width], self.widths, 2)[1:]
            for piece, (_, own) in zip(pieces, learned, strict=True):
                own(piece, g, False)
            return None

        return pad_columns(torch.cat(columns, 2)), backward


def _nothing(gy: Tensor, g: Views, wants_input: bool) -> None:
    return None


def pad_columns(x: Tensor) -> Tensor:
    """Zeros at the end of each row, up to whole lanes."""
    return torch.nn.functional.pad(x, (0, padded(x.shape[2]) - x.shape[2]))
