"""What a training starts from: the network, its rows and targets, the optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from retemper.doctor.case import DataFacts, Network, OptimizerFacts, Task
from retemper.doctor.observe.forward import Followed

MOST_CLASSES = 1000
OPTIONS = ("momentum", "eps", "weight_decay", "beta1", "beta2")


def network_facts(network: nn.Module, seen: Followed, optimizers: Sequence[Any]) -> Network:
    """Facts of a network.

    Args:
        network: any module.
        seen: its forward pass over some rows, before training.
        optimizers: that train it.
    """
    trained = {id(parameter) for optimizer in optimizers for group in optimizer.param_groups for parameter in group["params"]}
    named = list(network.named_parameters())
    learning = [(name, parameter) for name, parameter in named if parameter.requires_grad]
    outputs = first_tensor(seen.outputs)
    finite = outputs[torch.isfinite(outputs)] if outputs is not None else torch.zeros(0)
    return Network(
        operations=tuple(seen.operations),
        shape=tuple(outputs.shape) if outputs is not None else (),
        low=float(finite.min()) if len(finite) else float("nan"),
        high=float(finite.max()) if len(finite) else float("nan"),
        parameters=sum(parameter.numel() for _, parameter in learning),
        frozen=tuple(name for name, parameter in named if not parameter.requires_grad),
        untrained=tuple(name for name, parameter in learning if id(parameter) not in trained),
        spreads={
            name: (float(parameter.detach().std(unbiased=False)), int(parameter[0].numel()))
            for name, parameter in learning
            if parameter.dim() > 1 and parameter.numel() > 1
        },
    )


def first_tensor(outputs: Any) -> Tensor | None:
    """The tensor among what a network gave: itself, the first of several, or by a mapping's ``logits``."""
    if isinstance(outputs, Tensor):
        return outputs.detach().float()
    if hasattr(outputs, "logits"):
        return first_tensor(outputs.logits)
    if isinstance(outputs, dict):
        return first_tensor(outputs.get("logits", next(iter(outputs.values()), None)))
    if isinstance(outputs, tuple | list) and outputs:
        return first_tensor(outputs[0])
    return None


def data_facts(x: Any, y: Tensor, task: Task) -> DataFacts:
    """Facts of some training rows.

    Args:
        x: inputs, rows first; of several the first floating ones count.
        y: targets, rows first.
        task: says whether targets are classes.
    """
    inputs = _floating(x)
    flat = inputs.detach().double().flatten(1) if inputs is not None else torch.zeros((len(y), 0), dtype=torch.float64)
    numbers = y.detach().double()
    classes: tuple[int, ...] = ()
    if task == "classification":
        codes = numbers.argmax(1) if numbers.dim() > 1 and numbers.shape[1] > 1 else numbers.flatten()
        _, counts = torch.unique(codes, return_counts=True)
        classes = tuple(counts.tolist())[:MOST_CLASSES]
    return DataFacts(
        rows=len(y),
        spreads=flat.std(0, unbiased=False).numpy(),
        centres=flat.mean(0).numpy(),
        low=float(flat.min()) if flat.numel() else float("nan"),
        high=float(flat.max()) if flat.numel() else float("nan"),
        target_shape=tuple(y.shape),
        target_low=float(numbers.min()),
        target_high=float(numbers.max()),
        target_mean=float(numbers.mean()),
        target_spread=float(numbers.std(unbiased=False)),
        classes=classes,
        integers=bool((numbers == numbers.round()).all()),
    )


def _floating(x: Any) -> Tensor | None:
    parts: Iterable[Any] = x if isinstance(x, tuple | list) else x.values() if isinstance(x, dict) else (x,)
    return next((part for part in parts if isinstance(part, Tensor) and part.is_floating_point() and part.dim()), None)


def task_of(y: Tensor, outputs: Tensor | None) -> Task:
    """The task that targets mean: whole numbers from 0 are classes, rows of zeros and ones classes one-hot or several.

    >>> task_of(torch.tensor([0, 2, 1]), None), task_of(torch.tensor([[0.3], [1.2]]), None)
    ('classification', 'regression')
    """
    if not y.is_floating_point():
        return "classification"
    bits = bool(((y == 0) | (y == 1)).all())
    if y.dim() > 1 and y.shape[1] > 1 and bits:
        return "classification" if bool((y.sum(1) == 1).all()) else "multilabel"
    return "classification" if bits else "regression"


def optimizer_facts(optimizers: Sequence[Any]) -> OptimizerFacts:
    """Facts of the optimizer, of several of the one with the highest rate."""
    groups = [(type(optimizer).__name__.lower(), group) for optimizer in optimizers for group in optimizer.param_groups]
    name, group = max(groups, key=lambda own: float(own[1]["lr"]))
    options = {key: float(value) for key, value in group.items() if key in OPTIONS and isinstance(value, int | float)}
    return OptimizerFacts(name, float(group["lr"]), options)


def as_rows(values: Any) -> Any:
    """Arrays and lists as tensors; what is a tensor stays, of tuples each part."""
    if isinstance(values, tuple):
        return tuple(as_rows(each) for each in values)
    if isinstance(values, Tensor):
        return values
    array = np.asarray(values)
    return torch.from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array)
