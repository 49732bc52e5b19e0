"""What a sampler was told, brought to one scale: losses of trials that trained for different times, and failures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median, quantiles

from retemper.search.distributions import key_of
from retemper.search.space import Setting

Known = list[tuple[Setting, float]]
"""Settings with finite losses that may be compared."""

FEW = 8
"""Of fewer losses none is called far away."""


class Told:
    """Settings and their losses after so many epochs, in the order in which they were first told.

    >>> told = Told()
    >>> for name, epochs, loss in [("a", 1, 0.9), ("b", 1, 0.7), ("b", 3, 0.4), ("c", 1, float("nan"))]:
    ...     told.add({"name": name}, loss, epochs)
    >>> [(values["name"], round(loss, 3)) for values, loss in told.levelled()]
    [('a', 0.6), ('b', 0.4), ('c', 0.62)]
    """

    def __init__(self) -> None:
        self._values: dict[str, Setting] = {}
        self._losses: dict[str, dict[int, float]] = {}
        self._failed: set[str] = set()
        self._levelled: Known | None = None

    def __contains__(self, values: Setting) -> bool:
        return key_of(values) in self._values

    @property
    def sound(self) -> int:
        """How many have a finite loss."""
        return len(self._losses) - len(self._failed)

    def add(self, values: Setting, loss: float, epochs: int) -> None:
        """The loss of a setting after so many epochs; not finite: it failed."""
        key = key_of(values)
        self._values.setdefault(key, values)
        losses = self._losses.setdefault(key, {})
        losses[epochs] = loss
        (self._failed.discard if _last(losses) else self._failed.add)(key)
        self._levelled = None

    def levelled(self) -> Known:
        """All settings with a loss on the scale of the longest training.

        Whoever stopped at an earlier rung r gets the loss it would have had with the gain of those who went on:
        loss(r) + median over them of loss(r′) − loss(r), up the ladder to the longest; nobody is thought better than
        the best that trained as long as any. Where nobody went on, a rung comes behind the next one. So a good trial
        of a short rung isn't ranked behind a bad one of a long rung, as it would be by epochs alone (Hyperband's
        brackets train some at random in full).

        Losses far above the rest (over the third quartile by 1.5 times the distance to the first; Tukey 1977) are
        lowered to there: how bad a bad one is says nothing of the best, and would squeeze all others into one point
        of a Gaussian process. Failures come a tenth of the span above the worst.
        """
        if self._levelled is None:
            self._levelled = self._brought_to_one_scale()
        return self._levelled

    def _brought_to_one_scale(self) -> Known:
        sound = {key: last for key, losses in self._losses.items() if (last := _last(losses)) is not None}
        if not sound:
            return []
        levels = self._levels(sorted({epochs for epochs, _ in sound.values()}, reverse=True))
        best = min(loss for epochs, loss in sound.values() if epochs == max(levels))
        on_one_scale = {key: max(loss + levels[epochs], best) for key, (epochs, loss) in sound.items()}
        fence = _fence(list(on_one_scale.values()))
        bounded = {key: min(loss, fence) for key, loss in on_one_scale.items()}
        worst = max(bounded.values())
        failed = worst + 0.1 * (worst - min(bounded.values()))
        return [(values, bounded.get(key, failed)) for key, values in self._values.items()]

    def _levels(self, rungs: Sequence[int]) -> dict[int, float]:
        """What is added to the losses of each rung, the longest first."""
        levels = {rungs[0]: 0.0}
        for rung in rungs[1:]:
            levels[rung] = self._level(rung, levels)
        return levels

    def _level(self, rung: int, higher: dict[int, float]) -> float:
        for above in sorted(higher):
            gains = [
                own[above] - own[rung]
                for own in self._losses.values()
                if math.isfinite(own.get(above, math.nan) - own.get(rung, math.nan))
            ]
            if gains:
                return median(gains) + higher[above]
        ends = [last for losses in self._losses.values() if (last := _last(losses)) is not None]
        above = min(higher)
        worst = max(loss + higher[above] for epochs, loss in ends if epochs == above)
        return worst - min(loss for epochs, loss in ends if epochs == rung)


def thinned(known: Known, most: int, best: int) -> Known:
    """At most so many of what is known: the best, and of the others some of every age, in the old order.

    >>> [loss for _, loss in thinned([({}, float(loss)) for loss in range(10)], most=5, best=2)]
    [0.0, 1.0, 2.0, 6.0, 9.0]
    """
    if len(known) <= most:
        return known
    ranks = sorted(range(len(known)), key=lambda place: known[place][1])
    rest = sorted(ranks[best:])
    steps = most - best
    others = [rest[round(k * (len(rest) - 1) / max(1, steps - 1))] for k in range(steps)]
    return [known[place] for place in sorted({*ranks[:best], *others})]


def _last(losses: dict[int, float]) -> tuple[int, float] | None:
    """Epochs and loss of the longest training; None: it failed."""
    epochs = max(losses)
    return (epochs, losses[epochs]) if math.isfinite(losses[epochs]) else None


def _fence(losses: Sequence[float]) -> float:
    if len(losses) < FEW:
        return max(losses)
    low, _, high = quantiles(losses, n=4, method="inclusive")
    return high + 1.5 * (high - low)
