"""What ``tune`` prints of its search: the best settings, and what was learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retemper.cli.output import number, print_table, write

MOST_ROWS, MOST_OPTIONS = 5, 8


def print_search(result: Mapping[str, Any]) -> None:
    """The best five settings with the standard error between folds, and which options matter.

    Args:
        result: the content of result.json.
    """
    evidence: Mapping[str, Any] = result["search"].get("evidence", {})
    trials = [trial for trial in evidence.get("trials", []) if trial["loss"] is not None][:MOST_ROWS]
    if not trials:
        return
    paths = _paths(evidence, trials)
    rows = [
        (
            str(trial["number"]),
            _loss(trial),
            str(trial["epochs"]),
            *(_value(trial["values"].get(path)) for path in paths),
        )
        for trial in trials
    ]
    heads = [path.removesuffix(".name").rpartition(".")[2].replace("_", " ") for path in paths]
    title = f"\nBest of {result['search']['trials']} trials, ± standard error between folds"
    print_table(title, ("trial", "loss", "epochs", *heads), rows)
    if result["search"].get("learnt"):
        write(f"\n{result['search']['learnt']}\n")
    _print_nested(result.get("nested") or {})


def _print_nested(found: Mapping[str, Any]) -> None:
    """The nested estimate, or why there is none; nothing where none was asked for."""
    if "left_out" in found:
        write(f"\nThere is no nested estimate: {found['left_out']}.\n")
    elif found:
        cut = f" Fewer folds than asked: {found['cut_short']}." if "cut_short" in found else ""
        write(f"\n{found['message']}{cut}\n")


def _paths(evidence: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """The options to show, those that explain most first; an option that no shown trial has is left out."""
    important = [own["path"] for own in evidence["learnt"]["options"]]
    every = important + [path for path in evidence["space"] if path not in important]
    return [path for path in every if any(path in trial["values"] for trial in trials)][:MOST_OPTIONS]


def _loss(trial: Mapping[str, Any]) -> str:
    error = trial["standard_error"]
    return number(trial["loss"]) if error is None else f"{number(trial['loss'])} ± {number(error)}"


def _value(value: Any) -> str:
    """A value in three digits.

    >>> _value(0.0012345), _value(64), _value(None), _value([64, 64])
    ('0.00123', '64', '', '64, 64')
    """
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(_value(one) for one in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
