"""A record of a run's folder, read for the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError


def read_record(path: Path, about: str, absent: str, again: str) -> dict[str, Any]:
    """The content of result.json or decision.json.

    Args:
        path: the file.
        about: what can't be reported without it.
        absent: what to do where it is not there.
        again: how it would be made anew.

    Raises:
        InputError: ``no_result`` where there is none, ``bad_result`` where it can't be read.

    >>> read_record(Path("no/such/result.json"), "nothing to report", "Name a RUN.", "train")
    Traceback (most recent call last):
    retemper.core.errors.InputError: The folder has no result.json, so there is nothing to report. ...
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        message = f"The folder has no {path.name}, so there is {about}."
        raise InputError("no_result", message, {"folder": str(path.parent)}, absent) from None
    except (ValueError, TypeError):
        hint = f"Restore the file, or {again} again."
        raise InputError("bad_result", f"{path.name} is damaged.", {"file": str(path)}, hint) from None
