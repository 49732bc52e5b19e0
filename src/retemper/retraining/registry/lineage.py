"""Where a model came from, read from what its run saved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from retemper.bundle.place import Place
from retemper.core.errors import InputError
from retemper.core.records import to_json
from retemper.core.run_place import START
from retemper.core.version_records import DataFingerprint, Lineage
from retemper.retraining.registry.reference import could_be, parse

KEPT = ("recipe.yaml", "result.json", "decision.json")
"""What a version keeps of its run, beside the bundle."""


def lineage_of(
    place: Place,
    name: str,
    parent: int | None = None,
    decision: Mapping[str, Any] | None = None,
    note: str = "",
) -> Lineage:
    """What a bundle and its run tell of themselves.

    Args:
        place: the bundle, which has been loaded without an error, and its run.
        name: the model's, to tell its parent among the decision's words (``"champion": "churn@2"``).
        parent: the version it was retrained from; None: what the decision says.
        decision: the content of decision.json; None: the run's own, if it has one.
        note: a person's words.

    Raises:
        InputError: ``damaged_run``: a file of the run is not what was written.
    """
    facts = _json(place.bundle / "bundle.json")
    made = decision if decision is not None else _decision(place)
    try:
        result = _json(place.run / "result.json") if place.run else {}
        found = Lineage(
            task=facts["task"],
            target=facts["target"]["name"],
            data=_data(place, facts, result),
            recipe=_digest(facts["recipe"]),
            metrics=result.get("metrics", {}).get("test", {}),
            run=None if place.run is None else str(place.run.resolve()),
            parent=parent if parent is not None else _parent(made, name),
            decision=None if made is None else _summary(made),
            note=note,
            retemper=version("retemper"),
        )
        return TypeAdapter(Lineage).validate_python(
            to_json(found)
        )  # what could not be read back is not written
    except (KeyError, TypeError, AttributeError, ValidationError):
        raise _damaged(place.run or place.bundle) from None


def _data(place: Place, facts: Mapping[str, Any], result: Mapping[str, Any]) -> DataFingerprint:
    columns = (*(column["name"] for column in facts["columns"]["columns"]), facts["target"]["name"])
    source = _json(place.run / START).get("data") if place.run else None
    if not source:
        return DataFingerprint(None, result.get("rows", {}), columns)
    contents = {file: mark["sha256"] for file, mark in source["files"].items()}
    digest = contents[""] if set(contents) == {""} else _digest(contents)
    return DataFingerprint(source["path"], result.get("rows", {}), columns, digest)


def _decision(place: Place) -> dict[str, Any] | None:
    return (_json(place.run / "decision.json") or None) if place.run else None


def _summary(decision: Mapping[str, Any]) -> dict[str, Any]:
    """What a line of a table has room for; the whole lies beside it as decision.json."""
    gate = decision["gate"]
    return {
        "strategy": decision["strategy"],
        "verdict": gate["verdict"],
        "reason": gate["reason"],
        "promoted": decision["promoted"],
    }


def _parent(decision: Mapping[str, Any] | None, name: str) -> int | None:
    champion = str(decision["champion"]) if decision else ""
    if not could_be(champion):
        return None
    reference = parse(champion)
    return reference.version if reference.name == name else None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(to_json(value), sort_keys=True).encode()).hexdigest()


def _json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def _damaged(path: Path) -> InputError:
    return InputError(
        "damaged_run",
        "What the run says of itself is not what retemper writes.",
        {"file": str(path)},
        "Put the file back as it was, or add the run's model/ folder from a place of its own.",
    )
