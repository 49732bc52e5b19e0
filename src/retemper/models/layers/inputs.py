"""The front of a network: prepared numbers, their codes over bins, learned embeddings of levels and numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from retemper.models.layers.parameter import Backward, Parameter, Views, padded


@dataclass(frozen=True)
class InputShape:
    """What the prepared rows look like.

    Args:
        width: columns of the dense part.
        n_numbers: its first columns that are scaled numbers.
        cardinalities: levels of each column that gets a learned embedding.
        bins: of each number (or empty: of none); the columns after the numbers are the places among the bins
            of the numbers that have any.
    """

    width: int
    n_numbers: int
    cardinalities: tuple[int, ...] = ()
    bins: tuple[int, ...] = ()

    @property
    def n_places(self) -> int:
        """Columns of places."""
        return sum(n > 0 for n in self.bins)


@dataclass(frozen=True)
class Inputs:
    """Lays side by side: the dense part, an embedding for each level, and sin/cos features of the numbers.

    Piecewise-linear codes (Gorishniy et al. 2022): a number at place p among its bins becomes, in bin j,
    clamp(p − j, 0, 1), in the stead of the place.

    Learned embeddings: a level ℓ of column k becomes a row of the table E_k. Periodic embeddings (Gorishniy
    et al. 2022): x becomes [sin(2πc₁x), cos(2πc₁x), …] with learned frequencies c, drawn from N(0, σ²).

    Args:
        shape: of the prepared rows.
        frequencies: periodic features a number; 0 for none.
        sigma: σ of the frequencies at the start.
    """

    shape: InputShape
    frequencies: int = 0
    sigma: float = 0.1

    def embedding_width(self, levels: int) -> int:
        """Columns of a level's embedding: min(32, round(1.6 · levels^.56)), fastai's rule, kept small."""
        return min(32, max(2, round(1.6 * math.pow(levels, 0.56))))

    @property
    def widths(self) -> list[int]:
        """Columns of each part, side by side without gaps."""
        embeddings = [self.embedding_width(levels) for levels in self.shape.cardinalities]
        count = self.shape.n_numbers * self.frequencies
        dense = self.shape.width - self.shape.n_places + sum(self.shape.bins)
        return [dense, *embeddings, *((count, count) if count else ())]

    @property
    def width(self) -> int:
        """True columns of the result; it is stored with padding at its end."""
        return sum(self.widths)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        tables = [
            Parameter(
                f"embedding_{k}.table",
                (levels, self.embedding_width(levels)),
                (levels, padded(self.embedding_width(levels))),
                "embedding",
                scale=1 / math.sqrt(self.embedding_width(levels)),
            )
            for k, levels in enumerate(self.shape.cardinalities)
        ]
        count = self.shape.n_numbers * self.frequencies
        if count:
            tables.append(
                Parameter("periodic.frequency", (1, count), (1, padded(count)), "frequency", self.sigma)
            )
        return tuple(tables)

    def forward(self, p: Views, x: Tensor, codes: Tensor) -> tuple[Tensor, Backward]:
        """x [M, B, dense] (padded), codes [M, B, K] int64 → [M, B, width] (padded)."""
        if not self.parameters:
            return self._dense(x), _nothing
        tables = [f"embedding_{k}.table" for k in range(codes.shape[2])]
        parts = [self._dense(x), *(_lookup(p[table], codes[:, :, k]) for k, table in enumerate(tables))]
        numbers = sine = cosine = None
        if self.frequencies and self.shape.n_numbers:
            numbers = x[:, :, : self.shape.n_numbers].repeat_interleave(self.frequencies, 2)
            numbers = _pad_columns(numbers) * (2 * math.pi)
            angle = numbers * p["periodic.frequency"]
            sine, cosine = torch.sin(angle), torch.cos(angle)
            parts += [sine, cosine]
        columns = [part[:, :, :width] for part, width in zip(parts, self.widths, strict=True)]
        y = _pad_columns(torch.cat(columns, 2))

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            pieces = torch.split(gy[:, :, : self.width], self.widths, 2)
            for k, table in enumerate(tables):
                _scatter(g[table], codes[:, :, k], pieces[1 + k])
            if numbers is not None and sine is not None and cosine is not None:
                g_sine, g_cosine = _pad_columns(pieces[-2]), _pad_columns(pieces[-1])
                slope = (g_sine * cosine - g_cosine * sine) * numbers
                torch.sum(slope, 1, keepdim=True, out=g["periodic.frequency"])
            return None

        return y, backward

    def _dense(self, x: Tensor) -> Tensor:
        """The dense part with the places worked out into codes; rows that all members share stay shared."""
        if not self.shape.n_places:
            return x
        members = x.shape[0]
        if x.stride(0) == 0:
            x = x[:1]
        numbers, places = self.shape.n_numbers, self.shape.n_numbers + self.shape.n_places
        columns, first = self._code
        codes = x.index_select(2, columns.to(x.device)) - first.to(x)
        parts = [x[:, :, :numbers], codes.clamp_(0, 1), x[:, :, places : self.shape.width]]
        return _pad_columns(torch.cat(parts, 2)).expand(members, -1, -1)

    @cached_property
    def _code(self) -> tuple[Tensor, Tensor]:
        """For each bin the column of its number's place, and the place where the bin begins."""
        bins = [n for n in self.shape.bins if n]
        column = torch.arange(len(bins)).repeat_interleave(torch.tensor(bins))
        first = torch.cat([torch.arange(n) for n in bins])
        return column + self.shape.n_numbers, first.float()


def _nothing(gy: Tensor, g: Views, wants_input: bool) -> None:
    return None


def _lookup(table: Tensor, codes: Tensor) -> Tensor:
    index = codes.unsqueeze(2).expand(-1, -1, table.shape[2])
    return torch.gather(table, 1, index)


def _scatter(gradient: Tensor, codes: Tensor, gy: Tensor) -> None:
    index = codes.unsqueeze(2).expand(-1, -1, gy.shape[2])
    gradient.zero_()[:, :, : gy.shape[2]].scatter_add_(1, index, gy.to(gradient.dtype))


def _pad_columns(x: Tensor) -> Tensor:
    return torch.nn.functional.pad(x, (0, padded(x.shape[2]) - x.shape[2]))
