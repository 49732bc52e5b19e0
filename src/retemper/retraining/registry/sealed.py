"""JSON files that hold their own checksum: a flipped bit or half a file is noticed, not believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError
from retemper.core.records import to_json
from retemper.core.run_folder import write_whole

SCHEMA = 1


class Damaged(Exception):
    """The file is not what was written; ``str(error)`` names it."""


def write_sealed(path: Path, facts: Mapping[str, Any]) -> None:
    """Write a JSON document with its format and its checksum, whole or not at all.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.json"
    >>> write_sealed(file, {"version": 3})
    >>> read_sealed(file)
    {'version': 3}

    Raises:
        OSError: the file can't be written.
    """
    document = {"schema": SCHEMA, **to_json(facts)}
    write_whole(path, json.dumps({**document, "sha256": _seal(document)}, indent=1).encode() + b"\n")


def read_sealed(path: Path) -> dict[str, Any]:
    """What :func:`write_sealed` wrote.

    Raises:
        Damaged: it is something else.
        FileNotFoundError: there is no such file.
        InputError: ``other_version``: a newer retemper wrote it.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):  # neither UTF-8 nor JSON, or endlessly nested
        raise Damaged(path.name) from None
    if not isinstance(document, dict) or document.pop("sha256", None) != _seal(document):
        raise Damaged(path.name)
    if document.pop("schema", None) != SCHEMA:
        raise InputError(
            "other_version",
            f"{path.name} has a format that this retemper does not read (it reads format {SCHEMA}).",
            {"file": str(path)},
            "Install the retemper that wrote it, or a newer one.",
        )
    return document


def _seal(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
