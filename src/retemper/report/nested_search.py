"""What the report adds to the nested estimate of a search: what each outer fold's search chose."""

from __future__ import annotations

from typing import Any

from retemper.report.words import number

MOST_OPTIONS = 8
ALL_ROWS = "All rows (the run)"


def nested_search(found: dict[str, Any]) -> dict[str, Any] | None:
    """The folds' choices as a table, the run's own in its last line; None where no search was nested.

    Args:
        found: ``nested`` of result.json.

    Returns:
        ``options``: names; ``rows``: ``who``, ``promised``, ``score`` and the options' ``values`` as text; ``steady``:
        for each option how many folds chose the run's value, or the range of numbers that they chose; ``trials`` of all
        folds; ``left_out``: options not shown; ``out_of_time``: searches that a time limit ended.

    >>> choice = {"fold": 0, "values": {"model.width": 64}, "promised": 0.3, "score": 0.4}
    >>> steady = {"model.width": {"own": 64, "values": [64], "same": 1}}
    >>> shown = nested_search({"choices": [choice], "stability": steady, "own": 0.31})
    >>> shown["options"], [row["values"] for row in shown["rows"]], shown["steady"]
    (['width'], [['64'], ['64']], ['1 of 1'])
    """
    choices, stability = found.get("choices"), found.get("stability")
    if not isinstance(choices, list) or not choices or not isinstance(stability, dict):
        return None
    paths = list(stability)[:MOST_OPTIONS]
    rows = [
        {
            "who": f"Without fold {choice.get('fold', place) + 1}",
            "promised": choice.get("promised"),
            "score": choice.get("score"),
            "values": [_shown((choice.get("values") or {}).get(path)) for path in paths],
        }
        for place, choice in enumerate(choices)
    ]
    own = [_shown(stability[path].get("own")) for path in paths]
    rows.append({"who": ALL_ROWS, "promised": found.get("own"), "score": None, "values": own})
    return {
        "options": [path.removesuffix(".name").rpartition(".")[2] for path in paths],
        "rows": rows,
        "steady": [_steady(stability[path], len(choices)) for path in paths],
        "trials": found.get("trials"),
        "left_out": len(stability) - len(paths),
        "out_of_time": sum(bool(choice.get("out_of_time")) for choice in choices),
    }


def _steady(found: dict[str, Any], folds: int) -> str:
    """How far the folds agree.

    >>> _steady({"low": 0.001, "high": 0.02, "same": 0}, 5), _steady({"same": 4}, 5)
    ('0.001 to 0.02', '4 of 5')
    """
    low, high = found.get("low"), found.get("high")
    if isinstance(low, float) and low != high:
        return f"{_shown(low)} to {_shown(high)}"
    return f"{found.get('same', 0)} of {folds}"


def _shown(value: Any) -> str:
    """A value as text, three digits of a number that is not whole.

    >>> [_shown(value) for value in (None, [64, 32], 0.0123456, True)]
    ['–', '64, 32', '0.0123', 'yes']
    """
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value)
    return number(value, 3)
