"""A best value at an edge of its range: the range was too narrow there, or luck put it there.

Of an option that makes no difference the best value lies in the outer tenth on either side in one search of five. So
the other good trials, the best √n of n, are asked too: half of them must lie in the outer third on that side. Where the
option's own bound ends the range (a dropout of 0), there is nothing beyond, and so no finding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from retemper.core.records import Finding, Outcome
from retemper.search.declared import Limits
from retemper.search.space import Axis, Interval, Side, Space
from retemper.search.trials import Trial

LEAST_TRIALS = 16
"""Of fewer the best is at an edge by chance."""
OUTER, OUTER_OF_GOOD = 0.1, 1 / 3
"""The shares of a range that count as its edge: for the best trial, for the median of the good ones."""
WIDER = 0.5
"""By how much of itself a range is widened."""

LimitsOf = Callable[[str], Limits]


@dataclass(frozen=True)
class Edge:
    """The best value of an option, near an end of its range.

    Args:
        path: of the option.
        side: which end.
        value: the best.
        axis: the range.
        trials: that have a value for it and a finite loss.
        good: the median place of the good trials in the range, from 0 to 1.
    """

    path: str
    side: Side
    value: float
    axis: Interval
    trials: int
    good: float


def edges_of(space: Space, trials: Sequence[Trial], limits: LimitsOf) -> list[Edge]:
    """The options whose range is too narrow.

    Args:
        space: the ranges; of each option the trials within its range count.
        trials: the best first, see :func:`~retemper.search.trials.ranked`.
        limits: path → the bounds of the option.
    """
    best = trials[0] if trials and trials[0].sound else None
    if best is None:
        return []
    found = (
        _edge(path, axis, best, trials)
        for path, axis in space.items()
        if isinstance(axis, Interval) and path in best.values
    )
    return [edge for edge in found if edge and wider(edge.axis, edge.side, limits(edge.path)) != edge.axis]


def _edge(path: str, axis: Interval, best: Trial, trials: Sequence[Trial]) -> Edge | None:
    values = [trial.values[path] for trial in trials if trial.sound and path in trial.values]
    places = [axis.share(value) for value in values if axis.low <= value <= axis.high]
    side = axis.near_edge(best.values[path], OUTER)
    if side is None or len(places) < LEAST_TRIALS:
        return None
    good = median(places[: math.ceil(math.sqrt(len(places)))])
    if (good if side == "low" else 1 - good) > OUTER_OF_GOOD:
        return None
    return Edge(path, side, best.values[path], axis, len(places), good)


def wider(axis: Interval, side: Side, limits: Limits) -> Interval:
    """The range with half of itself added on one side, as far as the option's bounds let it.

    A bound that is no value itself is met half-way, or one before it where the range is of whole numbers.

    >>> wider(Interval(1e-4, 1e-2, log=True), "high", Limits(low=0.0, low_is_in=False)).high
    0.1
    >>> wider(Interval(0.5, 0.9), "high", Limits(0.0, 1.0, high_is_in=False)).high
    0.95
    >>> wider(Interval(1, 2, integer=True), "high", Limits(low=1)).high
    3
    """
    if axis.log:
        beyond = (axis.high / axis.low) ** WIDER
        low, high = axis.low / beyond, axis.high * beyond
    else:
        beyond = WIDER * (axis.high - axis.low)
        low, high = axis.low - beyond, axis.high + beyond
    if side == "low":
        end = _last(limits.low, limits.low_is_in, axis.low, 1, axis)
        low = max(math.floor(low), int(axis.log)) if axis.integer else _short(low)
        return replace(axis, low=min(axis.low, max(low, end)))
    end = _last(limits.high, limits.high_is_in, axis.high, -1, axis)
    high = math.ceil(high) if axis.integer else _short(high)
    return replace(axis, high=max(axis.high, min(high, end)))


def _last(bound: float, is_in: bool, end: float, inward: int, axis: Interval) -> float:
    """The furthest that a range may reach on the side of a bound."""
    if is_in or math.isinf(bound):
        return bound
    return bound + inward if axis.integer else _short((bound + end) / 2)


def _short(end: float) -> float:
    """Without the last digits, which only the way of computing gave it."""
    return float(f"{end:.6g}")


def widened(space: Space, edges: Sequence[Edge], limits: LimitsOf) -> Space:
    """The space with each of these ranges wider on its side."""
    own: dict[str, Axis] = {}
    for edge in edges:
        axis, wide = space[edge.path], wider(edge.axis, edge.side, limits(edge.path))
        assert isinstance(axis, Interval)
        own[edge.path] = replace(axis, low=wide.low) if edge.side == "low" else replace(axis, high=wide.high)
    return Space({**space.axes, **own}, space.conditions)


def outward(space: Space, edges: Sequence[Edge]) -> Space:
    """Of a widened space what is to be tried next: on each side the half of the old range, and what was added."""
    own: dict[str, Axis] = {}
    for edge in edges:
        axis, middle = space[edge.path], edge.axis.at(0.5)
        middle = middle if edge.axis.integer else _short(middle)
        assert isinstance(axis, Interval)
        own[edge.path] = replace(axis, high=middle) if edge.side == "low" else replace(axis, low=middle)
    return Space({**space.axes, **own}, space.conditions)


def findings_of(edges: Sequence[Edge], first: Trial, best: Trial, space: Space) -> list[Finding]:
    """What is said of the edges, and what became of widening.

    Args:
        edges: of all rounds; the first one of each option counts.
        first: the best trial before any range was widened.
        best: the best of all.
        space: as it was searched in the end.
    """
    return [
        _finding(edge, first, best, space) for edge in {edge.path: edge for edge in reversed(edges)}.values()
    ]


def _finding(edge: Edge, first: Trial, best: Trial, space: Space) -> Finding:
    axis, value = space[edge.path], best.values.get(edge.path, edge.value)
    assert isinstance(axis, Interval)
    tried = axis != edge.axis
    beyond = value > edge.axis.high if edge.side == "high" else value < edge.axis.low
    name = edge.path.rpartition(".")[2]
    end = "upper" if edge.side == "high" else "lower"
    message = (
        f"The best {name} of {edge.trials} trials, {edge.value:.4g}, lies at the {end} edge of its range, "
    )
    message += f"{edge.axis.low:.4g} to {edge.axis.high:.4g}"
    if not tried:
        message += "; a wider range may gain."
    elif beyond:
        again = ", at the edge again" if axis.near_edge(value, OUTER) == edge.side else ""
        message += f"; widened to {axis.low:.4g} to {axis.high:.4g}, the best is {value:.4g}{again}."
    else:
        message += f"; widened to {axis.low:.4g} to {axis.high:.4g}, nothing better was found beyond it."
    evidence: Mapping[str, object] = {
        "option": edge.path,
        "side": edge.side,
        "value": edge.value,
        "low": edge.axis.low,
        "high": edge.axis.high,
        "trials": edge.trials,
        "least_trials": LEAST_TRIALS,
        "place_of_good_trials": edge.good,
        "outer_third": OUTER_OF_GOOD if edge.side == "low" else 1 - OUTER_OF_GOOD,
        "widened_low": axis.low,
        "widened_high": axis.high,
    }
    verdict = "not_tried" if not tried else "kept" if beyond else "reverted"
    outcome = Outcome("widen_range", verdict, first.loss, best.loss) if tried else Outcome(None, "not_tried")  # type: ignore[arg-type]  # a literal
    return Finding("edge_of_range", "advice", 0.8, message, evidence, ("widen_range",), outcome)
