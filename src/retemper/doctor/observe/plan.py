"""Which steps of a training are looked at: told by steps and epochs alone, so that the seed fixes it."""

from __future__ import annotations

import math

EVERY_STEPS, EARLY_LOOKS = 10, 30
"""A look every so many steps at first; after so many looks, one an epoch."""
LATER = 1.25
"""Without epochs the next look comes when the steps have grown by this factor."""
SHARE = 0.01
"""Of the steps of a large network's training, what looks may cost."""
RARELY = 3.0
"""Whatever it costs, a look comes when the steps have grown by this factor."""


class Plan:
    """The next step to be looked at.

    Args:
        large: looks keep to a share of the steps.

    >>> plan, looked_at = Plan(large=False), []
    >>> for step in range(1, 45):
    ...     if step >= plan.due:
    ...         looked_at.append(step)
    ...         plan.looked(step, paid=0.0, price=2.0)
    >>> looked_at
    [1, 2, 10, 20, 30, 40]
    """

    def __init__(self, large: bool) -> None:
        self.due = 1
        self._large, self._looks = large, 0
        self._by_epoch, self._epoch_over = 1, False

    def begun(self) -> None:
        """A look begins: epochs that are over have theirs."""
        self._epoch_over = False

    def looked(self, step: int, paid: float, price: float) -> None:
        """A step was looked at.

        Args:
            step: counted from 1.
            paid: what all looks cost so far, in steps.
            price: of the next one.
        """
        self._looks += 1
        earliest = step + 1
        if self._large:
            seldom = max(RARELY * step, EVERY_STEPS)
            earliest = max(earliest, math.ceil(min((paid + price) / SHARE, seldom)))
        self._by_epoch = max(earliest, step + EVERY_STEPS)
        if self._looks >= EARLY_LOOKS:
            self.due = max(earliest, math.ceil(LATER * step))
        else:
            self.due = earliest if earliest < 3 else -(-earliest // EVERY_STEPS) * EVERY_STEPS
        if self._epoch_over:
            self.due = min(self.due, self._by_epoch)

    def epoch_over(self) -> None:
        """One of the next steps is looked at."""
        self._epoch_over = True
        self.due = min(self.due, self._by_epoch)
