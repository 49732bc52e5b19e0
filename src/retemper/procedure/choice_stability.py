"""How stable a choice is: what the same search chooses when each time another fold of the rows is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_OPTIONS = 4
"""Of a sentence; all are in the result."""


@dataclass(frozen=True)
class Choice:
    """What the search without one outer fold came to.

    Args:
        fold: its number.
        rows: that judge.
        values: the setting that was chosen.
        promised: the main metric of the choice on the rows it was chosen by.
        score: the same on the fold's rows.
        trials, epochs: tried, and trained, all trials and inner folds together.
        out_of_time: whether a time limit ended the search.
    """

    fold: int
    rows: int
    values: Mapping[str, Any]
    promised: float
    score: float
    trials: int
    epochs: int
    out_of_time: bool = False

    def sentence(self, metric: str, of: int) -> str:
        """For a person who waits.

        >>> Choice(1, 40, {}, 0.31, 0.352, 24, 960).sentence("log_loss", 5)
        'Outer fold 2 of 5: the best of 24 trials promised log_loss 0.31; the fold, unseen, says 0.352.'
        """
        return (
            f"Outer fold {self.fold + 1} of {of}: the best of {self.trials} trials promised {metric} "
            f"{self.promised:.4g}; the fold, unseen, says {self.score:.4g}."
        )


def stability(own: Mapping[str, Any], choices: Sequence[Choice]) -> dict[str, dict[str, Any]]:
    """Option → how far the folds' choices agree with the run's own.

    Args:
        own: the setting that the run chose, from all rows.
        choices: of the folds.

    Returns:
        ``own``: the run's value, None where its setting lacks the option; ``values``: of each fold, in their order;
        ``same``: how many folds chose the run's value; ``low`` and ``high`` of the folds, where all values are numbers.

    >>> folds = [Choice(k, 9, {"width": width}, 0.5, 0.6, 8, 80) for k, width in enumerate([16, 64, 16])]
    >>> stability({"width": 16}, folds)
    {'width': {'own': 16, 'values': [16, 64, 16], 'same': 2, 'low': 16, 'high': 64}}
    """
    paths = dict.fromkeys([*own, *(path for choice in choices for path in choice.values)])
    return {path: _agreement(own.get(path), [each.values.get(path) for each in choices]) for path in paths}


def _agreement(own: Any, values: list[Any]) -> dict[str, Any]:
    found = {"own": own, "values": values, "same": sum(value == own for value in values)}
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        found |= {"low": min(values), "high": max(values)}
    return found


def sentence(found: Mapping[str, Mapping[str, Any]]) -> str:
    """What the folds chose, option by option; empty without options.

    >>> sentence({"training.optimizer.learning_rate": {"values": [1e-3, 4e-3], "low": 1e-3, "high": 4e-3}})
    'The folds chose learning_rate 0.001 to 0.004.'
    >>> sentence({"model.activation": {"values": ["relu", "silu", "relu"]}})
    'The folds chose activation relu in 2 of 3.'
    """
    told = [_told(path, own) for path, own in list(found.items())[:MOST_OPTIONS]]
    more = len(found) - len(told)
    if not told:
        return ""
    return f"The folds chose {'; '.join(told)}{f'; and {more} more options' if more else ''}."


def _told(path: str, found: Mapping[str, Any]) -> str:
    name = path.removesuffix(".name").rpartition(".")[2]
    values = found["values"]
    if "low" in found and found["low"] != found["high"]:
        return f"{name} {found['low']:.3g} to {found['high']:.3g}"
    often, count = Counter(map(_shown, values)).most_common(1)[0]
    return f"{name} {often} in {'all' if count == len(values) else f'{count} of {len(values)}'}"


def _shown(value: Any) -> str:
    """A value in words; None: the setting lacks the option.

    >>> [_shown(value) for value in (None, [64, 64], 0.00123456, "relu")]
    ['none', '64, 64', '0.00123', 'relu']
    """
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(each) for each in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
