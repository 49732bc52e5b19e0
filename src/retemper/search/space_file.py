"""A space as a person writes it, in YAML or as a mapping: ``learning_rate: {low: 1e-4, high: 1e-1, log: true}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retemper.core.errors import InputError
from retemper.search.space import Axis, Interval, Space, Words


def space_of(given: Mapping[str, Any]) -> Space:
    """A space from dotted paths with lists of values or ranges.

    Args:
        given: path → list of values, or mapping with low, high and, if wanted, log and integer.

    Raises:
        InputError: ``bad_space``, all mistakes at once.

    >>> space_of({"training.batch_size": [32, 64]})["training.batch_size"].values
    (32, 64)
    """
    axes: dict[str, Axis] = {}
    for path, value in given.items():
        if isinstance(value, Mapping):
            axes[path] = Interval(**value)
        elif isinstance(value, list | tuple):
            axes[path] = Words(tuple(value))
        else:
            raise InputError("bad_space", f"{path} needs a list of values or a range.", {"option": path}, "")
    return Space(axes)
