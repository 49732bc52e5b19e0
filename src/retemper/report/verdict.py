"""The line at the top: how good is the network, and does it beat the honest marks?"""

from __future__ import annotations

from typing import Any

from retemper.report.words import MAIN, fixed, metric, model


def verdict(result: dict[str, Any]) -> dict[str, Any]:
    """The main metric against the best baseline.

    Both were scored on the same rows, so the paired gain of ``test_once`` decides: the network *beats* a baseline
    when its 95 % interval lies above 0, and is behind when it lies below. Without one (an older or a damaged
    run), the baseline's score is held against the network's own interval.

    Args:
        result: the content of result.json.

    Returns:
        ``{"metric", "score", "against", "outcome", "headline", "detail", "marks"}``; ``outcome`` is ahead,
        level, behind or none, ``marks`` are all models' scores on one scale, in percent of its width.
    """
    name = MAIN.get(result.get("task", ""), "log_loss")
    scores = {"network": (result.get("metrics") or {}).get("test") or {}, **(result.get("baselines") or {})}
    known = {
        who: found[name] for who, found in scores.items() if (found.get(name) or {}).get("value") is not None
    }
    own = known.get("network")
    rivals = {who: score for who, score in known.items() if who != "network"}
    best = min(rivals, key=lambda who: rivals[who]["value"]) if rivals else None
    outcome = _outcome(own, rivals[best], _gain(result, best)) if own and best else "none"
    return {
        "metric": name,
        "score": own,
        "against": best,
        "outcome": outcome,
        "headline": _headline(outcome, best),
        "detail": _detail(name, own, best and rivals[best], best, outcome),
        "marks": _marks(known),
    }


def _gain(result: dict[str, Any], best: str) -> dict[str, Any]:
    """The paired gain over the best baseline that test_once measured; empty without."""
    steps = result.get("steps")
    for step in steps if isinstance(steps, list) else []:
        evidence = step.get("evidence") if isinstance(step, dict) else None
        if isinstance(evidence, dict) and step.get("name") == "test_once":
            gains = evidence.get("gains")
            found = gains.get(best) if isinstance(gains, dict) else None
            return found if isinstance(found, dict) else {}
    return {}


def _outcome(own: dict[str, Any], rival: dict[str, Any], gain: dict[str, Any]) -> str:
    ends = gain.get("low"), gain.get("high")
    if isinstance(ends[0], (int, float)) and isinstance(ends[1], (int, float)):
        return "ahead" if ends[0] > 0 else "behind" if ends[1] < 0 else "level"
    better = own["value"] < rival["value"]
    low, high = own.get("low"), own.get("high")
    if low is None or high is None:
        return "ahead" if better else "behind"
    return "level" if low <= rival["value"] <= high else "ahead" if better else "behind"


def _headline(outcome: str, best: str | None) -> str:
    rival = model(best).lower() if best else ""
    return {
        "ahead": f"The network beats {rival}.",
        "level": f"The network does not clearly beat {rival}: they are level within noise.",
        "behind": f"The network does not beat {rival}.",
        "none": "The network was trained; there is no baseline to hold it against.",
    }[outcome]


def _detail(name: str, own: Any, rival: Any, best: str | None, outcome: str) -> str:
    if not own:
        return "There are no test scores: the run ended before its test."
    sentence = f"{metric(name).title} on the test rows is {_scored(own)}"
    if not rival or not best:
        return sentence + "."
    advice = " Use that model instead, or give the network more time." if outcome == "behind" else ""
    rivals = f"{model(best).lower()}, the best baseline, reaches {_scored(rival)}"
    return f"{sentence}; {rivals}. Lower is better.{advice}"


def _scored(score: dict[str, Any]) -> str:
    value = score["value"]
    if score.get("low") is None or score.get("high") is None:
        return fixed(value)
    ends = f"{fixed(score['low'], value)} to {fixed(score['high'], value)}"
    return f"{fixed(value)} (95\N{NO-BREAK SPACE}% interval {ends})"


def _marks(known: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Scores on a scale made for the network and its best rival; whoever is far off is put at the edge."""
    if not known:
        return []
    ranked = sorted(known, key=lambda who: known[who]["value"])
    rivals = [who for who in ranked if who != "network"]
    spans = {who: _span(known[who]) for who in ranked}
    low, high = _hull([spans[who] for who in ["network", *rivals[:1]] if who in spans])
    reach = 4 * max(high - low, abs(high) * 1e-6, 1e-12)
    near = [span for span in spans.values() if low - reach <= span[0] and span[1] <= high + reach]
    low, high = _hull(near)
    margin = 0.06 * (high - low) or abs(high) * 0.05 or 1.0
    low, high = low - margin, high + margin

    def place(value: float) -> float:
        return round(min(100.0, max(0.0, 100 * (value - low) / (high - low))), 2)

    return [
        {
            "model": who,
            "score": known[who],
            "at": place(known[who]["value"]),
            "from": place(spans[who][0]),
            "to": place(spans[who][1]),
            "off": "right" if known[who]["value"] > high else "left" if known[who]["value"] < low else None,
        }
        for who in ranked
    ]


def _span(score: dict[str, Any]) -> tuple[float, float]:
    low, high = score.get("low"), score.get("high")
    return (score["value"] if low is None else low, score["value"] if high is None else high)


def _hull(spans: list[tuple[float, float]]) -> tuple[float, float]:
    return min(low for low, _ in spans), max(high for _, high in spans)
