"""All symptoms over all members of a run: one finding a code where most members show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retemper.core import catalogue
from retemper.core.options import Options
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.calibration import ordered
from retemper.doctor.case import Case, Missing
from retemper.doctor.gate import gated, without_faint


@dataclass(frozen=True)
class Examined:
    """What was found, most likely cause first, and which checks could not be made, with the reason."""

    findings: list[Finding]
    not_applicable: list[tuple[str, str]]


def examine(cases: Sequence[Case], options: Mapping[str, Options] | None = None) -> Examined:
    """Check every symptom of every member.

    A code is reported when more than half of the members that could be judged show it. Its message and evidence
    are those of the member in the middle by confidence; its confidence is that member's times the share of
    members. Errors and warnings must pass the gate; the most likely cause comes first. Where the network fails,
    confidences are those of naming the cause, and what hardly does is no alarm beside others.

    Args:
        cases: the members of one recipe, or one training.
        options: thresholds by code, where they are not the defaults.

    >>> import numpy as np
    >>> e = np.arange(1.0, 31)
    >>> from retemper.core.history import History
    >>> members = [History(m, {"epoch": e, "train_loss": 1 / e, "val_loss": 1 / e + e / 50}, 1.0) for m in (0, 1)]
    >>> [f.code for f in examine([Case(history) for history in members]).findings]
    ['overfitting', 'overtrained']
    """
    findings: list[Finding] = []
    not_applicable: list[tuple[str, str]] = []
    for code in catalogue.names("symptom"):
        module = catalogue.entry("symptom", code)
        thresholds = (options or {}).get(code) or module.Options()
        judged, reasons = _judge(module, cases, thresholds)
        shown = sorted((f for f in judged if f is not None), key=lambda f: f.confidence)
        if not judged:
            not_applicable.append((code, reasons[0] if reasons else "there is no history"))
        elif 2 * len(shown) > len(judged):
            findings.append(_summary(shown[len(shown) // 2], len(shown), len(judged)))
    if cases:
        findings = without_faint(ordered(gated(findings, cases[0]), cases[0]))
    return Examined(findings, not_applicable)


def _judge(symptom: Any, cases: Sequence[Case], options: Options) -> tuple[list[Finding | None], list[str]]:
    judged: list[Finding | None] = []
    reasons: list[str] = []
    for case in cases:
        try:
            judged.append(symptom.check(case, options))
        except Missing as part:
            reasons.append(case.reasons.get(part.name, str(part)))
        except NotApplicable as why:
            reasons.append(str(why))
    return judged, reasons


def _summary(finding: Finding, shown: int, judged: int) -> Finding:
    message = finding.message if judged == 1 else f"{finding.message} ({shown} of {judged} networks show it.)"
    evidence = {**finding.evidence, "members_shown": shown, "members_judged": judged}
    return replace(
        finding,
        confidence=round(finding.confidence * shown / judged, 3),
        message=message,
        evidence=evidence,
    )
