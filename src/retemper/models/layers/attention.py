"""Attention between the tokens of a row (Vaswani et al. 2017).

Tokens lie one after another, [M, tokens·B, width], so that dense layers and normalisation work on them as on rows
like others, and the first token of all rows is the first B rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.models.layers.layer import Draws
from retemper.models.layers.parameter import Backward, Parameter, Views


@dataclass(frozen=True)
class Attention:
    """softmax(q·kᵀ/√d)·v of each head: queries, keys, values [M, tokens·B, 3·width] → [M, asked·B, width].

    Args:
        tokens: of a row.
        heads: that share the width.
        asked: only the first so many tokens ask; the last block needs the answer of the first alone.
    """

    tokens: int
    heads: int
    asked: int

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return ()

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        members, rows, columns = x.shape
        batch, width = rows // self.tokens, columns // 3
        parts = x.view(members, self.tokens, batch, 3, self.heads, width // self.heads)
        # [3, M, B, heads, tokens, d]: every head of every row is a small matrix of its own.
        query, key, value = parts.permute(3, 0, 2, 4, 1, 5).contiguous().flatten(1, 3).unbind(0)
        query = query[:, : self.asked]
        scale = 1 / math.sqrt(width // self.heads)
        share = torch.softmax(torch.bmm(query, key.transpose(1, 2)) * scale, 2)
        y = self._rows(torch.bmm(share, value), members, batch)

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            if not wants_input:
                return None
            answer = gy.view(members, self.asked, batch, self.heads, -1)
            answer = answer.permute(0, 2, 3, 1, 4).reshape(query.shape)
            g_share = torch.bmm(answer, value.transpose(1, 2))
            # Of s = softmax(z): dz = s ∘ (ds − Σ s ∘ ds).
            g_score = share * (g_share - (share * g_share).sum(2, keepdim=True)) * scale
            gx = gy.new_zeros((members, self.tokens, batch, 3, self.heads, width // self.heads))
            places = gx.permute(3, 0, 2, 4, 1, 5)
            shape = (members, batch, self.heads, -1, width // self.heads)
            places[0, :, :, :, : self.asked] = torch.bmm(g_score, key).view(shape)
            places[1] = torch.bmm(g_score.transpose(1, 2), query).view(shape)
            places[2] = torch.bmm(share.transpose(1, 2), answer).view(shape)
            return gx.view(members, rows, columns)

        return y, backward

    def _rows(self, heads: Tensor, members: int, batch: int) -> Tensor:
        """[M·B·heads, asked, d] → [M, asked·B, width]."""
        split = heads.view(members, batch, self.heads, self.asked, -1)
        return split.permute(0, 3, 1, 2, 4).reshape(members, self.asked * batch, -1)


@dataclass(frozen=True)
class GatedReLU:
    """a ∘ max(b, 0) of x = (a, b), [M, B, 2·width] → [M, B, width] (ReGLU, Shazeer 2020); width in whole lanes."""

    width: int

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return ()

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        passed, gate = x[:, :, : self.width], torch.relu(x[:, :, self.width :])

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            if not wants_input:
                return None
            return torch.cat((gy * gate, gy * passed * (gate > 0)), 2)

        return passed * gate, backward
