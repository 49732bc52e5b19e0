"""Bundles of older formats, brought to the present one: a function for each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Facts = dict[str, Any]


def _from_2(facts: Facts) -> Facts:
    """Format 3 has a memory of the training; a bundle of format 2 remembers nothing."""
    return {**facts, "schema": 3, "memory": None}


def _from_3(facts: Facts) -> Facts:
    """Format 4 says which values constants had when rows were hashed; in a bundle of format 3 nobody knows them."""
    facts = {**facts, "schema": 4}
    if facts["memory"] is None:
        return facts
    constants = [own["name"] for own in facts["columns"]["columns"] if own["kind"] == "constant"]
    trained = {**facts["memory"]["trained"], "alone": dict.fromkeys(constants)}
    return {**facts, "memory": {**facts["memory"], "trained": trained}}


STEPS: dict[int, Callable[[Facts], Facts]] = {2: _from_2, 3: _from_3}
"""Format → the way to the next one."""


def migrated(facts: Facts) -> Facts:
    """The facts of a bundle.json in the present format; those of an unknown one as they are.

    >>> migrated({"schema": 2, "task": "regression"})
    {'schema': 4, 'task': 'regression', 'memory': None}
    >>> migrated({"schema": 99})
    {'schema': 99}
    """
    while isinstance(facts.get("schema"), int) and facts["schema"] in STEPS:
        facts = STEPS[facts["schema"]](facts)
    return facts
