"""DDM, the drift detection method: has a model begun to err more often than ever?"""

from __future__ import annotations

import math

from retemper.core.errors import InputError
from retemper.retraining.streams.options import in_range


class DDM:
    """Watches the share p of errors and its standard deviation s = √(p (1 - p) / n) for the least p + s so far.

    A warning where p + s is at least p_least + 2 s_least, a change where it is p_least + 3 s_least (Gama et al. 2004,
    "Learning with drift detection"). It finds sudden rises of the error, slow ones late.

    Args:
        warning, change: how many standard deviations above the least, above 0, ``warning <= change``.
        least_rows: answers before anything is said, 1 or more.

    >>> detector = DDM()
    >>> errors = [row % 10 == 0 for row in range(300)] + [row % 2 == 0 for row in range(60)]
    >>> [row for row, error in enumerate(errors) if detector.update(error)]
    [326]
    """

    rows: int
    _share: float
    _least: tuple[float, float]

    def __init__(self, warning: float = 2.0, change: float = 3.0, least_rows: int = 30) -> None:
        self.warning = in_range("warning", warning, above=0.0)
        self.change = in_range("change", change, low=self.warning)
        self.least_rows = int(in_range("least_rows", least_rows, low=1))
        self.warned = False
        self._begin()

    def update(self, value: float) -> bool:
        """Take 1 (True) for a wrong answer, 0 for a right one; True when a change is found.

        ``warned`` says whether the last answer was within the warning.

        Raises:
            InputError: the value is neither 0 nor 1.
        """
        if value not in (0, 1):
            message = f"DDM takes 1 for a wrong answer and 0 for a right one, but got {value!r}."
            raise InputError("bad_value", message, None, "Give errors; for other values use ADWIN.")
        self.rows += 1
        self._share += (value - self._share) / self.rows
        deviation = math.sqrt(self._share * (1 - self._share) / self.rows)
        if self.rows < self.least_rows:
            return False
        # Before the first error nothing is known of its rate: a least of 0 would make any error a change.
        if 0 < self._share + deviation <= sum(self._least):
            self._least = self._share, deviation
        least, spread = self._least
        if least == math.inf:
            return False
        self.warned = self._share + deviation > least + self.warning * spread
        found = self._share + deviation > least + self.change * spread
        if found:
            self._begin()
        return found

    def _begin(self) -> None:
        self.rows = 0
        self._share = 0.0
        self._least = math.inf, math.inf
