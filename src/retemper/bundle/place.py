"""Where a bundle lies: its own folder, or ``model/`` of the run that it came from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """A bundle's folder, and the folder of its run; None: it lies alone."""

    bundle: Path
    run: Path | None


def place_of(path: Path | str) -> Place:
    """Where the bundle of a run folder or a bundle folder lies (or would lie).

    >>> import tempfile
    >>> run = Path(tempfile.mkdtemp())
    >>> (run / "model").mkdir()
    >>> _ = (run / "model" / "bundle.json").write_text("{}")
    >>> place_of(run) == Place(run / "model", run), place_of(run / "model") == Place(run / "model", None)
    (True, True)
    """
    folder = Path(path)
    if not (folder / "bundle.json").is_file() and (folder / "model" / "bundle.json").is_file():
        return Place(folder / "model", folder)
    if folder.name == "model" and (folder.parent / "result.json").is_file():
        return Place(folder, folder.parent)
    return Place(folder, None)


def holds_model(path: Path | str) -> bool:
    """Whether there is a bundle at a path, whole or damaged."""
    return (place_of(path).bundle / "bundle.json").is_file()
