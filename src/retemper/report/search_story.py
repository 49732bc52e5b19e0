"""What stands around a search's trials: how it was done, what its best is worth, its ranges, what it began from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retemper.report.search_course import course
from retemper.report.search_promise import promise
from retemper.report.search_ranges import ranges
from retemper.report.search_stacks import stacks
from retemper.report.search_warm import warm_start


def story(folder: Path, result: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The parts, each a plain dict or list; ``{}`` where no search was made.

    Args:
        folder: of the run; its log is read.
        result: the content of result.json.
        evidence: of the step ``search``, without nulls.

    >>> story(Path("."), {}, {})
    {}
    """
    if not evidence.get("trials"):
        return {}
    return {
        "course": course(evidence, result.get("search") or {}),
        "promise": promise(evidence, result),
        "ranges": ranges(evidence, result),
        "warm_start": warm_start(evidence),
        "stacks": stacks(folder / "log.jsonl"),
    }
