"""The front of a transformer: a row becomes tokens, one for each column, after a first one that is learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import torch
from torch import Tensor

from retemper.models.layers.inputs import DensePart, InputShape
from retemper.models.layers.levels import LevelTable, level_tables
from retemper.models.layers.parameter import Backward, Parameter, Views, padded, precision


@dataclass(frozen=True)
class Tokens:
    """Feature tokens (Gorishniy et al. 2021): t_j = z_j·W_j + b_j, [M, B, dense] → [M, tokens·B, token_width].

    z_j is what belongs to one column: a number and its code over bins, or the levels of a category; a column
    with a learned embedding becomes its table's row. Token 0 is a bias alone: attention gathers the row in it.
    Attention's cost grows with the square of the tokens: past ``most`` columns, neighbours share a token.

    A token more would change what every other gets of attention, whatever it held. So columns that joined after the
    network was built (``shape.late``) have none of their own: what they bring is added to token 0, where it changes
    nothing as long as its weights are zero.

    Args:
        shape: of the prepared rows.
        token_width: columns of a token, in whole lanes.
        most: tokens of the dense part.
    """

    shape: InputShape
    token_width: int
    most: int

    @cached_property
    def _dense(self) -> DensePart:
        return DensePart(self.shape)

    @cached_property
    def _tables(self) -> list[LevelTable]:
        return level_tables(self.shape.cardinalities, lambda _: self.token_width)

    @cached_property
    def _own(self) -> list[list[int]]:
        """For each number and each block, its columns of the worked-out dense part."""
        numbers = self.shape.n_numbers
        sizes = [*(self.shape.bins or [0] * numbers), *self.shape.blocks]
        starts = [numbers + sum(sizes[:k]) for k in range(len(sizes))]
        own = [list(range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]
        return [[k, *codes] if k < numbers else codes for k, codes in enumerate(own)]

    @cached_property
    def _columns(self) -> list[list[int]]:
        """For each token of the dense part, the columns of the worked-out dense part that it is made of."""
        own = [columns for k, columns in enumerate(self._own) if k not in self.shape.late]
        share = max(1, -(-len(own) // self.most))
        return [list(chain.from_iterable(own[k : k + share])) for k in range(0, len(own), share)]

    @cached_property
    def order(self) -> tuple[int, ...]:
        """For each row of ``token.weight``, its column of the worked-out dense part; those that joined late at last."""
        late = [columns for k, columns in enumerate(self._own) if k in self.shape.late]
        return tuple(chain.from_iterable((*self._columns, *late)))

    @cached_property
    def _order(self) -> Tensor:
        return torch.tensor(self.order, dtype=torch.int64)

    @cached_property
    def _is_late(self) -> list[bool]:
        """Of each table, whether its column joined late."""
        return [len(self._own) + k in self.shape.late for k in range(len(self._tables))]

    @property
    def count(self) -> int:
        """Tokens of a row."""
        return 1 + len(self._columns) + self._is_late.count(False)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        width, scale = self.token_width, 1 / math.sqrt(self.token_width)
        rows = {"token.weight": self._dense.width, "token.bias": 1 + len(self._columns)}
        own = [
            Parameter(name, (count, width), (count, padded(width)), "embedding", scale)
            for name, count in rows.items()
            if count
        ]
        return (*own, *(parameter for table in self._tables for parameter in table.parameters))

    def forward(self, p: Views, x: Tensor, codes: Tensor) -> tuple[Tensor, Backward]:
        """x [M, B, dense] (padded), codes [M, B, K] → [M, tokens·B, token_width]."""
        members, batch = x.shape[:2]
        bias = p["token.bias"].unsqueeze(2)
        first = bias[:, 0].expand(-1, batch, -1)
        tokens: list[Tensor] = []
        parts: tuple[Tensor, ...] = ()
        if self.order:
            sizes = [len(columns) for columns in self._columns]
            sizes.append(len(self.order) - sum(sizes))
            dense = self._dense.forward(x, codes, precision(p)).index_select(2, self._order.to(x.device))
            parts, weights = torch.split(dense, sizes, 2), torch.split(p["token.weight"], sizes, 1)
            tokens = [torch.baddbmm(bias[:, k + 1], parts[k], weights[k]) for k in range(len(sizes) - 1)]
            if sizes[-1]:
                first = torch.baddbmm(first, parts[-1], weights[-1])
        learned = [table.forward(p, codes[:, :, k]) for k, table in enumerate(self._tables)]
        for (token, _), is_late in zip(learned, self._is_late, strict=True):
            if is_late:
                first = first + token
            else:
                tokens.append(token)

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            by_token = gy.view(members, self.count, batch, -1)
            dense_tokens = len(self._columns)
            torch.sum(by_token[:, : 1 + dense_tokens], 2, out=g["token.bias"])
            if parts:
                places = [*range(1, 1 + dense_tokens), 0]
                own = [
                    torch.bmm(z.transpose(1, 2), by_token[:, k]) for z, k in zip(parts, places, strict=True)
                ]
                g["token.weight"].copy_(torch.cat(own, 1))
            own_token = 1 + dense_tokens
            for (_, write), is_late in zip(learned, self._is_late, strict=True):
                write(by_token[:, 0 if is_late else own_token], g, False)
                own_token += not is_late
            return None

        return torch.cat([first, *tokens], 1), backward
