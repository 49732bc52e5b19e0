"""Names of a space file → options: full paths, or as much of a path's end as tells it from all others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from retemper.core import catalogue
from retemper.core.errors import nearest
from retemper.core.recipe import CHOICES, leaves
from retemper.search.declared import NOT_A_TRIALS_OWN, SECTIONS, Options, families, options_of

ALIASES = {"hidden_units": "model.widths"}
"""The estimators' names for options that the recipe calls otherwise."""


def family_of(name: str) -> str:
    """The path of the family choice that a name stands for; empty: none.

    >>> family_of("optimizer"), family_of("training.optimizer.name"), family_of("learning_rate")
    ('training.optimizer', 'training.optimizer', '')
    """
    short = name.removesuffix(".name")
    return next((path for path in families() if path == short or path.endswith(f".{short}")), "")


def option_of(name: str, known: Options, entries: Mapping[str, tuple[str, ...]]) -> tuple[str, str]:
    """The path that a name stands for, and the entry that it names beside it (``sgd.learning_rate``), else empty.

    Args:
        name: as a person wrote it.
        known: the options that there are.
        entries: path of a family choice → the entries that may be chosen.

    Raises:
        ValueError: no option, or more than one; the message says which it could be.
    """
    name = ALIASES.get(name, name)
    found = _ending(name, known)
    if len(found) > 1:
        raise ValueError(f"could be {' or '.join(found)}; write one of them")
    if found:
        return found[0], ""
    qualified = {
        f"{family}.{entry}.{path.removeprefix(f'{family}.')}": (path, entry)
        for family, names in entries.items()
        for entry in names
        for path, own in known.items()
        if entry in own and path.startswith(f"{family}.")
    }
    matches = _ending(name, qualified)
    if len(matches) == 1:
        return qualified[matches[0]]
    raise ValueError(_why_not(name, known, entries))


def _ending(name: str, paths: Iterable[str]) -> list[str]:
    found = [path for path in paths if path == name or path.endswith(f".{name}")]
    return [name] if name in found else found


def _why_not(name: str, known: Options, entries: Mapping[str, tuple[str, ...]]) -> str:
    for path, reason in NOT_A_TRIALS_OWN.items():
        if name in (path, path.rpartition(".")[2]):
            return f"is no trial's own: {reason}"
    for family, chosen in entries.items():
        elsewhere = options_of({family: tuple(catalogue.names(CHOICES[family]))})
        for path in _ending(name, [path for path in elsewhere if path.startswith(f"{family}.")]):
            having = ", ".join(sorted(elsewhere[path]))
            return f"is an option of {having}, but {family} is {' or '.join(chosen)}; name one of them there"
    others = [path for path in _everything() if path.split(".")[0] not in SECTIONS]
    if _ending(name, others):
        return f"is no trial's own: options of {', '.join(SECTIONS)} can be searched"
    words = list(known) if "." in name else [path.rpartition(".")[2] for path in known] + list(ALIASES)
    return f"no such option, {nearest(name, sorted(set(words)))}"


def _everything() -> list[str]:
    found: list[str] = []
    leaves(lambda path, field: found.append(path))
    return found
