"""What a training starts from: the network, its rows and targets, the optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from retemper.doctor.case import DataFacts, Network, OptimizerFacts, Task
from retemper.doctor.observe.forward import Followed
from retemper.doctor.observe.outputs import first_tensor as first_tensor
from retemper.doctor.observe.rows import as_rows as as_rows
from retemper.doctor.observe.rows import parts_of

MOST_CLASSES = 1000
MULTIPLYING = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd, nn.RNNBase, nn.MultiheadAttention)
OPTIONS = ("momentum", "eps", "weight_decay", "beta1", "beta2")


def network_facts(network: nn.Module, seen: Followed, optimizers: Sequence[Any]) -> Network:
    """Facts of a network.

    Args:
        network: any module.
        seen: its forward pass over some rows, before training.
        optimizers: that train it.
    """
    trained = {
        id(own) for optimizer in optimizers for group in optimizer.param_groups for own in group["params"]
    }
    named = list(network.named_parameters())
    learning = [(name, parameter) for name, parameter in named if parameter.requires_grad]
    outputs = first_tensor(seen.outputs)
    finite = outputs[torch.isfinite(outputs)] if outputs is not None else torch.zeros(0)
    weights = dict(_weights(network))
    return Network(
        operations=tuple(seen.operations),
        shape=tuple(outputs.shape) if outputs is not None else (),
        low=float(finite.min()) if len(finite) else float("nan"),
        high=float(finite.max()) if len(finite) else float("nan"),
        parameters=sum(parameter.numel() for _, parameter in learning),
        frozen=tuple(name for name, parameter in named if not parameter.requires_grad),
        untrained=tuple(name for name, parameter in learning if id(parameter) not in trained),
        spreads={name: (_spread(parameter), inputs) for name, (parameter, inputs) in weights.items()},
        lone=tuple(name for name, (parameter, _) in weights.items() if len(parameter) == 1),
        sums_to_one=outputs is not None and _shares(outputs),
    )


def _weights(network: nn.Module) -> Iterator[tuple[str, tuple[Tensor, int]]]:
    """Weights that multiply their layer's inputs, with the inputs of a unit; embeddings and scales are none."""
    for place, module in network.named_modules():
        prefix = f"{place}." if place else ""
        for name, own in module.named_parameters(recurse=False):
            if own.requires_grad and own.dim() > 1 and isinstance(module, MULTIPLYING) and own.numel():
                yield prefix + name, (own, _inputs(module, own))


def _inputs(module: nn.Module, weight: Tensor) -> int:
    if isinstance(module, nn.RNNBase):  # a gate adds up the inputs and what it remembers
        return module.input_size + module.hidden_size
    return int(weight[0].numel())


def _spread(weight: Tensor) -> float:
    return float(weight.detach().float().std(unbiased=False))


def _shares(outputs: Tensor) -> bool:
    """Whether each row's outputs are 0 or more and sum to 1, over the classes or over the last dimension."""
    if outputs.dim() < 2 or not outputs.numel() or bool((outputs < 0).any()):
        return False
    return any(bool(((outputs.sum(axis) - 1).abs() < 1e-4).all()) for axis in {1, outputs.dim() - 1})


def data_facts(x: Any, y: Tensor, task: Task) -> DataFacts:
    """Facts of some training rows.

    Args:
        x: inputs, rows first; of several the first floating ones count, of these the columns that are finite.
        y: targets, rows first.
        task: says whether targets are classes.
    """
    inputs = _floating(x)
    none = torch.zeros((len(y), 0), dtype=torch.float64)
    flat = inputs.detach().double().reshape(len(y), -1) if inputs is not None else none
    lost = int((~torch.isfinite(flat)).any(1).sum())
    flat = flat[:, torch.isfinite(flat).all(0)]
    numbers = y.detach().double()
    classes: tuple[int, ...] = ()
    if task == "classification":
        one_hot = y.is_floating_point() and y.dim() > 1 and y.shape[1] > 1
        codes = numbers.argmax(1) if one_hot else numbers.flatten()
        _, counts = torch.unique(codes, return_counts=True)
        classes = tuple(counts.tolist())[:MOST_CLASSES]
    return DataFacts(
        rows=len(y),
        spreads=flat.std(0, unbiased=False).cpu().numpy(),
        centres=flat.mean(0).cpu().numpy(),
        low=float(flat.min()) if flat.numel() else float("nan"),
        high=float(flat.max()) if flat.numel() else float("nan"),
        target_shape=tuple(y.shape),
        target_low=float(numbers.min()),
        target_high=float(numbers.max()),
        target_mean=float(numbers.mean()),
        target_spread=float(numbers.std(unbiased=False)),
        classes=classes,
        integers=bool((numbers == numbers.round()).all()),
        not_finite=lost,
    )


def _floating(x: Any) -> Tensor | None:
    return next((part for part in parts_of(x) if part.is_floating_point()), None)


def task_of(y: Tensor, outputs: Tensor | None) -> Task:
    """The task that targets mean: whole numbers are classes, zeros and ones in rows classes one-hot or several, ±1 two.

    >>> task_of(torch.tensor([0, 2, 1]), None), task_of(torch.tensor([[0.3], [1.2]]), None)
    ('classification', 'regression')
    """
    if not y.is_floating_point():
        return "classification"
    if bool((y.abs() == 1).all()) and bool((y != y.flatten()[0]).any()):
        return "classification" if y.dim() < 2 or y.shape[1] == 1 else "multilabel"
    bits = bool(((y == 0) | (y == 1)).all())
    if y.dim() > 1 and y.shape[1] > 1 and bits:
        return "classification" if bool((y.sum(1) == 1).all()) else "multilabel"
    return "classification" if bits else "regression"


def optimizer_facts(optimizers: Sequence[Any]) -> OptimizerFacts:
    """Facts of the optimizer, of several of the one with the highest rate."""
    groups = [(type(own).__name__.lower(), group) for own in optimizers for group in own.param_groups]
    name, group = max(groups, key=lambda own: float(own[1]["lr"]))
    options = {
        key: float(value) for key, value in group.items() if key in OPTIONS and isinstance(value, int | float)
    }
    return OptimizerFacts(name, float(group["lr"]), options)
