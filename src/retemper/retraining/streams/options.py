"""The check of a detector's numbers."""

from __future__ import annotations

import math

from retemper.core.errors import InputError


def in_range(
    name: str, value: float, low: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> float:
    """A finite number, at least ``low``, above ``above`` and below ``below``.

    Raises:
        InputError: ``bad_value``.

    >>> in_range("delta", 0.1, low=0.0)
    0.1
    """
    if math.isfinite(value) and value >= low and above < value < below:
        return value
    rules = [f">= {low:g}"] * math.isfinite(low) + [f"> {above:g}"] * math.isfinite(above)
    rules += [f"< {below:g}"] * math.isfinite(below)
    message = f"{name} must be {' and '.join(['finite', *rules])}, but got {value!r}."
    raise InputError("bad_value", message, {"option": name}, "Correct the value.")
