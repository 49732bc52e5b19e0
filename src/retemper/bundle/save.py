"""A model as a folder: bundle.json, weights.safetensors and what it remembers; nothing that runs code when loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save as save_tensors
from torch import Tensor

from retemper.bundle.memory.record import ROWS, TRAINED
from retemper.core.records import to_json
from retemper.core.run_folder import disk_faults, write_whole

SCHEMA = 4
WEIGHTS = "weights.safetensors"


def save(
    facts: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    folder: Path,
    files: Mapping[str, tuple[str, bytes]] | None = None,
) -> Path:
    """Write a bundle; bundle.json comes last and holds the checksums of all files and its own.

    What an older bundle in this folder remembered (rows, above all) and this one does not is deleted.

    Args:
        facts: all but the weights, as :meth:`retemper.bundle.model.Model.facts` gives it.
        tensors: the weights by name.
        folder: made where it is not there.
        files: further ones: key in bundle.json → name and content.

    Returns:
        The folder.

    Raises:
        InputError: the disk is full or can't be written.
    """
    named = {"weights": (WEIGHTS, save_tensors(dict(tensors))), **(files or {})}
    sums = {
        key: {"file": name, "sha256": hashlib.sha256(content).hexdigest()}
        for key, (name, content) in named.items()
    }
    whole = to_json({"schema": SCHEMA, **facts, **sums})
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in named.values():
            write_whole(folder / name, content)
        write_whole(folder / "bundle.json", _text({**whole, "sha256": checksum(whole)}))
        for name in {TRAINED, ROWS} - {name for name, _ in named.values()}:
            (folder / name).unlink(missing_ok=True)
    return folder


def checksum(facts: Mapping[str, Any]) -> str:
    """SHA-256 of a bundle's facts as they are written.

    >>> checksum({"a": 0.1}) == checksum(json.loads('{"a": 0.1}')), checksum({"a": 0.1}) == checksum({"a": 0.2})
    (True, False)
    """
    return hashlib.sha256(_text(facts)).hexdigest()


def _text(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, allow_nan=False).encode()
