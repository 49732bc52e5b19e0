"""How much each parameter matters to what a network says: the diagonal of its Fisher information.

It is the true Fisher information, the mean over rows of E (∂ loss / ∂θ)² with the target drawn from what the
network itself says, and not the *empirical* one at the rows' own targets: where a network fits its rows, that one
vanishes whether or not a parameter matters (Kunstner et al. 2019). It needs no targets, and equals the diagonal of
the Gauss-Newton matrix: a step δ changes the mean loss of a network at its best by about ½ Σ F·δ².
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.core import seeds
from retemper.models.layers.network import Network
from retemper.training.class_losses import ClassLoss
from retemper.training.loss import Loss
from retemper.training.plan import Rows
from retemper.training.stack import Layout
from retemper.training.value_losses import ValueLoss

CHUNK_NUMBERS = 1 << 22
"""Gradients are held for so many rows times parameters at a time: 16 MB, about what a processor keeps at hand."""


def fisher(
    network: Network,
    parameters: Tensor,
    rows: Rows,
    loss: Loss,
    subsets: Sequence[NDArray[np.integer[Any]]] = (),
    seed: int = 0,
) -> Tensor:
    """The diagonal Fisher information of each member, a weighted mean over rows.

    Every row is a network of its own to the stack, so that one pass gives all rows' gradients. With classes the
    expectation is exact, one backward pass a class: some hundred rows are enough. Of a network with copies (TabM)
    the loss is the mean of the copies' losses; their gradients are added with random signs, which leaves the
    expectation as it is.

    Args:
        network: the members' shape.
        parameters: [M, P] in the stack's layout.
        rows: prepared rows; their targets are not looked at.
        loss: of one copy, without class weights and smoothing.
        subsets: for each member the numbers of its rows; empty: all rows.
        seed: of the signs, where there are copies.

    Returns:
        [M, P], 0 in the padding. The value of a squared error d² is that of a target with variance ½. Members with the
        same parameters and rows cost one.

    Raises:
        ValueError: a member has no rows of any weight.

    >>> from retemper.models.layers.dense import Head
    >>> from retemper.models.layers.inputs import Inputs, InputShape
    >>> from retemper.training.value_losses import MeanSquaredError
    >>> network = Network(Inputs(InputShape(1, 1)), (), Head("head", 1, 1))
    >>> rows = Rows.of(np.array([[1.0], [3.0]]), np.zeros((2, 0), dtype=np.int64), np.zeros(2))
    >>> found = fisher(network, torch.zeros(1, Layout(network).size), rows, MeanSquaredError())
    >>> {name: round(value.item(), 4) for name, value in Layout(network).unpadded(found[0]).items()}
    {'head.weight': 10.0, 'head.bias': 2.0}
    """
    chosen = subsets or [np.arange(rows.count)] * len(parameters)
    found: list[Tensor] = []
    for row, own in zip(parameters, chosen, strict=True):
        twins = (k for k in range(len(found)) if chosen[k] is own and torch.equal(parameters[k], row))
        twin = next(twins, None)
        found.append(_of_member(network, row, rows, loss, own, seed) if twin is None else found[twin])
    return torch.stack(found)


def _of_member(
    network: Network, row: Tensor, rows: Rows, loss: Loss, own: NDArray[np.integer[Any]], seed: int
) -> Tensor:
    """[P] of one member."""
    layout, total = Layout(network), torch.zeros_like(row)
    random = seeds.generator(seed, "signs of copies")
    chunk = max(1, CHUNK_NUMBERS // layout.size)
    weights = rows.weight.new_zeros(())
    with torch.no_grad():
        for start in range(0, len(own), chunk):
            numbers = torch.from_numpy(own[start : start + chunk]).long().to(rows.x.device)
            weight = rows.weight[numbers]
            p = layout.views(row.expand(len(numbers), -1))
            gradients = row.new_zeros((len(numbers), layout.size))
            views = layout.views(gradients)
            x, codes = rows.x[numbers].unsqueeze(1), rows.codes[numbers].unsqueeze(1)
            outputs, backward = network.forward(p, x, codes)
            signs = _signs(random, len(numbers), network.copies).to(outputs)
            for slope in _slopes(outputs.reshape(len(numbers), network.copies, -1), loss):
                backward((slope * signs).flatten(1).unsqueeze(1), views, False)
                total.add_(weight @ gradients.square_())
            weights = weights + weight.sum()
    if not weights > 0:
        raise ValueError("the Fisher information is a mean over rows, but a member has none of any weight")
    return total / weights


def _signs(random: np.random.Generator, count: int, copies: int) -> Tensor:
    """[count, copies, 1] by which the copies' slopes are multiplied; their squares add up to 1."""
    if copies == 1:
        return torch.ones(count, 1, 1)
    return torch.from_numpy(random.choice([-1.0, 1.0], (count, copies, 1)) / np.sqrt(copies))


def _slopes(outputs: Tensor, loss: Loss) -> Iterator[Tensor]:
    """Slopes of the loss at outputs [B, copies, O], of which the squares add up to the expected square."""
    if isinstance(loss, ValueLoss):
        yield torch.full_like(outputs, loss.information() ** 0.5)
        return
    assert isinstance(loss, ClassLoss)
    p = loss.activate(outputs)
    if outputs.shape[2] == 1:
        yield p.prod(2, keepdim=True).sqrt()
        return
    for drawn in range(outputs.shape[2]):
        slope = p.clone()
        slope[:, :, drawn] -= 1
        yield slope * p[:, :, drawn : drawn + 1].sqrt()
