"""What the page of a decision tells of strategies: how each does on new and on old rows, at what cost."""

from __future__ import annotations

from collections import Counter
from typing import Any

from retemper.report.decision_file import challenger_of
from retemper.report.decision_words import STRATEGIES, change, strategy, told
from retemper.report.scale import placed
from retemper.report.words import metric, percent


def candidate_facts(decision: dict[str, Any], name: str) -> dict[str, Any]:
    """The strategies, best on new rows first.

    Args:
        decision: the content of decision.json.
        name: of the main metric.

    Returns:
        ``metric``; ``shown``, each with ``new`` and ``old`` as marks on common scales; ``chosen`` and ``why``; how many
        ``strategies`` and ``runs``; ``spent``; ``not_raced``: those that were left out.
    """
    known = metric(name)
    own = [each for each in decision.get("candidates") or [] if isinstance(each, dict)]
    challenger = challenger_of(decision)

    def rank(candidate: dict[str, Any]) -> float:
        value = _score(candidate, "new", name).get("value")
        if value is None:
            return float("inf")
        return -float(value) if known.higher else float(value)

    runs = Counter(map(_kind, own))
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for each in sorted(own, key=rank):
        best.setdefault(_kind(each), each)
    ranked = list(best.values())
    sides = {side: _marks([_score(each, side, name) for each in ranked], name) for side in ("new", "old")}
    chosen = str(decision.get("strategy") or "")
    return {
        "metric": known._asdict(),
        "shown": [
            {
                **_candidate(each, runs[_kind(each)], name),
                "chosen": each == challenger,
                **{side: marks[k] for side, marks in sides.items()},
            }
            for k, each in enumerate(ranked)
        ],
        "sides": {side: any(marks) for side, marks in sides.items()},
        "strategies": len({each.get("strategy") for each in own}),
        "runs": len(own),
        "chosen": strategy(chosen),
        "meaning": STRATEGIES.get(chosen, ("", ""))[1],
        "why": decision.get("choice") or "",
        "seconds": sum(each.get("seconds") or 0 for each in own),
        "spent": _spent(decision.get("compute") or {}),
        "not_raced": [(strategy(str(each)), why) for each, why in (decision.get("not_raced") or {}).items()],
    }


def _kind(own: dict[str, Any]) -> tuple[str, str]:
    """Runs of one strategy and one kind (short, in full) are told by the best of them."""
    return str(own.get("strategy")), str(own.get("note") or "")


def _spent(compute: dict[str, Any]) -> str | None:
    """What all trainings cost, as a share of training from scratch."""
    spent, scratch = compute.get("spent"), compute.get("from_scratch")
    return None if spent is None or not scratch else percent(spent / scratch, 0)


def _candidate(own: dict[str, Any], runs: int, name: str) -> dict[str, Any]:
    strategy_name = str(own.get("strategy"))
    cost = own.get("cost")
    return {
        "title": strategy(strategy_name),
        "meaning": STRATEGIES.get(strategy_name, ("", ""))[1],
        "forgetting": change(name, own.get("forgetting"), signed=True),
        "seconds": own.get("seconds"),
        "cost": None if cost is None else percent(cost, 0 if cost > 0.1 else 1),
        "note": f"{own.get('note') or 'a run'}, the best of {runs}" if runs > 1 else own.get("note") or "",
        "others": [
            (metric(each).title, _told(each, own, "new"), _told(each, own, "old"))
            for each in dict.fromkeys([*(own.get("new") or {}), *(own.get("old") or {})])
        ],
    }


def _score(candidate: dict[str, Any], side: str, name: str) -> dict[str, Any]:
    found = (candidate.get(side) or {}).get(name)
    return found if isinstance(found, dict) else {"value": found}


def _told(name: str, candidate: dict[str, Any], side: str) -> str:
    score = _score(candidate, side, name)
    low, high = score.get("low"), score.get("high")
    if low is None or high is None:
        return told(name, score.get("value"))
    return f"{told(name, score.get('value'))} ({told(name, low)} to {told(name, high)})"


def _marks(scores: list[dict[str, Any]], name: str) -> list[dict[str, Any] | None]:
    """Dots and intervals on one scale."""
    return [
        None
        if place is None
        else {
            **place,
            "value": told(name, score["value"]),
            "ends": ""
            if score.get("low") is None or score.get("high") is None
            else f"{told(name, score['low'])} to {told(name, score['high'])}",
        }
        for score, place in zip(scores, placed(scores, zero=False), strict=True)
    ]
