"""What one family of drift tests gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tested:
    """One test: of which column (or output), by which test, its statistic and p-value."""

    name: str
    test: str
    statistic: float
    p_value: float


@dataclass(frozen=True)
class Found:
    """The tests of a family, and the columns that it had to pass over, with the reason.

    ``by_column``: whether the tests are of columns or outputs, each named in the result, or of all at once.
    ``corrected``: whether the p-values allow for all of these tests already, so that Holm's correction is not needed.
    """

    tests: tuple[Tested, ...]
    passed_over: tuple[tuple[str, str], ...] = ()
    by_column: bool = True
    corrected: bool = False
