"""Mixed precision: products in bfloat16, parameters and sums in float32 (Kalamkar et al. 2019).

bfloat16 has the range of float32, so no loss scaling is needed.
"""

from __future__ import annotations

import torch

from retemper.core.errors import InputError


def compute_dtype(mixed_precision: str, device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """The precision of forward and backward passes.

    Args:
        mixed_precision: ``on``, ``off``, or ``auto``: on where a CUDA device has bfloat16 units.
        device: where the training runs.
        dtype: the parameters' precision.

    Raises:
        InputError: ``on`` where the device has none.

    >>> compute_dtype("auto", torch.device("cpu"), torch.float32)
    torch.float32
    """
    has = device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_bf16_supported())
    if mixed_precision == "on" and not has:
        raise InputError(
            "no_mixed_precision",
            f"The device {device.type} has no bfloat16 products.",
            {"option": "training.mixed_precision"},
            "Set training.mixed_precision=auto.",
        )
    pays = mixed_precision == "on" or (mixed_precision == "auto" and has and device.type == "cuda")
    return torch.bfloat16 if pays and dtype == torch.float32 else dtype
