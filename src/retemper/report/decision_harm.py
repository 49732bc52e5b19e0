"""What the page of a decision tells of harm: the metric then and now, and whether the difference hurts."""

from __future__ import annotations

from typing import Any

from retemper.report.decision_words import change, ends, gain_ends, loss_ends, told
from retemper.report.words import metric, number, phrase

TITLES = {
    "harm": "It hurts",
    "none": "No harm",
    "cannot tell": "It can't be told",
    "better": "Better than before",
}


def harm_facts(harm: dict[str, Any], detected: bool, rows_now: int | None = None) -> dict[str, Any]:
    """Harm as the page shows it.

    Args:
        harm: of decision.json; ``verdict``, ``reason``, ``reliability``, ``estimates``, ``rows_before`` and
            ``rows_now`` may be missing.
        detected: whether drift was.
        rows_now: how many new rows there are, where harm does not say.
    """
    name = str(harm.get("metric") or "log_loss")
    before, now = harm.get("before"), harm.get("now")
    low, high = harm.get("low"), harm.get("high")
    verdict = harm.get("verdict") or judged(harm)
    moved = None if before is None or now is None else now - before
    return {
        "metric": metric(name)._asdict(),
        "verdict": verdict,
        "title": TITLES.get(verdict, phrase(verdict)),
        "badge": {"harm": "fail", "none": "pass", "better": "pass"}.get(verdict, "warn"),
        "sentence": _sentence(name, before, now, (low, high), verdict),
        # An estimate that can't be relied on clears nobody.
        "harmless": detected and verdict in ("none", "better") and harm.get("reliability") != "poor",
        "estimated": bool(harm.get("estimated")),
        "before": told(name, before),
        "now": told(name, now),
        "change": change(name, moved, signed=True),
        "ends": ends(name, low, high),
        # A measured harm is told by the sentence; what could not be told, or was estimated, needs its reason.
        "reason": harm.get("reason") if verdict == "cannot tell" or harm.get("estimated") else None,
        "reliability": harm.get("reliability"),
        "estimates": [_estimate(name, way, own or {}) for way, own in (harm.get("estimates") or {}).items()],
        "rows": (harm.get("rows_before"), harm.get("rows_now") or rows_now),
    }


def judged(harm: dict[str, Any]) -> str:
    """The verdict where the record holds none: by whether the interval of now - before excludes 0.

    >>> judged({"metric": "rmse", "low": 0.1, "high": 0.4}), judged({"metric": "accuracy", "low": -0.01, "high": 0.02})
    ('harm', 'none')
    """
    low, high = harm.get("low"), harm.get("high")
    if low is None or high is None:
        return "cannot tell"
    if low <= 0 <= high:
        return "none"
    return "better" if (low > 0) == metric(str(harm.get("metric"))).higher else "harm"


def _sentence(
    name: str, before: float | None, now: float | None, interval: tuple[Any, Any], verdict: str
) -> str:
    title = metric(name).title
    if now is None or before is None:
        return "The model's performance on the new rows is not known."
    higher = metric(name).higher
    gained = (now - before) * (1 if higher else -1)
    low, high = interval
    if low is not None and high is not None and not higher:
        low, high = -high, -low
    sure = "95\N{NO-BREAK SPACE}% interval "
    moved = f"{title} went from {told(name, before)} to {told(name, now)}"
    if verdict == "harm":
        return f"{moved}: worse by {change(name, -gained)} ({sure}{loss_ends(name, low, high)})."
    if verdict == "better":
        return f"{moved}: better by {change(name, gained)} ({sure}{gain_ends(name, low, high)})."
    way = "better" if gained >= 0 else "worse"
    span = gain_ends(name, low, high) if gained >= 0 else loss_ends(name, low, high)
    size = f"{way} by {change(name, abs(gained))} ({sure}{span})"
    end = "too unsure to call" if verdict == "cannot tell" else "no more than noise or a trifle"
    return f"{moved}: {size}, {end}."


def _estimate(name: str, way: str, own: dict[str, Any]) -> dict[str, Any]:
    rows = own.get("effective_rows")
    return {
        "way": phrase(way),
        "now": told(name, own.get("now")),
        "error": change(name, own.get("error")),
        "gap": change(name, own.get("gap")),
        "rows": number(None if rows is None else round(rows)),
    }
