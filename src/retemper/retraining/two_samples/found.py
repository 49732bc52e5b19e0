"""What one family of drift tests gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retemper.evaluation.correction import holm
from retemper.retraining.two_samples.monte_carlo import Floats


@dataclass(frozen=True)
class Tested:
    """One test: of which column (or output), by which test, its statistic and p-value, in which part of the family."""

    name: str
    test: str
    statistic: float
    p_value: float
    part: str = ""


@dataclass(frozen=True)
class Found:
    """The tests of a family, and the columns that it had to pass over, with the reason.

    ``by_column``: whether the tests are of columns or outputs, each named in the result, or of all at once.
    ``corrected``: whether the p-values allow for all of these tests already, so that no correction is needed.
    """

    tests: tuple[Tested, ...]
    passed_over: tuple[tuple[str, str], ...] = ()
    by_column: bool = True
    corrected: bool = False

    def adjusted(self) -> Floats:
        """The p-values corrected for all of these tests: Holm's within a part, times the number of parts.

        >>> Found((Tested("a", "t", 1.0, .01), Tested("b", "t", 1.0, .4), Tested("a", "u", 1.0, .03, "u"))).adjusted()
        array([0.04, 0.8 , 0.06])
        """
        p_values, parts = np.array([test.p_value for test in self.tests]), [test.part for test in self.tests]
        if self.corrected:
            return p_values
        adjusted, different = np.empty_like(p_values), set(parts)
        for part in different:
            own = np.array([other == part for other in parts])
            adjusted[own] = holm(p_values[own]) * len(different)
        return np.asarray(np.minimum(adjusted, 1.0))
