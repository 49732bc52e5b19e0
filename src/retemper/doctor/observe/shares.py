"""Which rows are told right: classes of outputs against targets, in whatever form both come."""

from __future__ import annotations

import torch
from torch import Tensor

from retemper.doctor.case import Wants

SIGNED = frozenset({"logits", "margins"})
"""What is asked for outputs of which 0 parts two classes."""


def right_rows(outputs: Tensor, y: Tensor, wants: Wants, axis: int = 1) -> tuple[Tensor, Tensor] | None:
    """What is told, and what is true, as numbers of the same shape.

    Classes may be codes [N], columns of zeros and ones [N, C], two numbers such as ±1, codes of each place of a
    sequence or a picture [N, …] for outputs [N, …, C] or [N, C, …] (places with a code below 0 are left out), or
    several labels a row [N, K].

    Args:
        outputs: of the network, rows first.
        y: targets.
        wants: what the loss wants of the outputs; of logits and margins 0 parts two classes, of all else a half.
        axis: of the outputs that counts the classes.

    Returns:
        Called and true classes; None where outputs and targets do not fit.

    >>> called, truth = right_rows(torch.tensor([[0.3], [-2.0]]), torch.tensor([1.0, -1.0]), "margins")
    >>> bool((called == truth).all())
    True
    """
    truth = y.detach()
    bound = 0.0 if wants in SIGNED else 0.5
    if outputs.dim() == truth.dim() + 1 and truth.dim() > 1 and not truth.is_floating_point():
        called = outputs.argmax(axis)
        if called.shape != truth.shape:
            return None
        return called[truth >= 0], truth[truth >= 0]
    if truth.dim() > 1 and truth.shape[1] > 1:
        if outputs.shape != truth.shape:
            return None
        low = truth.min()
        one_hot = bool(((truth > low).sum(1) == 1).all())
        return (
            (outputs.argmax(1), truth.argmax(1))
            if one_hot
            else (outputs > bound, truth > (0.5 if low >= 0 else 0))
        )
    truth = truth.reshape(-1)
    if outputs.dim() > 1 and outputs.shape[1] > 1:
        called = outputs.argmax(1)
    else:
        signed = bool(len(truth)) and float(truth.min()) < 0
        called = (outputs.reshape(-1) > (0.0 if signed else bound)).to(truth.dtype)
        truth = (truth > 0).to(truth.dtype) if signed else truth
    return (called, truth) if len(called) == len(truth) else None


def shares(outputs: Tensor, y: Tensor, wants: Wants, axis: int = 1) -> tuple[float, float]:
    """Share of right classes, and of the most frequent one; of outputs that are no numbers 0 and 1, NaN where unknown.

    >>> shares(torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3]]), torch.tensor([1, 0, 1]), "probabilities")
    (0.6666666865348816, 0.6666666865348816)
    """
    if not bool(torch.isfinite(outputs).all()):
        return 0.0, 1.0
    pair = right_rows(outputs, y, wants, axis)
    if pair is None or not pair[1].numel():
        return float("nan"), float("nan")
    called, truth = pair
    if truth.dtype == torch.bool:
        usual = truth == (truth.float().mean(0) > 0.5)
        return float((called == truth).float().mean()), float(usual.float().mean())
    _, counts = torch.unique(truth, return_counts=True)
    return float((called == truth).float().mean()), float(counts.max() / counts.sum())
