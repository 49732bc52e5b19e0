"""A model as a folder: bundle.json and weights.safetensors, nothing that runs code when loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save as save_tensors
from torch import Tensor

from retemper.core.records import to_json
from retemper.core.run_folder import disk_faults, write_whole

SCHEMA = 2
WEIGHTS = "weights.safetensors"


def save(facts: Mapping[str, Any], tensors: Mapping[str, Tensor], folder: Path) -> Path:
    """Write a bundle; bundle.json comes last and holds the weights' checksum and its own.

    Args:
        facts: all but the weights, as :meth:`retemper.bundle.model.Model.facts` gives it.
        tensors: the weights by name.
        folder: made where it is not there.

    Returns:
        The folder.

    Raises:
        InputError: the disk is full or can't be written.
    """
    content = save_tensors(dict(tensors))
    weights = {"file": WEIGHTS, "sha256": hashlib.sha256(content).hexdigest()}
    whole = to_json({"schema": SCHEMA, **facts, "weights": weights})
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / WEIGHTS, content)
        write_whole(folder / "bundle.json", _text({**whole, "sha256": checksum(whole)}))
    return folder


def checksum(facts: Mapping[str, Any]) -> str:
    """SHA-256 of a bundle's facts as they are written.

    >>> checksum({"a": 0.1}) == checksum(json.loads('{"a": 0.1}')), checksum({"a": 0.1}) == checksum({"a": 0.2})
    (True, False)
    """
    return hashlib.sha256(_text(facts)).hexdigest()


def _text(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, allow_nan=False).encode()
