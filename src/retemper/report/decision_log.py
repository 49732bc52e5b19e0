"""A run's log of decisions, for the page: what happened, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from retemper.report.facts import MOST_EVENTS, flat


def log_of(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Events of log.jsonl and how many more there are; a line that can't be read is shown as it is.

    >>> log_of(Path("no/such/log.jsonl"))
    ([], 0)
    """
    if not path.is_file():
        return [], 0
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [_event(line) for line in lines[:MOST_EVENTS]], max(0, len(lines) - MOST_EVENTS)


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        event = {"event": "unreadable line", "text": line}
    if not isinstance(event, dict):
        event = {"event": str(event)}
    return {"event": str(event.pop("event", "event")), "lines": flat(event, most=12)}
