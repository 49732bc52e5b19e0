"""decision.json as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError


def read_decision(path: Path) -> dict[str, Any]:
    """A decision.json.

    Raises:
        InputError: ``no_result`` where there is none, ``bad_result`` where it can't be read.

    >>> read_decision(Path("no/such/decision.json"))
    Traceback (most recent call last):
    retemper.core.errors.InputError: The folder has no decision.json, so there is no retraining to report. ...
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        message = "The folder has no decision.json, so there is no retraining to report."
        hint = "Name the RUN folder of a finished `retemper retrain`."
        raise InputError("no_result", message, {"folder": str(path.parent)}, hint) from None
    except (ValueError, TypeError):
        hint = "Restore the file, or retrain again."
        raise InputError("bad_result", "decision.json is damaged.", {"file": str(path)}, hint) from None


def challenger_of(decision: dict[str, Any]) -> dict[str, Any]:
    """The candidate that went to the gate; empty where none did.

    A strategy may have run more than once, short and in full: the last of its name is the one that was finished.

    >>> runs = [{"strategy": "ewc", "seconds": 1}, {"strategy": "ewc", "seconds": 9}, {"strategy": "lwf"}]
    >>> challenger_of({"strategy": "ewc", "candidates": runs})["seconds"]
    9
    """
    runs = [
        own for own in decision.get("candidates") or [] if own.get("strategy") == decision.get("strategy")
    ]
    return dict(runs[-1]) if runs else {}
