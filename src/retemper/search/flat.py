"""Where a curve gains nothing more: shown by a test of equivalence, not by the lack of a difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from retemper.search.cells import Floats

MARGIN = 0.1
"""Of the curve's range: smaller differences count as none."""
ONE_SIDED = 1.645
LEAST_PART = 0.25
"""Of the range: shorter flat parts are not told."""


@dataclass(frozen=True)
class Flat:
    """From ``value`` on to the upper end (``beyond``) or to the lower (``below``) the loss stays at its best."""

    side: Literal["beyond", "below"]
    value: Any


def flat_part(values: Sequence[Any], curve: Floats, curves: Floats) -> Flat | None:
    """The part at one end in which nothing is gained.

    All of the part's differences from its end must lie within a tenth of the curve's range, with their one-sided 95 %
    limits (two one-sided tests, Schuirmann 1987), the part must be at the curve's best level, and the curve must leave
    that level outside of it.

    Args:
        values: of the option, ascending.
        curve: the mean loss at each.
        curves: draws of it [draws, values].

    >>> curve = np.array([1.0, 0.5, 0.1, 0.1, 0.1])
    >>> flat_part([16, 32, 64, 128, 256], curve, np.stack([curve, curve]))
    Flat(side='beyond', value=64)
    """
    margin = MARGIN * float(np.ptp(curve))
    for side, step in (("beyond", 1), ("below", -1)):
        own, drawn = curve[::step], curves[:, ::step]
        apart = np.abs(own - own[-1]) + ONE_SIDED * (drawn - drawn[:, -1:]).std(axis=0, ddof=1)
        length = len(own) - int(np.flatnonzero(apart > margin).max(initial=-1)) - 1
        if 2 <= length < len(own) and length >= LEAST_PART * len(own) and own[-1] - own.min() <= margin:
            place = len(own) - length if step == 1 else length - 1
            return Flat(side, values[place])  # type: ignore[arg-type]  # one of the two
    return None
