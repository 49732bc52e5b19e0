"""Where gradients come from: written out (dense), or by PyTorch's autograd.

Both fill the stack's flat gradient buffer for all members at once. *dense* saves the autograd graph, which on
a CPU costs more than the products of a small network; *autograd* needs only a differentiable forward pass and
checks the other in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from retemper.models.layers.layer import Draws
from retemper.models.layers.parameter import Views
from retemper.training.stack import Stack

Name = Literal["dense", "autograd"]
LossGradient = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Outputs [M, B, O] → (loss [M], gradient with respect to the outputs)."""


def dense(stack: Stack, p: Views, x: Tensor, codes: Tensor, draws: Draws, loss: LossGradient) -> Tensor:
    """Gradients by the layers' own derivatives; returns the losses [M]."""
    outputs, backward = stack.network.forward(p, x, codes, draws)
    value, gradient = loss(outputs.float() if outputs.dtype == torch.bfloat16 else outputs)
    backward(gradient.to(outputs.dtype), stack.gradients, False)
    return value


def autograd(stack: Stack, p: Views, x: Tensor, codes: Tensor, draws: Draws, loss: LossGradient) -> Tensor:
    """Gradients by autograd from the same forward pass; returns the losses [M]."""
    leaves = {name: view.detach().requires_grad_() for name, view in p.items()}
    with torch.enable_grad():
        outputs, _ = stack.network.forward(leaves, x, codes, draws)
    value, gradient = loss(outputs.detach().to(stack.dtype))
    found = torch.autograd.grad(outputs, list(leaves.values()), gradient.to(outputs.dtype))
    for name, own in zip(leaves, found, strict=True):
        stack.gradients[name].copy_(own)
    # Autograd sees the padding as units like others; the gradients written out leave it at zero.
    stack.buffers["gradients"].mul_(stack.layout.true_places().to(stack.device))
    return value


ENGINES = {"dense": dense, "autograd": autograd}
