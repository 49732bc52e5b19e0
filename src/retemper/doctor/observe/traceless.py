"""Looking that leaves no trace: generators, modes and buffers are afterwards as they were."""

from __future__ import annotations

import copy
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

WRAPPERS = frozenset({"OptimizedModule", "DataParallel", "DistributedDataParallel"})
"""Modules around a network that change nothing of what it says."""
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@contextmanager
def traceless() -> Iterator[None]:
    """Whatever is drawn within, Python's, NumPy's and PyTorch's generators (CUDA's too) go on as if nothing had been.

    >>> before = torch.get_rng_state()
    >>> with traceless():
    ...     _ = torch.rand(3), random.random(), np.random.rand()
    >>> bool((torch.get_rng_state() == before).all())
    True
    """
    python, numbers, torchs = random.getstate(), np.random.get_state(), torch.get_rng_state()
    devices = _of_cuda()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)
        torch.set_rng_state(torchs)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)


def _of_cuda() -> list[Tensor] | None:
    begun = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.get_rng_state_all() if begun else None


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards each module's own mode and its buffers again."""
    modes = [(module, module.training) for module in network.modules()]
    kept = [(module._buffers, dict(module._buffers)) for module in network.modules() if module._buffers]
    values = [
        (own, own._version, own.clone()) for _, held in kept for own in held.values() if own is not None
    ]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            written = [(own, value) for own, version, value in values if own._version != version]
            for own, value in written:
                own.copy_(value)
        for now, held in kept:
            if any(now[name] is not own for name, own in held.items()):
                now.update(held)


def inside(network: nn.Module) -> nn.Module:
    """The network within wrappers that only compile or spread it."""
    while type(network).__name__ in WRAPPERS:
        network = getattr(network, "_orig_mod", None) or network.module  # type: ignore[assignment]
    return network


def uncompiled() -> Any:
    """Within it compiled parts run as they were written; free where nothing was ever compiled."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


def copied(network: nn.Module) -> nn.Module:
    """A copy to try things on, without a person's own hooks, that are to see their training alone.

    Hooks of PyTorch's own stay: weight and spectral normalisation work by them.

    Raises:
        RuntimeError, TypeError: the network can't be copied.
    """
    own = copy.deepcopy(inside(network))
    for parameter in own.parameters():
        if not parameter.is_leaf:  # of scripted modules
            parameter.detach_().requires_grad_()
    for module in own.modules():
        for kind in HOOKS:
            hooks = getattr(module, kind, None) or {}
            for key in [key for key, hook in hooks.items() if not _of_torch(hook)]:
                del hooks[key]
    return own


def _of_torch(hook: Any) -> bool:
    return str(getattr(hook, "__module__", None) or type(hook).__module__).startswith("torch.")


def call(network: nn.Module, rows: Any) -> Any:
    """The network's outputs for rows: a tuple is arguments, a mapping arguments by name.

    >>> call(nn.Bilinear(2, 2, 1), (torch.ones(3, 2), torch.ones(3, 2))).shape
    torch.Size([3, 1])
    """
    if isinstance(rows, tuple):
        return network(*rows)
    return network(**rows) if isinstance(rows, dict) else network(rows)


def unready(network: nn.Module) -> str:
    """Why a network can't be looked at; "" where it can.

    >>> unready(nn.LazyLinear(3))
    'its layers get their sizes at the first batch: pass one batch through before'
    """
    lazy = any(nn.parameter.is_lazy(own) for own in [*network.parameters(), *network.buffers()])
    if lazy:
        return "its layers get their sizes at the first batch: pass one batch through before"
    if isinstance(network, torch.jit.ScriptModule) and not hasattr(network, "training"):
        return "it is frozen TorchScript, whose weights are constants: there is nothing to train"
    if any(own.device.type == "meta" for own in network.parameters()):
        return "its weights are on the meta device, without numbers"
    return ""


def device_of(network: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Where the network's numbers are, and of which type."""
    own: Tensor | None = next((each for each in network.parameters() if each.is_floating_point()), None)
    return (torch.device("cpu"), torch.float32) if own is None else (own.device, own.dtype)
