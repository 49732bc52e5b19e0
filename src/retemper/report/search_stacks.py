"""How the search's networks were put into stacks: what was timed, and what was chosen, from the run's log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MOST_CHOICES = 8


def stacks(log: Path) -> dict[str, Any]:
    """The choices by timing.

    Args:
        log: log.jsonl; it may be missing.

    Returns:
        ``sizes``: for each choice of a stack's size the ways that were timed, in milliseconds a step and network;
        ``widths``: of networks that differ in width, apart or together, in milliseconds a step of all;
        ``left_out``: choices that are not shown; ``replayed``: they were made in another run.
    """
    made: dict[str, Any] = {}
    timed: dict[str, dict[str, float]] = {}
    replayed = False
    for event in _events(log):
        name, kind = str(event.get("name", "")), event.get("event")
        if kind == "started":
            replayed = replayed or event.get("replay") is not None
        if kind == "timed" and isinstance(event.get("milliseconds_a_step"), dict):
            timed[name] = event["milliseconds_a_step"]
        if kind == "decision":
            made[name] = event.get("value")
    sizes = [_size(timed[name], made.get(name)) for name in timed if name.startswith("stacks.members.")]
    widths = [_widths(timed[name], made.get(name)) for name in timed if name.startswith("stacks.widths.")]
    return {
        "sizes": sizes[:MOST_CHOICES],
        "widths": widths[:MOST_CHOICES],
        "left_out": max(0, len(sizes) - MOST_CHOICES) + max(0, len(widths) - MOST_CHOICES),
        "replayed": replayed,
    }


def _events(log: Path) -> list[dict[str, Any]]:
    if not log.is_file():
        return []
    events = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        # Most lines of a long log are of no concern here.
        if '"timed"' not in line and '"decision"' not in line and '"started"' not in line:
            continue
        try:
            event = json.loads(line)
        except ValueError:
            continue
        events += [event] if isinstance(event, dict) else []
    return events


def _size(figures: dict[str, float], chosen: Any) -> list[dict[str, Any]]:
    """Each size with the milliseconds of a step and network, which the choice goes by."""
    return [
        {
            "members": int(size),
            "ms": round(float(ms) / int(size), 4),
            "chosen": str(size) == str(chosen),
        }
        for size, ms in figures.items()
        if size.isdigit() and int(size)
    ]


def _widths(figures: dict[str, float], chosen: Any) -> dict[str, Any]:
    """Networks of several widths: apart, one stack a width, or together, filled up with zeros."""
    apart = {width: ms for width, ms in figures.items() if width != "together"}
    return {
        "widths": ", ".join(apart),
        "apart": round(sum(apart.values()), 3),
        "together": figures.get("together"),
        "chosen": "together" if chosen else "apart",
    }
