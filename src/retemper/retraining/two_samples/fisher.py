"""Fisher's exact test of a two-by-two table."""

from __future__ import annotations

from typing import Literal

from scipy.stats import hypergeom

SMALLEST = 1e-300


def p_value(
    total: int, current: int, rows: int, n_current: int, side: Literal["both", "more"] = "both"
) -> float:
    """The exact p-value of a count (Fisher 1935): of the rows that have a mark, how many are current ones.

    That number is hypergeometric when the sides are alike.

    Args:
        total: rows with the mark on both sides.
        current: those of the current side.
        rows: of both sides.
        n_current: of the current side.
        side: ``both``: twice the smaller tail; ``more``: only many current rows with the mark speak against "alike".

    >>> round(p_value(4, 4, 8, 4, "more"), 4), round(p_value(4, 4, 8, 4), 4)
    (0.0143, 0.0286)
    """
    many = float(hypergeom.sf(current - 1, rows, total, n_current))
    if side == "more":
        return max(many, SMALLEST)
    found = min(1.0, 2 * min(float(hypergeom.cdf(current, rows, total, n_current)), many))
    return max(found, SMALLEST)
