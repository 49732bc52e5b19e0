"""The tensor that counts among whatever a network gives, and another one put in its place."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

HALVES = (torch.float16, torch.bfloat16)


def first_tensor(outputs: Any) -> Tensor | None:
    """The tensor among what a network gave: itself, ``logits`` of an object or a mapping, or the first of several.

    >>> first_tensor({"hidden": torch.ones(2), "logits": torch.zeros(2)})
    tensor([0., 0.])
    """
    if isinstance(outputs, Tensor):
        whole = outputs.detach()
        return whole if whole.dtype == torch.float64 else whole.float()
    if isinstance(outputs, dict):
        return first_tensor(outputs[name]) if (name := _key(outputs)) is not None else None
    if hasattr(outputs, "logits"):
        return first_tensor(outputs.logits)
    return first_tensor(outputs[0]) if isinstance(outputs, tuple | list) and outputs else None


def with_tensor(outputs: Any, own: Tensor) -> Any:
    """The same object with another tensor where :func:`first_tensor` finds one.

    >>> with_tensor((torch.ones(1), "more"), torch.zeros(1))
    (tensor([0.]), 'more')
    """
    if isinstance(outputs, Tensor):
        return own
    if isinstance(outputs, dict):
        changed = copy.copy(outputs)
        name = _key(outputs)
        changed[name] = with_tensor(outputs[name], own)
        return changed
    if hasattr(outputs, "logits"):
        if hasattr(outputs, "_replace"):
            return outputs._replace(logits=own)
        changed = copy.copy(outputs)
        object.__setattr__(changed, "logits", with_tensor(outputs.logits, own))
        return changed
    parts = [with_tensor(outputs[0], own), *outputs[1:]]
    return type(outputs)(*parts) if hasattr(outputs, "_fields") else type(outputs)(parts)


def _key(outputs: dict[Any, Any]) -> Any:
    """Of the mapping's tensor: ``logits``, else the first that is no single number (a loss)."""
    if "logits" in outputs:
        return "logits"
    return next((name for name, own in outputs.items() if isinstance(own, Tensor) and own.dim()), None)
