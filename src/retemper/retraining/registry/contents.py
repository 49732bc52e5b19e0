"""The files of a version: copied with their checksums, flushed to the disk, and checked before they are used."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retemper.bundle.place import Place, place_of
from retemper.core.errors import InputError
from retemper.core.records import to_json
from retemper.core.run_folder import write_whole
from retemper.retraining.registry.lineage import KEPT

CHUNK = 1 << 20


def loadable(model: Path | str) -> Place:
    """Where a model's bundle and its run lie; one that can't be loaded now could not be put into force later.

    Raises:
        InputError: what is wrong with the bundle.
    """
    from retemper.bundle.load import load  # PyTorch, which nothing else of a registry needs

    place = place_of(model)
    load(place.bundle)
    return place


def put_together(place: Place, decision: Mapping[str, Any] | None, folder: Path) -> dict[str, str]:
    """All files of a version but its record, with their SHA-256; ``decision`` goes before the run's own.

    Raises:
        InputError: ``damaged_bundle``.
        OSError: a file can't be read or written.
    """
    files = copied(files_of(place), folder)
    if decision is not None:
        content = json.dumps(to_json(decision), indent=1, allow_nan=False).encode() + b"\n"
        write_whole(folder / "decision.json", content)
        files["decision.json"] = hashlib.sha256(content).hexdigest()
    return files


def now() -> str:
    """The date and time in UTC, for people to read; nothing is decided by it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def files_of(place: Place) -> dict[str, Path]:
    """Path below the version's folder → file to copy: what bundle.json names, and what is kept of the run.

    A bundle may have been saved into a folder of other things; those are not copied.

    Raises:
        InputError: ``damaged_bundle``: it names a file that lies elsewhere.
    """
    facts = json.loads((place.bundle / "bundle.json").read_text(encoding="utf-8"))
    named = [own["file"] for own in facts.values() if isinstance(own, dict) and "file" in own]
    if elsewhere := [name for name in named if Path(name).name != name]:
        raise InputError(
            "damaged_bundle",
            f"The model names a file that does not lie in its folder: {elsewhere[0]!r}.",
            {"folder": str(place.bundle)},
            "Restore the folder from a copy, or train again.",
        )
    found = {f"model/{name}": place.bundle / name for name in ["bundle.json", *named]}
    kept = [] if place.run is None else [name for name in KEPT if (place.run / name).is_file()]
    return found | {name: place.run / name for name in kept if place.run}


def copied(files: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """Copy files below a folder; their SHA-256 are of the bytes that were written.

    Raises:
        OSError: one can't be read or written.
    """
    return {name: _copy(source, folder / name) for name, source in files.items()}


def _copy(source: Path, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    flush_folder(target.parent)
    return digest.hexdigest()


def first_changed(files: Mapping[str, str], folder: Path) -> str | None:
    """The first file that is not what was copied, by its SHA-256; None: all are.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a").write_text("1")
    >>> sums = copied({"b": folder / "a"}, folder)
    >>> first_changed(sums, folder), (folder / "b").write_text("2"), first_changed(sums, folder)
    (None, 1, 'b')
    """
    return next((name for name, digest in files.items() if _digest(folder / name) != digest), None)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def flush_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, so that a power cut loses none (Windows has no such call)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
