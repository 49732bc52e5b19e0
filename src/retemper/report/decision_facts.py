"""What the page of a decision tells, as one plain dict, read from decision.json and log.jsonl alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retemper.report.decision_answer import answer
from retemper.report.decision_candidates import candidate_facts
from retemper.report.decision_drift import drift_facts
from retemper.report.decision_file import read_decision
from retemper.report.decision_forgetting import forgetting_facts
from retemper.report.decision_gate import gate_facts
from retemper.report.decision_harm import harm_facts
from retemper.report.decision_log import log_of
from retemper.report.decision_words import main_metric
from retemper.report.words import number, phrase

MOST_NAMES = 12
GROWTH = {
    "classes": "New classes",
    "columns": "New columns",
    "levels": "New levels",
    "gone": "Columns that are gone",
    "given_up": "Not taken up",
}
USES = {
    "new": "New rows",
    "known_by_heart": "New rows that the champion was trained on",
    "labelled": "With their target",
    "never_trained_on": "Kept apart, never trained on",
    "old_to_learn": "Old rows to learn from",
    "old_to_judge": "Old rows to judge by",
}


def decision_facts(folder: Path) -> dict[str, Any]:
    """Everything that the page of a retraining shows.

    Args:
        folder: a RUN of ``retemper retrain``, with decision.json; log.jsonl may be missing.

    Raises:
        InputError: ``no_result`` where there is no decision.json, ``bad_result`` where it can't be read.
    """
    log, more = log_of(folder / "log.jsonl")
    return told_of(read_decision(folder / "decision.json"), folder.resolve().name) | {
        "log": log,
        "log_left_out": more,
    }


def told_of(decision: dict[str, Any], name: str) -> dict[str, Any]:
    """What is told of a decision without its run's folder.

    Args:
        decision: as in decision.json; whatever goes beyond the contract may be missing.
        name: of the run.
    """
    metric = main_metric(decision)
    drift = drift_facts(decision.get("drift") or {})
    return {
        "name": name,
        **{key: decision.get(key) for key in ("task", "target", "seed", "seconds", "champion", "challenger")},
        "answer": answer(decision, metric),
        "drift": drift,
        "harm": harm_facts(decision.get("harm") or {}, drift["detected"], drift["rows"].get("current")),
        "candidates": candidate_facts(decision, metric),
        "gate": gate_facts(decision.get("gate") or {}),
        "forgetting": forgetting_facts(decision.get("forgetting") or {}),
        "grown": _grown(decision.get("added") or {}, decision.get("findings") or []),
        "used": [
            (USES.get(name, phrase(name)), number(rows))
            for name, rows in (decision.get("rows") or {}).items()
        ],
        "counts": counts(decision),
        "log": [],
        "log_left_out": 0,
    }


def _grown(added: dict[str, Any], findings: list[Any]) -> dict[str, Any]:
    """What the new rows have that the model did not know, and what they lack."""
    lines = []
    for name, title in GROWTH.items():
        found = added.get(name) or []
        if isinstance(found, dict):
            words = [
                f"{key}: {_listed(own)}" if isinstance(own, list) else str(key) for key, own in found.items()
            ]
        else:
            words = [str(own) for own in found]
        if words:
            lines.append((title, _listed(words, "; " if name == "levels" else ", ")))
    return {
        "lines": lines,
        "findings": [own for own in findings if isinstance(own, dict) and own.get("message")],
    }


def _listed(names: list[Any], between: str = ", ") -> str:
    more = len(names) - MOST_NAMES
    return between.join(map(str, names[:MOST_NAMES])) + (f"{between}and {more} more" if more > 0 else "")


def counts(decision: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was tried and tested, counted: whoever looks often enough finds something.

    >>> counts({"candidates": [{"strategy": "ewc"}, {"strategy": "ewc"}], "tried": {"networks": 12}})[:2]
    [('Strategies tried', '1'), ('Their runs', '2')]
    """
    drift, gate = decision.get("drift") or {}, decision.get("gate") or {}
    runs = decision.get("candidates") or []
    counted = {
        "Strategies tried": len({own.get("strategy") for own in runs}),
        "Their runs": len(runs),
        "Tests of the gate": len(gate.get("tests") or []),
        "Families of drift tests": len(drift.get("families") or {}),
        "Tests of single columns and outputs": len(drift.get("columns") or []),
    }
    more = {phrase(str(name)): value for name, value in (decision.get("tried") or {}).items()}
    return [(title, number(count)) for title, count in (counted | more).items()]
