"""Families of plug-ins found by name: the name in the recipe is the file's name or the entry's.

A *folder family* has one module an entry (``retemper/models/mlp.py`` is the model ``mlp``); the module holds
``Options`` and whatever the family asks for. A *file family* is one module with ``ENTRIES``, a dict of
name → option class. Code from outside comes in through Python's entry points only (group
``retemper.<family>``).
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from retemper.core.errors import nearest
from retemper.core.options import Options

FAMILIES = {
    "model": "retemper.models",
    "optimizer": "retemper.training.optimizers",
    "schedule": "retemper.training.schedules",
    "loss": "retemper.training.losses",
    "initialiser": "retemper.training.initialisers",
    "symptom": "retemper.doctor.symptoms",
    "sampler": "retemper.search.samplers",
    "fidelity": "retemper.search.fidelities",
    "remedy": "retemper.doctor.remedies",
    "drift_test": "retemper.retraining.drift",
    "strategy": "retemper.retraining.strategies",
}


def names(family: str) -> list[str]:
    """All names of a family, sorted."""
    own = getattr(import_module(FAMILIES[family]), "ENTRIES", None) or _modules(FAMILIES[family])
    return sorted([*own, *(point.name for point in _points(family))])


def entry(family: str, name: str) -> Any:
    """The module (folder family) or option class (file family) of a name.

    Raises:
        ValueError: the name is not known; the message has the nearest right spelling.
    """
    module = import_module(FAMILIES[family])
    own = getattr(module, "ENTRIES", None)
    if own is not None and name in own:
        return own[name]
    if own is None and name in _modules(FAMILIES[family]):
        return import_module(f"{FAMILIES[family]}.{name}")
    for point in _points(family):
        if point.name == name:
            return point.load()
    raise ValueError(f"there is no {family} {name!r}; {nearest(name, names(family))}")


@cache
def _modules(package: str) -> frozenset[str]:
    """Modules of a folder; it is looked into once, since a search asks for each trial."""
    found = pkgutil.iter_modules(import_module(package).__path__)
    return frozenset(module.name for module in found if not module.ispkg)


@cache
def _points(family: str) -> tuple[EntryPoint, ...]:
    """What installed packages add: to look through all of them takes 20 ms."""
    return tuple(entry_points(group=f"retemper.{family}"))


def options_class(family: str, name: str) -> type[Options]:
    """The option class of an entry."""
    found = entry(family, name)
    return cast("type[Options]", found if isinstance(found, type) else found.Options)
