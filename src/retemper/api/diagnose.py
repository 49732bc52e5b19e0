"""Findings for a finished run, or for anyone's metrics."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError
from retemper.core.history import History, read_histories
from retemper.core.metric_curves import Metrics, metrics_of
from retemper.core.metrics_file import read_rows
from retemper.core.metrics_layout import rows_of
from retemper.core.records import Finding, Outcome
from retemper.doctor.case import Case
from retemper.doctor.examine import examine

FINAL, SEARCHES = "train_long", ("search_refine", "search_coarse", "search")
BATCHES = "single batches' losses jump by themselves; log a validation loss, or means over epochs"
RISES = ("overfitting", "overtrained")
PHASES = (
    ("non_finite", "diverging"),
    ("slow_start",),
    ("decayed_too_early",),
    ("oscillating", "plateau"),
    RISES,
    ("still_improving", "too_few_epochs"),
    ("underfitting",),
)
"""Codes by what they are about: a breakdown, the start, the schedule, the steps, the fit, the end, the level."""


@dataclass(frozen=True)
class Diagnosis:
    """What the curves tell.

    Args:
        findings: the most likely cause first.
        not_applicable: checks that could not be made, with the reason.
        columns: what each series was read from; empty for a run.
        networks: how many were looked at.
    """

    findings: list[Finding]
    not_applicable: list[tuple[str, str]]
    columns: dict[str, str]
    networks: int


def diagnose(source: Any) -> Diagnosis:
    """Name what is wrong with a training by its curves.

    Args:
        source: the folder of a run; a metrics file (CSV, JSON lines, Keras's CSVLogger, Lightning's
            ``metrics.csv``, Hugging Face's ``trainer_state.json``); or metrics in memory: a list of rows, a mapping of
            columns, a frame, or an object that holds them as ``history`` or ``log_history`` (what Keras's ``fit``
            returns, a ``Trainer``'s state).

    Returns:
        The findings, and what could not be checked.

    Raises:
        InputError: the source can't be read; the file, the column and the row say where.

    >>> rows = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1 / e + e / 50} for e in range(1, 31)]
    >>> "overfitting" in [finding.code for finding in diagnose(rows).findings]
    True
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if (path / "history").is_dir():
            return _of_run(path)
        return _of_metrics(metrics_of(read_rows(path), str(path)))
    return _of_metrics(metrics_of(rows_of(_in_memory(source), "metrics in memory"), "metrics in memory"))


def _in_memory(source: Any) -> Any:
    for name in ("log_history", "history"):
        source = getattr(source, name, source)
    if hasattr(source, "to_dicts"):  # Polars
        return source.to_dicts()
    if hasattr(source, "to_dict") and hasattr(source, "columns"):  # pandas
        gaps = source.astype(object).where(source.notna(), None)  # a gap is NaN there
        return gaps.to_dict("records")
    return source


def _of_metrics(metrics: Metrics) -> Diagnosis:
    examined = examine([Case(history) for history in metrics.histories])
    noisy = [finding for finding in examined.findings if _may_be_batches(finding, metrics)]
    findings = [_in_words(own, metrics) for own in _by_phase(examined.findings) if own not in noisy]
    not_applicable = examined.not_applicable + [(own.code, BATCHES) for own in noisy]
    return Diagnosis(findings, not_applicable, dict(metrics.columns), len(metrics.histories))


def _may_be_batches(finding: Finding, metrics: Metrics) -> bool:
    """Whether a finding of a log of steps may come from batches alone: their losses jump whatever the steps are.

    A loss that was thrown above its start stays a finding, and so does a drop of the rate that was logged.
    """
    if metrics.unit == "epoch" or any("val_loss" in own.series for own in metrics.histories):
        return False
    evidence = finding.evidence
    if finding.code == "oscillating":
        return float(evidence["highest"] or 0) <= float(evidence["highest_threshold"] or 0)
    return finding.code == "decayed_too_early" and not evidence["rate_known"]


def _by_phase(findings: list[Finding]) -> list[Finding]:
    """Errors before the rest, then by the phase of the training that a finding is about, the surer one first.

    Beside curves nothing tells causes; but what went wrong earlier can bring about what is seen later, and not the
    other way round: a start that was held up ends early, steps that are too large leave validation losses that rise.
    """

    swings = any(finding.code == "oscillating" for finding in findings)

    def place(finding: Finding) -> tuple[bool, int, bool, float]:
        phase = next((at for at, codes in enumerate(PHASES) if finding.code in codes), len(PHASES))
        if swings and finding.evidence.get("rate_known") is False:
            phase = len(PHASES)  # a curve that swings has kinks by chance
        slight = finding.code in RISES and finding.severity == "advice"
        return finding.severity != "error", phase, slight, -finding.confidence

    return sorted(findings, key=place)


def _in_words(finding: Finding, metrics: Metrics) -> Finding:
    """The message in the terms of the file: a share of wrong answers is no loss, a point of a long log no epoch."""
    message = finding.message
    if metrics.measure != "loss":
        message = message.replace("loss", metrics.measure)
    if metrics.unit != "epoch":
        message = message.replace("epoch", metrics.unit)
    return replace(finding, message=message)


def _of_run(path: Path) -> Diagnosis:
    """The recorded findings with their remedies' outcomes, and what the last training's curves show beside."""
    result = _result(path)
    trivial = next(
        (s["evidence"].get("expected") for s in result.get("steps", []) if s["name"] == "initial_loss"), None
    )
    histories = _histories(path, math.nan if trivial is None else float(trivial))
    examined = examine([Case(history) for history in histories])
    recorded = [_finding(found) for found in result.get("findings", [])]
    known = {finding.code for finding in recorded}
    fresh = [finding for finding in examined.findings if finding.code not in known]
    not_applicable = [(code, why) for code, why in examined.not_applicable if code not in known]
    return Diagnosis([*fresh, *recorded], not_applicable, {}, len(histories))


def _result(path: Path) -> dict[str, Any]:
    file = path / "result.json"
    if not file.exists():
        return {}
    try:
        result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"The run's result can't be read: {error}."
        raise InputError(
            "damaged_run", message, {"file": str(file)}, "Train again, or name a metrics file."
        ) from None
    return result


def _histories(path: Path, trivial: float) -> list[History]:
    """The networks of the last full training, remedies that were kept included; else those of a search."""
    names = [file.stem for file in (path / "history").glob("*.jsonl")]
    chosen = next((name for name in (FINAL, *SEARCHES) if name in names), None)
    if chosen is None:
        raise InputError(
            "no_curves",
            f"The run's folder holds no curves of a training ({len(names)} files in history).",
            {"folder": str(path)},
            "Let the run go on with `retemper train --resume RUN`, or name a metrics file.",
        )
    file = path / "history" / f"{chosen}.jsonl"
    try:
        return read_histories(file, trivial)
    except (ValueError, KeyError) as error:
        message = f"The curves can't be read: {error}."
        raise InputError(
            "damaged_run", message, {"file": str(file)}, "Train again, or name a metrics file."
        ) from None


def _finding(record: dict[str, Any]) -> Finding:
    outcome = record.get("outcome")
    known = {name: value for name, value in record.items() if name != "outcome"}
    return Finding(**known, outcome=Outcome(**outcome) if outcome else None)


def worst(findings: Sequence[Finding]) -> int:
    """How bad the worst finding is: 0 none, 1 advice, 2 warning, 3 error.

    >>> worst([Finding("plateau", "advice", 0.6, "The loss stands still.")])
    1
    """
    levels = ("advice", "warning", "error")
    return max((1 + levels.index(finding.severity) for finding in findings), default=0)
