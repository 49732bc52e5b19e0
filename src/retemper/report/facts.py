"""What the report tells, as one plain dict: read from the files of a run folder, never from live objects."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from retemper.core.history import History, read_histories
from retemper.core.records import to_json
from retemper.report.activations import of_training
from retemper.report.cleaning import cleaning
from retemper.report.decisions import decisions
from retemper.report.layers import layers_of, of_all
from retemper.report.nested import nested
from retemper.report.record_file import read_record
from retemper.report.search_story import story
from retemper.report.seen import seen_at
from retemper.report.study import study
from retemper.report.thinning import rounded
from retemper.report.understanding import understanding
from retemper.report.verdict import verdict
from retemper.report.words import METRICS, STEPS, metric, number, phrase, seriousness

MOST_EPOCHS, MOST_MEMBERS, MOST_COLUMNS, MOST_POINTS, MOST_EVENTS = 200, 60, 200, 1500, 300
MOST_LABELS = 24
"""A confusion matrix with more classes becomes a list of its largest confusions."""


def facts(run_folder: Path) -> dict[str, Any]:
    """Everything the report shows.

    Large parts are thinned (curves to 200 epochs and 60 networks, scatter plots to 1,500 points, 200 columns,
    300 log events); how much was left out is said beside each.

    Args:
        run_folder: a folder with result.json; recipe.yaml, log.jsonl and history/ may be missing.

    Returns:
        plain JSON data, one key a section.

    Raises:
        InputError: there is no result.json, or it can't be read.
    """
    result = _result(run_folder / "result.json")
    search, steps = result.get("search") or {}, result.get("steps") or []
    told = [{"name": "search"} | search, *steps]
    evidence = {own["name"]: _known(own.get("evidence") or {}) for own in told}
    curves, notes = _histories(run_folder / "history")
    log, left_out = _log(run_folder / "log.jsonl")
    recipe = run_folder / "recipe.yaml"
    found = {
        "name": run_folder.resolve().name,
        **{key: result.get(key) for key in ("task", "target", "seed", "seconds")},
        **{key: result.get(key) or {} for key in ("rows", "versions", "search")},
        "verdict": verdict(result),
        "scores": _scores(result),
        "nested": nested(result),
        "understanding": understanding(result),
        "decisions": decisions(evidence),
        "cleaning": cleaning(result, evidence),
        "steps": [_step(own) for own in steps if (own.get("evidence") or {}).get("step_of") != "train"],
        "data": _data(evidence.get("data_check", {})),
        "evidence": evidence,
        "curves": curves,
        "activations": of_training(evidence.get("read_curves", {})),
        "study": study(evidence.get("search", {})),
        "story": story(run_folder, result, evidence.get("search", {})),
        "trials": _trials(evidence),
        "confusion": _confusion((evidence.get("test_once") or {}).get("confusion")),
        "residuals": _residuals((evidence.get("test_once") or {}).get("residuals")),
        "findings": [_finding(own) for own in sorted(result.get("findings") or [], key=seriousness)],
        "recipe": recipe.read_text(encoding="utf-8") if recipe.is_file() else None,
        "log": log,
        "log_left_out": left_out,
        "notes": notes,
    }
    return dict(to_json(found))


def flat(evidence: Any, path: str = "", most: int = 60) -> list[tuple[str, str]]:
    """Nested evidence as lines (name, text); long lists are told by their length.

    >>> flat({"loss": {"before": 0.5}, "edges": [1, 2], "trials": [{"id": 1}] * 9})
    [('Loss, before', '0.5'), ('Edges', '1, 2'), ('Trials', '9 entries')]
    """
    lines: list[tuple[str, str]] = []
    for key, value in evidence.items():
        name = f"{path}, {phrase(str(key)).lower()}" if path else phrase(str(key))
        if isinstance(value, dict):
            lines += flat(value, name, most)
        elif isinstance(value, list) and (len(value) > 8 or any(isinstance(v, (dict, list)) for v in value)):
            lines.append((name, f"{len(value):,} entries"))
        elif isinstance(value, list):
            lines.append((name, ", ".join(number(v) for v in value) or "none"))
        else:
            lines.append((name, number(value[:300] if isinstance(value, str) else value)))
    return lines[:most]


def _result(path: Path) -> dict[str, Any]:
    hint = "Name the RUN folder of a finished `retemper train`; resume a stopped one with --resume."
    return read_record(path, "nothing to report", hint, "train")


def _step(step: dict[str, Any]) -> dict[str, Any]:
    alone = (step.get("evidence") or {}).get("in") == "search.evidence"  # the search of ``tune``
    title, question = STEPS.get("search" if alone else step["name"], (phrase(step["name"]), ""))
    return {
        **{key: step.get(key) for key in ("name", "verdict", "message", "seconds")},
        **{"title": title, "question": question},
        "lines": flat(step.get("evidence") or {}),
    }


def _finding(finding: dict[str, Any]) -> dict[str, Any]:
    outcome, evidence = finding.get("outcome"), finding.get("evidence") or {}
    numbers = dict.fromkeys(("before", "after", "low", "high"))
    return {
        **finding,
        **{"evidence": flat(evidence), "epoch": seen_at(evidence)[0]},
        "outcome": {**numbers, **outcome} if outcome else None,
    }


def _known(value: Any) -> Any:
    """Evidence without its nulls, so that "null" and "not there" are one case for whoever shows it."""
    if isinstance(value, dict):
        return {key: _known(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_known(inner) for inner in value]
    return value


def _scores(result: dict[str, Any]) -> dict[str, Any]:
    """The test scores as a table: one row a metric, the network first, then the baselines."""
    by_model = {"network": (result.get("metrics") or {}).get("test") or {}, **(result.get("baselines") or {})}
    present = {name for found in by_model.values() for name in found}
    order = [name for name in METRICS if name in present] + sorted(present - set(METRICS))
    models = ["network", *reversed([who for who in by_model if who != "network"])]
    rows = []
    for name in order:
        values = {who: by_model[who].get(name) for who in models}
        known = {who: score["value"] for who, score in values.items() if score and score["value"] is not None}
        best = (max if metric(name).higher else min)(known.values()) if known else None
        rows.append({"metric": name, "values": values, "best": [w for w, v in known.items() if v == best]})
    return {
        "models": models,
        "rows": rows,
        "validation": (result.get("metrics") or {}).get("validation") or {},
    }


def _data(check: dict[str, Any]) -> dict[str, Any]:
    columns = check.get("columns") or []
    kinds: dict[str, int] = {}
    for column in columns:
        kinds[column.get("kind", "?")] = kinds.get(column.get("kind", "?"), 0) + 1
    classes = sorted((check.get("classes") or {}).items(), key=lambda item: -item[1])
    return {
        **{key: check.get(key) for key in ("rows", "duplicates")},
        "kinds": kinds,
        "columns": [_column(column) for column in columns[:MOST_COLUMNS]],
        "columns_left_out": max(0, len(columns) - MOST_COLUMNS),
        "classes": classes[:MOST_LABELS],
        "classes_rows": sum(rows for _, rows in classes),
        "classes_left_out": max(0, len(classes) - MOST_LABELS),
        "target": _shape(check.get("target")),
    }


def _column(column: dict[str, Any]) -> dict[str, Any]:
    """A column with its shape: a histogram, or its most frequent levels."""
    levels = {"levels": column.get("levels"), "counts": column.get("counts")}
    return {**column, "histogram": _shape(column.get("histogram") or levels)}


def _shape(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """A histogram with both ends as text in its unit, or levels; None when there is nothing to draw."""
    if not found or not found.get("counts"):
        return None
    if found.get("levels"):
        return {"levels": [str(level) for level in found["levels"]], "counts": found["counts"]}
    edges, unit = found.get("edges") or [], found.get("unit")
    if len(edges) < 2:
        return None
    ends = [date(edge) if unit == "seconds since 1970" else number(edge) for edge in (edges[0], edges[-1])]
    if unit == "characters":
        ends[1] += " characters"
    return {"edges": edges, "counts": found["counts"], "ends": ends}


def date(seconds: float) -> str:
    """Seconds since 1970 as a day."""
    return (datetime(1970, 1, 1) + timedelta(seconds=seconds)).strftime("%Y-%m-%d")


def _histories(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Curves by file stem; a file that can't be read is told in a note."""
    curves: dict[str, Any] = {}
    notes: list[str] = []
    for path in sorted(folder.glob("*.jsonl")):
        try:
            members = read_histories(path)
        except (ValueError, KeyError):
            notes.append(f"history/{path.name} is damaged; its curves are not shown.")
            continue
        best = sorted(members, key=_lowest)[:MOST_MEMBERS]
        layers = layers_of(best[0].series) if best else {}
        curves[path.stem] = {"members": [_thinned(m) for m in best], "of": len(members), "layers": layers}
    return curves, notes


def _lowest(history: History) -> float:
    """The lowest validation loss; by the best temperature where the training measured it, as early stopping does."""
    losses = history.series.get("val_loss_calibrated", history.series.get("val_loss", np.array([])))
    losses = losses[np.isfinite(losses)]
    return float(losses.min()) if len(losses) else float("inf")


def _thinned(history: History) -> dict[str, Any]:
    rows = np.unique(np.linspace(0, len(history) - 1, min(len(history), MOST_EPOCHS)).round().astype(int))
    series = {name: rounded(values[rows]) for name, values in of_all(history.series).items()}
    lowest = _lowest(history)
    return {"id": history.member, "lowest": lowest if np.isfinite(lowest) else None, **series}


def _trials(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    """The trials of both searches, longest trained and best first; a refined one replaces its coarse self."""
    merged = {
        trial.get("id"): {**trial, "stage": stage}
        for stage in ("search_coarse", "search_refine")
        for trial in (evidence.get(stage) or {}).get("trials") or []
    }

    def rank(trial: dict[str, Any]) -> tuple[bool, float, float]:
        loss = float("inf") if trial.get("val_loss") is None else trial["val_loss"]
        return trial["stage"] != "search_refine", -(trial.get("epochs") or 0), loss

    return sorted(merged.values(), key=rank)


def _confusion(confusion: dict[str, Any] | None) -> dict[str, Any] | None:
    """Counts and shares of each true class, or the largest confusions when there are many classes."""
    if not confusion or not confusion.get("labels"):
        return None
    labels = [str(label) for label in confusion["labels"]]
    counts = np.array(confusion["counts"], dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if len(labels) <= MOST_LABELS:
        return {"labels": labels, "counts": counts.astype(int), "shares": shares.round(4)}
    wrong = np.where(np.eye(len(labels), dtype=bool), 0, counts)
    largest = [divmod(int(i), len(labels)) for i in np.argsort(-wrong, axis=None, kind="stable")[:20]]
    pairs = [
        {"true": labels[i], "predicted": labels[j], "count": int(counts[i, j]), "share": float(shares[i, j])}
        for i, j in largest
        if wrong[i, j]
    ]
    return {"labels": labels, "pairs": pairs}


def _residuals(residuals: dict[str, Any] | None) -> dict[str, Any] | None:
    if not residuals:
        return None
    predicted = np.array(residuals.get("predicted") or [], dtype=np.float64)
    residual = np.array(residuals.get("residual") or [], dtype=np.float64)
    rows = np.unique(np.linspace(0, len(predicted) - 1, min(len(predicted), MOST_POINTS)).astype(int))
    return {
        "predicted": rounded(predicted[rows]),
        "residual": rounded(residual[rows]),
        "of": len(predicted),
        "edges": residuals.get("edges"),
        "counts": residuals.get("counts"),
    }


def _log(path: Path) -> tuple[list[dict[str, Any]], int]:
    if not path.is_file():
        return [], 0
    events = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            event = {"event": "unreadable line", "text": line[:200]}
        event = event if isinstance(event, dict) else {"event": str(event)}
        events.append({"event": str(event.pop("event", "event")), "lines": flat(event, most=12)})
    return events[:MOST_EVENTS], max(0, len(events) - MOST_EVENTS)
