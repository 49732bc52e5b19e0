"""Which device trains, and with how many threads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from retemper.core.errors import InputError

if TYPE_CHECKING:
    import torch


def choose(name: str = "auto") -> torch.device:
    """The device of a name; ``auto``: CUDA or MPS where there is one, else the CPU.

    Raises:
        InputError: the named device is not there.

    >>> choose("cpu").type
    'cpu'
    """
    import torch

    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, there in has.items() if there)
    if not has[name]:
        raise InputError(
            "no_device", f"This machine has no {name} device.", {"option": "device"}, "Set device=auto."
        )
    return torch.device(name)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_thread() -> None:
    """Let PyTorch use one thread: small products lose by more, and bits stay the same on any machine size."""
    import torch

    torch.set_num_threads(1)
