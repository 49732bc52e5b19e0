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
RECORD = "version.json"
"""What a registry writes of a version."""
SCORE = ("value", "low", "high")


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
            data=_data(place, facts, result, made or {}),
            recipe=_digest(facts["recipe"]),
            metrics=result.get("metrics", {}).get("test", {}) or _standing(facts),
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


def fingerprint(path: Path) -> str:
    """SHA-256 of a file's content; of a folder of parts, over all its files' names and contents.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a").write_text("1")
    >>> fingerprint(folder / "a")[:6], fingerprint(folder) == fingerprint(folder / "a")
    ('6b86b2', False)

    Raises:
        OSError: it can't be read.
    """
    files = {"": path} if path.is_file() else {str(own.relative_to(path)): own for own in path.rglob("*")}
    return _over({name: _content(own) for name, own in sorted(files.items()) if own.is_file()})


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _over(contents: Mapping[str, str]) -> str:
    return contents[""] if set(contents) == {""} else _digest(contents)


def _data(
    place: Place, facts: Mapping[str, Any], result: Mapping[str, Any], made: Mapping[str, Any]
) -> DataFingerprint:
    """Of a training by what it started from, of a retraining by its decision, of a version by its record."""
    columns = (*(column["name"] for column in facts["columns"]["columns"]), facts["target"]["name"])
    rows = result.get("rows") or _rows(made.get("rows"))
    if new := made.get("data", {}).get("new"):
        return DataFingerprint(new["path"], rows, columns, new["sha256"])
    if stream := made.get("stream"):
        return DataFingerprint(made["batch"], rows, columns, stream["sha256"])
    if record := _json(place.run / RECORD) if place.run else {}:
        known = record["lineage"]["data"]
        return DataFingerprint(known["source"], known["rows"], columns, known["sha256"])
    source = _json(place.run / START).get("data") if place.run else None
    if not source:
        return DataFingerprint(None, rows, columns)
    digest = _over({file: mark["sha256"] for file, mark in source["files"].items()})
    return DataFingerprint(source["path"], rows, columns, digest)


def _rows(counts: Mapping[str, int] | None) -> dict[str, int]:
    """Rows of a retraining: those that networks learnt from, and those that none did."""
    if not counts:
        return {}
    apart, old = counts["never_trained_on"], (counts["old_to_learn"], counts["old_to_judge"])
    return {"train": counts["labelled"] - apart + old[0], "test": apart + old[1]}


def _standing(facts: Mapping[str, Any]) -> dict[str, Any]:
    """How the model stood on rows that it had not learnt from, by its own memory."""
    known = (facts.get("memory") or {}).get("standing") or {}
    return {name: {key: own[key] for key in SCORE} for name, own in known.items()}


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
