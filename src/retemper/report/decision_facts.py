"""What the page of a decision tells, as one plain dict, read from decision.json and log.jsonl alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError
from retemper.report.decision_answer import answer
from retemper.report.decision_candidates import candidate_facts
from retemper.report.decision_drift import drift_facts
from retemper.report.decision_forgetting import forgetting_facts
from retemper.report.decision_gate import gate_facts
from retemper.report.decision_harm import harm_facts
from retemper.report.decision_log import log_of
from retemper.report.decision_words import main_metric
from retemper.report.words import number, phrase


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
        "counts": counts(decision),
        "log": [],
        "log_left_out": 0,
    }


def read_decision(path: Path) -> dict[str, Any]:
    """A decision.json.

    Raises:
        InputError: ``no_result`` or ``bad_result``.
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


def counts(decision: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was tried and tested, counted: whoever looks often enough finds something.

    >>> counts({"candidates": [], "tried": {"short_runs": 12}})[0]
    ('Strategies tried', '0')
    """
    drift, gate = decision.get("drift") or {}, decision.get("gate") or {}
    counted = {
        "Strategies tried": len(decision.get("candidates") or []),
        "Tests of the gate": len(gate.get("tests") or []),
        "Families of drift tests": len(drift.get("families") or {}),
        "Tests of single columns and outputs": len(drift.get("columns") or []),
    }
    more = {phrase(str(name)): value for name, value in (decision.get("tried") or {}).items()}
    return [(title, number(count)) for title, count in (counted | more).items()]
