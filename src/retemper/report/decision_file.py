"""decision.json as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retemper.report.record_file import read_record


def read_decision(path: Path) -> dict[str, Any]:
    """A decision.json.

    Raises:
        InputError: ``no_result`` where there is none, ``bad_result`` where it can't be read.

    >>> read_decision(Path("no/such/decision.json"))
    Traceback (most recent call last):
    retemper.core.errors.InputError: The folder has no decision.json, so there is no retraining to report. ...
    """
    hint = "Name the RUN folder of a finished `retemper retrain`."
    return read_record(path, "no retraining to report", hint, "retrain")


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
