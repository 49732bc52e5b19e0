"""A space as a person writes it, in YAML or as a mapping.

    learning_rate: {low: 1e-4, high: 1e-1, log: true}   # a range; what is left out is as the option declares
    batch_size: [32, 64, 128]                           # a choice
    dropout: default                                    # the range that comes with the option
    optimizer: [adam, {name: nesterov, momentum: {low: 0.5, high: 0.99}}]   # entries, with options of their own

Names are full paths, or as much of a path's end as tells it from all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retemper.core.errors import InputError, nearest
from retemper.core.recipe import Recipe
from retemper.search.declared import Option, Options, chosen, families, options_of
from retemper.search.space import Axis, Condition, Interval, Setting, Space, Words
from retemper.search.space_names import ALIASES, family_of, option_of

DEFAULT = "default"
RANGE = ("low", "high", "log", "integer")


def space_of(given: Mapping[str, Any], recipe: Recipe | None = None) -> Space:
    """A space from names of options with lists of values, ranges, or the word ``default``.

    Options of a family's entry are there only while it is chosen. Where two entries give one option different ranges,
    each has its own axis: ``training.optimizer.sgd.learning_rate``.

    Args:
        given: name → list, range, ``default``, or a single value; of a family, entries with options of their own.
        recipe: what the trials change; None: the defaults.

    Raises:
        InputError: ``bad_space``, all mistakes at once; a search of nothing at all.

    >>> space = space_of({"batch_size": [32, 64], "dropout": {"high": 0.3}})
    >>> space["training.batch_size"].values, space["model.dropout"].high
    ((32, 64), 0.3)
    """
    if not given and recipe is not None and recipe.tune.sampler.name != "listed":
        hint = "Name at least one option, `learning_rate: default`, or list settings (the sampler listed)."
        message = "The space is empty: there is nothing to search."
        raise InputError("bad_space", message, {"option": "tune.space"}, hint)
    reading = _Reading(recipe or Recipe())
    space = reading.space(given)
    mistakes = reading.mistakes or list(refused(space, reading.recipe))
    if mistakes:
        raise InputError(
            "bad_space",
            f"The space has {len(mistakes)} mistake{'s' * (len(mistakes) != 1)}: {'; '.join(mistakes)}",
            {"option": ", ".join(dict.fromkeys(mistake.partition(":")[0] for mistake in mistakes))},
            "Mend each of them; a range is {low: 1e-4, high: 1e-1, log: true}, a choice a list.",
        )
    return space


def written(given: Any) -> Any:
    """A space given in Python as YAML has it: ranges, choices, tuples and arrays become mappings and lists.

    >>> written({"dropout": Interval(0.0, 0.5), "width": range(64, 256, 64)})
    {'dropout': {'low': 0.0, 'high': 0.5, 'log': False}, 'width': [64, 128, 192]}
    """
    if isinstance(given, Mapping):
        return {str(name): written(form) for name, form in given.items()}
    if isinstance(given, Interval):
        # No word on whole numbers: the option knows.
        return written(
            {key: value for key, value in vars(given).items() if value is not False or key == "log"}
        )
    if isinstance(given, Words):
        return written(given.values)
    if isinstance(given, np.generic | np.ndarray):
        return given.tolist()
    return [written(one) for one in given] if isinstance(given, list | tuple | range) else given


@dataclass
class _Reading:
    """What is read so far: the ranges of each option, by the entry that they are for."""

    recipe: Recipe
    mistakes: list[str] = field(default_factory=list)
    axes: dict[str, dict[str, Axis]] = field(default_factory=dict)
    entries: dict[str, tuple[str, ...]] = field(default_factory=dict)
    known: Options = field(default_factory=dict)

    def space(self, given: Mapping[str, Any]) -> Space:
        given = written(given)
        named = {name: family for name in given if (family := family_of(name))}
        own = {family: self._entries(name, family, given[name]) for name, family in named.items()}
        self.entries = chosen(self.recipe) | {family: tuple(items) for family, items in own.items() if items}
        self.known = options_of(self.entries)
        # What an entry says of its own options goes before what is said of all.
        paths = {name: self._own_options(family, own[family]) for name, family in named.items()}
        paths |= {name: self._option(name, given[name]) for name in given if name not in named}
        return self._placed([path for name in given for path in paths[name]], own)

    def _entries(self, name: str, family: str, form: Any) -> dict[str, Mapping[str, Any]]:
        """The entries of a family that may be chosen, each with the forms of its own options."""
        option = families()[family]
        try:
            items = option.declared().values if form == DEFAULT else form  # type: ignore[union-attr]
        except ValueError as error:
            self.mistakes.append(f"{name}: {error}")
            return {}
        found: dict[str, Mapping[str, Any]] = {}
        for item in items if isinstance(items, list | tuple) else [items]:
            own = dict(item) if isinstance(item, Mapping) else {"name": item}
            try:
                entry = option.parsed(own.pop("name", None))
            except ValueError as error:
                self.mistakes.append(f"{name}: {error}")
                continue
            if entry in found:
                self.mistakes.append(f"{name}: {entry} is named twice")
            found[entry] = own
        if not found and not self.mistakes:
            self.mistakes.append(f"{name}: a choice needs at least one value")
        return found

    def _own_options(self, family: str, own: Mapping[str, Mapping[str, Any]]) -> list[str]:
        paths = [families()[family].path]
        for entry, forms in own.items():
            leaves = [p.removeprefix(f"{family}.") for p, having in self.known.items() if entry in having]
            for name, form in forms.items():
                leaf = ALIASES.get(name, name).removeprefix(f"{family}.")
                if leaf not in leaves:
                    self.mistakes.append(f"{family}: {entry} has no option {name}, {nearest(name, leaves)}")
                    continue
                paths.append(f"{family}.{leaf}")
                self._read(name, paths[-1], [entry], form)
        return paths

    def _option(self, name: str, form: Any) -> list[str]:
        try:
            path, entry = option_of(name, self.known, self.entries)
        except ValueError as error:
            self.mistakes.append(f"{name}: {error}")
            return []
        said = self.axes.get(path, {})
        self._read(
            name, path, [entry] if entry else [one for one in self.known[path] if one not in said], form
        )
        return [path]

    def _read(self, name: str, path: str, entries: Iterable[str], form: Any) -> None:
        form = _layers(form) if name in ALIASES else form
        for entry in entries:
            try:
                axis = axis_of(self.known[path][entry], form)
            except ValueError as error:
                if (mistake := f"{name}: {error}") not in self.mistakes:
                    self.mistakes.append(mistake)
                return
            self.axes.setdefault(path, {})[entry] = axis

    def _placed(self, paths: Iterable[str], own: Mapping[str, Mapping[str, Any]]) -> Space:
        """One axis for each option, or one for each entry where their ranges differ, on condition of the entries."""
        names = {families()[family].path: family for family in own}
        axes: dict[str, Axis] = {}
        conditions: dict[str, Condition] = {}
        for path in paths:
            if path in names and own[names[path]]:
                axes[path] = Words(tuple(own[names[path]]))
            taken = [entry for each in own for entry in own[each] if path == f"{each}.{entry}"]
            for entry_path, axis, entries in _apart(path, self.axes.get(path, {}), bool(taken)):
                axes[entry_path] = axis
                family = next(
                    (each for each in own if path.startswith(f"{each}.") and entries != ("",)), None
                )
                if family is not None and set(entries) != set(own[family]):
                    conditions[entry_path] = Condition(families()[family].path, entries)
        return Space(axes, conditions)


def _apart(
    path: str, axes: Mapping[str, Axis], named_as_an_entry: bool
) -> list[tuple[str, Axis, tuple[str, ...]]]:
    """The axes of one option with their paths and entries: one for all entries where they agree.

    ``optimizer.momentum`` can't be the option and the entry whose options lie below at once.
    """
    if not axes:
        return []
    first = next(iter(axes.values()))
    if not named_as_an_entry and all(axis == first for axis in axes.values()):
        return [(path, first, tuple(axes))]
    family, _, leaf = path.rpartition(".")
    return [(f"{family}.{entry}.{leaf}", axis, (entry,)) for entry, axis in axes.items()]


def axis_of(option: Option, form: Any) -> Axis:
    """The range of an option in one of the forms above.

    Raises:
        ValueError: the form, or a value that the option does not take.

    >>> from retemper.search.declared import option
    >>> axis_of(option("training.optimizer.learning_rate", Recipe()), {"low": "1e-3"})
    Interval(low=0.001, high=0.1, log=True, integer=False)
    """
    if isinstance(form, str) and form == DEFAULT:
        return option.declared()
    if isinstance(form, Mapping) and (option.number or set(form) & set(RANGE)):
        return _interval(option, form)
    if not isinstance(form, list | tuple):
        return Words((option.parsed(form),))
    values: list[Any] = []
    for value in form:
        parsed = option.parsed(value)
        if parsed in values:
            raise ValueError(f"{value!r} is named twice")
        values.append(parsed)
    return Words(tuple(values))


def _interval(option: Option, form: Mapping[str, Any]) -> Interval:
    unknown = [f"{key!r}, {nearest(str(key), list(RANGE))}" for key in form if key not in RANGE]
    if unknown:
        raise ValueError(f"a range has no {'; '.join(unknown)}")
    if not option.number:
        raise ValueError("takes no range of numbers; list its values")
    for key in ("log", "integer"):
        if not isinstance(form.get(key, False), bool):
            raise ValueError(f"{key} must be true or false, but got {form[key]!r}")
    if option.integer and form.get("integer") is False:
        raise ValueError("takes whole numbers only; leave integer out")
    own = _declared(option)
    missing = [end for end in ("low", "high") if end not in form]
    if missing and own is None:
        raise ValueError(f"a range needs low and high, but {' and '.join(missing)} is not given")
    low, high = (option.parsed(form[end]) if end in form else getattr(own, end) for end in ("low", "high"))
    integer = option.integer or form.get("integer", False)
    return Interval(low, high, form.get("log", own.log if own else False), integer)


def _declared(option: Option) -> Interval | None:
    try:
        own = option.declared()
    except ValueError:
        return None
    return own if isinstance(own, Interval) else None


def _layers(form: Any) -> Any:
    """``hidden_units`` as the estimators take them, a number or one for each layer, in the form of ``model.widths``."""
    if isinstance(form, list | tuple):
        return [[units] if isinstance(units, int) else units for units in form]
    return [[form]] if isinstance(form, int) else form


def refused(space: Space, recipe: Recipe) -> Iterable[str]:
    """What a recipe says against the ends of the ranges and the values of the choices."""
    said: dict[str, None] = {}
    for path, axis in space.items():
        for value in (axis.low, axis.high) if isinstance(axis, Interval) else axis.values:
            try:
                recipe.with_changes(_with(space, path, value))
            except InputError as error:
                said[f"{path}: {error.message} (at {value!r})"] = None
    return said


def _with(space: Space, path: str, value: Any) -> Setting:
    """A setting with one value given, and with what must hold for it to be there."""
    values = {name: axis.at(0.5) for name, axis in space.items()} | {path: value}
    while condition := space.conditions.get(path):
        path = condition.path
        values[path] = condition.values[0]
    return space.alive(values)
