"""Which folder a run may begin in, and which command began the run that is there."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from retemper.core.errors import InputError
from retemper.core.folder_lock import LOCK_NAME, FolderLock

START = "checkpoints/run.json"
"""What a resumed run starts from: the last file written at the start, so its presence means "resumable"."""


def default_place(name: str) -> Path:
    """A folder that did not exist before, made here so that two runs of one second don't meet."""
    word = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "run"
    first = Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{word}"
    place, count = first, 1
    while True:
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            count += 1
            place = first.with_name(f"{first.name}-{count}")
        else:
            return place


def refuse_files(place: Path) -> None:
    """A folder counts as empty while it holds no file, or those of a run that was killed before its start was saved.

    Raises:
        InputError: ``run_not_empty``, or ``run_in_use``.
    """
    begun = (place / LOCK_NAME).exists() and not (place / START).exists()
    if all(path.is_dir() or (begun and _of_a_start(path.relative_to(place))) for path in place.rglob("*")):
        return
    if (place / LOCK_NAME).exists():
        FolderLock(place).close()
    verb = _verb(place)
    resume = f", or go on with this run: `retemper {verb} --resume {place}`" if verb else ""
    raise InputError(
        "run_not_empty",
        "The folder for the run is not empty.",
        {"folder": str(place)},
        f"Choose another folder with --out{resume}.",
    )


def _verb(place: Path) -> str:
    """The command that began the run in a folder; empty where there is none that could go on."""
    if (place / "result.json").is_file() and (place / "report.html").is_file():
        return ""
    try:
        verb = json.loads((place / START).read_text(encoding="utf-8"))["verb"]
    except (OSError, ValueError, TypeError, KeyError):
        return ""
    return str(verb)


def _of_a_start(file: Path) -> bool:
    """Whether a file of a run is one that is written anew when it starts, or is left over of such a writing."""
    return (
        str(file) in (LOCK_NAME, "recipe.yaml")
        or file.parts[0] == "checkpoints"
        or file.name.endswith(".tmp")
    )
