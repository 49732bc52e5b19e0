"""A file of tensors and facts that is read as it was written, or not at all.

safetensors keeps no checksum: a flipped bit would pass as a weight. So the header carries the SHA-256 of everything
else in the file, names and shapes included.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from retemper.core.records import to_json
from retemper.core.run_folder import whole


def write(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write the file, whole or not at all.

    Args:
        path: where.
        tensors: on the CPU.
        facts: plain data; NaN becomes null.

    Raises:
        OSError: the disk is full or can't be written; what was there before still is.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "state.safetensors"
    >>> write(path, {"x": torch.ones(2)}, {"epoch": 3})
    >>> facts, tensors = read(path)
    >>> facts["epoch"], tensors["x"].tolist()
    (3, [1.0, 1.0])
    >>> _ = path.write_bytes(path.read_bytes()[:-1] + b"!")
    >>> read(path) is None
    True
    """
    own = {name: tensor.contiguous() for name, tensor in tensors.items()}
    text = json.dumps(to_json(facts))
    with whole(path) as beside, _system_errors(path):
        # To the file at once: in memory it would take the tensors' size twice more.
        save_file(own, beside, {"facts": text, "sha256": _digest(own, text)})


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """The facts and the tensors; None where there is no file, or not the one that was written."""
    try:
        with safe_open(path, framework="pt") as file:
            kept = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if kept.get("sha256") != _digest(tensors, kept["facts"]):
            return None
        facts: dict[str, Any] = json.loads(kept["facts"])
    except (OSError, SafetensorError, KeyError, ValueError, OverflowError, RuntimeError):
        return None
    return facts, tensors


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    """safetensors puts the system's refusals into words of its own; here they are OSErrors again."""
    try:
        yield
    except SafetensorError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
