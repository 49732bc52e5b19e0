"""The frozen records that flow through retemper and end up in result.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

import numpy as np

Task = Literal["classification", "regression"]
Severity = Literal["error", "warning", "advice"]
Verdict = Literal["pass", "warn", "fail", "skipped"]


@dataclass(frozen=True)
class Score:
    """One metric with its 95 % interval; ``low`` and ``high`` are None when they can't be had."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a remedy: the loss before and after, and the 95 % interval of the gain (positive = better)."""

    remedy: str | None
    verdict: Literal["kept", "reverted", "not_tried"]
    before: float | None = None
    after: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Finding:
    """A named fault or observation with its evidence.

    ``evidence`` holds numbers beside the thresholds they were judged by; ``remedies`` are in the order to try.
    """

    code: str
    severity: Severity
    confidence: float
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    remedies: Sequence[str] = ()
    outcome: Outcome | None = None


class NotApplicable(Exception):
    """A check can't be made here; ``str(error)`` says why. Shown apart from "found nothing"."""


@dataclass(frozen=True)
class Step:
    """One step of the procedure: its verdict, one sentence for a person, and the evidence."""

    name: str
    verdict: Verdict
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


PLAIN = (str, int, bool, type(None))


def to_json(value: Any) -> Any:
    """Plain JSON data from records, NumPy values and containers; what is not finite becomes None.

    >>> to_json({"a": Score(1.0), "b": np.float32("nan")})
    {'a': {'value': 1.0, 'low': None, 'high': None}, 'b': None}
    >>> to_json({"b", "a"})
    ['a', 'b']
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return [to_json(v) for v in sorted(value, key=str)]  # their own order differs from process to process
    if isinstance(value, (list, tuple)):
        return [to_json(v) for v in value]
    if isinstance(value, np.ndarray):
        return to_json(value.tolist())
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
