"""The answer at the top of a decision's page, in one plain sentence, with the figures that carry it."""

from __future__ import annotations

from typing import Any

from retemper.report.decision_file import challenger_of
from retemper.report.decision_gate import blocking
from retemper.report.decision_harm import judged
from retemper.report.decision_words import change, gain_ends, loss_ends, plural, strategy, told
from retemper.report.scale import placed
from retemper.report.words import metric

MOST_REASONS = 2


def answer(decision: dict[str, Any], name: str) -> dict[str, Any]:
    """Promoted or kept, why, what was gained on new rows and what it cost on old ones.

    Args:
        decision: the content of decision.json.
        name: of the main metric.

    Returns:
        ``promoted``, ``tag``, ``tone`` (ahead, level or none), ``headline``, ``detail``, ``marks``.

    >>> kept = answer({"promoted": False, "drift": {"detected": False, "p_value": 0.4}}, "rmse")
    >>> kept["headline"]
    'The model stays: the new rows look like the old ones.'
    """
    promoted = bool(decision.get("promoted"))
    hurt = judged_verdict(decision) == "harm"
    tests = [own for own in (decision.get("gate") or {}).get("tests") or [] if isinstance(own, dict)]
    return {
        "promoted": promoted,
        "tag": "promoted" if promoted else "kept",
        "tone": "ahead" if promoted else "level" if hurt else "none",
        "headline": _promoted(decision, tests) if promoted else f"The model stays: {_kept(decision, tests)}.",
        "detail": " ".join(part for part in (_new(decision, tests), _old(decision, tests, name)) if part),
        "marks": _marks(decision, name),
    }


def judged_verdict(decision: dict[str, Any]) -> str:
    """Whether the drift hurts, by the record's own word or by its interval."""
    harm = decision.get("harm") or {}
    return str(harm.get("verdict") or judged(harm))


def _promoted(decision: dict[str, Any], tests: list[dict[str, Any]]) -> str:
    excused = any(not own.get("passed") for own in tests)
    end = (
        ". It loses on old ones, whose targets no longer hold"
        if excused
        else ", and nothing speaks against it"
    )
    return f"A new model takes over: it is better on the new rows{end}."


def _kept(decision: dict[str, Any], tests: list[dict[str, Any]]) -> str:
    if decision.get("candidates"):
        return _stopped(tests)
    drift, harm = decision.get("drift") or {}, decision.get("harm") or {}
    if harm.get("estimated"):
        return "the new rows have no target, so no new model could be tried"
    hurt = judged_verdict(decision) == "harm"
    if drift.get("detected") is False and drift.get("p_value") is not None and not hurt:
        return "the new rows look like the old ones"
    if drift.get("detected") and judged_verdict(decision) in ("none", "better"):
        return "the world has changed, but that does no harm"
    return "no new model was tried"


def _stopped(tests: list[dict[str, Any]]) -> str:
    """What stands against the challenger."""
    first = next((own for own in tests if own.get("name") == "better_on_new"), None)
    if first is None:
        return "no new model passed the gate"
    if not first.get("passed"):
        return "no new model is proved to be better on the new rows"
    against = [_against(own) for own in tests if blocking(own)]
    if not against:
        return "the new model was not let through"
    shown = " and ".join(against[:MOST_REASONS])
    more = len(against) - MOST_REASONS
    return f"a new one is better on the new rows, but {shown}{f' (and {more} more)' if more > 0 else ''}"


def _against(test: dict[str, Any]) -> str:
    name, high = str(test.get("name")), test.get("high")
    if name.endswith("_on_old"):
        return "it loses on old rows" if high is not None and high < 0 else "it may lose too much on old rows"
    if name.startswith("slice: "):
        return f"it is worse where {name.removeprefix('slice: ')}"
    if name.endswith("_on_new"):
        return f"its {metric(name.removesuffix('_on_new')).title.lower()} is worse there"
    known = {
        "likely_on_new_alone": "the new rows alone don't show it",
        "calibration": "its stated probabilities are less honest",
        "cost": "a prediction costs too much",
    }
    return known.get(name, f"it fails at {name.replace('_', ' ')}")


def _new(decision: dict[str, Any], tests: list[dict[str, Any]]) -> str:
    """The gain on the new rows, by the gate's first test."""
    test = next((own for own in tests if own.get("name") == "better_on_new"), None)
    if test is None or test.get("difference") is None:
        return ""
    name, gain = _metric(test, decision), test["difference"]
    way, size = ("gains", gain) if gain >= 0 else ("loses", -gain)
    span = gain_ends if gain >= 0 else loss_ends
    rows, old = "On the new rows", test.get("old_rows") or 0
    if test.get("rows"):
        rows = f"On {plural(test['rows'] - old, 'new row')}"
    if old:
        rows += f" and {plural(old, 'old one')} of the same world"
    interval = f"95\N{NO-BREAK SPACE}% interval {span(name, test.get('low'), test.get('high'))}"
    who = strategy(str(decision.get("strategy")))
    return f"{rows}, {who} {way} {change(name, size)}{_of(name)} ({interval})."


def _old(decision: dict[str, Any], tests: list[dict[str, Any]], name: str) -> str:
    """What it cost on old rows: accuracy where it was looked at, else the main metric, else the forgetting measured."""
    told_by = {str(own.get("name")): own for own in tests}
    test = told_by.get("accuracy_on_old") or told_by.get("not_worse_on_old")
    if test and test.get("difference") is not None:
        own, loss = _metric(test, decision), -test["difference"]
        span = loss_ends if loss > 0 else gain_ends
        interval = f"95\N{NO-BREAK SPACE}% interval {span(own, test.get('low'), test.get('high'))}"
        return f"On old rows it {_lost(own, loss)} ({interval})."
    forgotten = challenger_of(decision).get("forgetting")
    return "" if forgotten is None else f"On old rows it {_lost(name, forgotten)}."


def _lost(name: str, loss: float) -> str:
    if loss == 0:
        return f"loses nothing{_of(name)}"
    return f"{'loses' if loss > 0 else 'gains'} {change(name, abs(loss))}{_of(name)}"


def _of(name: str) -> str:
    return f" of {metric(name).title if name.isupper() or name in ('rmse', 'mae') else metric(name).title.lower()}"


def _metric(test: dict[str, Any], decision: dict[str, Any]) -> str:
    named = test.get("metric")
    if named:
        return str(named)
    if str(test.get("name")).startswith("accuracy"):
        return "accuracy"
    return str((decision.get("harm") or {}).get("metric") or "log_loss")


def _marks(decision: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The model then, the model now, and the new one, on one scale."""
    harm = decision.get("harm") or {}
    before, now = harm.get("before"), harm.get("now")
    # The interval is of the change: laid at what was before, it clears "before" where the change is proved.
    low, high = (
        None if before is None or end is None else before + end for end in (harm.get("low"), harm.get("high"))
    )
    named = [
        ("Before, on old rows", {"value": before}, ""),
        (
            f"Now, on new rows{', estimated' if harm.get('estimated') else ''}",
            {"value": now, "low": low, "high": high},
            "",
        ),
    ]
    found = challenger_of(decision)
    if found:
        score = (found.get("new") or {}).get(name)
        title = f"{strategy(str(decision['strategy']))}, on new rows"
        named.append((title, score if isinstance(score, dict) else {"value": score}, "network"))
    places = placed([score for _, score, _ in named], zero=False)
    return [
        {"title": title, "value": told(name, score["value"]), "class": kind, **place}
        for (title, score, kind), place in zip(named, places, strict=True)
        if place
    ]
