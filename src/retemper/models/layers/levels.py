"""Learned embeddings: a level of a column becomes a row of a table (Guo & Berkhahn 2016)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.models.layers.parameter import Backward, Parameter, Views, padded


def embedding_width(levels: int) -> int:
    """Columns of a level's embedding: min(32, round(1.6 · levels^.56)), fastai's rule, kept small.

    >>> embedding_width(1), embedding_width(100), embedding_width(10_000)
    (2, 21, 32)
    """
    return min(32, max(2, round(1.6 * math.pow(levels, 0.56))))


@dataclass(frozen=True)
class LevelTable:
    """codes [M, B] → [M, B, width]: the table's rows.

    Args:
        name: of the parameter's layer.
        levels: rows of the table.
        width: columns of the table.
    """

    name: str
    levels: int
    width: int

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        shape, stored = (self.levels, self.width), (self.levels, padded(self.width))
        return (Parameter(f"{self.name}.table", shape, stored, "embedding", 1 / math.sqrt(self.width)),)

    def forward(self, p: Views, codes: Tensor) -> tuple[Tensor, Backward]:
        """The rows [M, B, width] (padded), and their gradient."""
        table = p[f"{self.name}.table"]
        index = codes.long().unsqueeze(2).expand(-1, -1, table.shape[2])
        y = torch.gather(table, 1, index)

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            gradient = g[f"{self.name}.table"].zero_()[:, :, : gy.shape[2]]
            gradient.scatter_add_(1, index[:, :, : gy.shape[2]], gy.to(gradient.dtype))
            return None

        return y, backward


def level_tables(
    cardinalities: Sequence[int], width: Callable[[int], int] = embedding_width
) -> list[LevelTable]:
    """A table for each column that gets a learned embedding, named by its place.

    Args:
        cardinalities: levels of each such column.
        width: columns of a table by its levels.

    >>> [(table.name, table.width) for table in level_tables((3, 100))]
    [('embedding_0', 3), ('embedding_1', 21)]
    """
    return [LevelTable(f"embedding_{k}", n, width(n)) for k, n in enumerate(cardinalities)]
