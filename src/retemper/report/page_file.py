"""Where a page goes, and how it gets there."""

from __future__ import annotations

from pathlib import Path

from retemper.core.errors import InputError
from retemper.core.run_folder import disk_faults, write_whole


def page_place(out: str | Path, option: str, example: str) -> Path:
    """The path of a page that a person named.

    Args:
        out: what they named.
        option: by which option.
        example: how to name it.

    Raises:
        InputError: ``bad_option``: its name does not end in .html, or it is a folder.

    >>> page_place("check.html", "--out", "--out check.html").name
    'check.html'
    """
    path = Path(out)
    if path.suffix.lower() not in (".html", ".htm") or path.is_dir():
        raise InputError(
            "bad_option",
            f"The page can't be {path.name!r}: it is a file whose name ends in .html.",
            {"option": option},
            f"Name a file, for example {example}.",
        )
    return path


def write_page(page: str, path: Path) -> Path:
    """Write a page, whole or not at all, its folder made where it is not there.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, page.encode("utf-8"))
    return path
