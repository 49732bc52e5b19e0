"""What a search may change: each option of preparation, model and training, with the range that it comes with.

An option declares its range beside its bounds, in the form of a space file: a list is a choice, ``low`` and ``high``
are a range, ``log`` makes it even in the logarithm:

    width: int = Field(256, ge=1, json_schema_extra={"search": [64, 128, 256, 512]})
    weight_decay: float = Field(0.0, ge=0, json_schema_extra={"search": {"low": 1e-4, "high": 0.3, "log": True}})

What declares none has the range of its type, where that has two ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from retemper.core import catalogue
from retemper.core.recipe import CHOICES, Recipe, leaves
from retemper.search.space import Axis, Interval, Words

SECTIONS = ("prepare", "model", "training")
"""Parts of the recipe that a trial may differ in."""
NOT_A_TRIALS_OWN = {
    "training.epochs": "how long a trial trains is tune.epochs and the fidelity's",
    "training.signals": "what is recorded changes no result",
}
MARGIN = 0.01
"""An end that the bounds exclude is missed by so much of the range."""
LOG_FROM = 100
"""Bounds above 0 whose ratio is more than this make a range that is even in the logarithm."""


@dataclass(frozen=True)
class Limits:
    """The bounds of a numeric option; infinite where it has none.

    Args:
        low, high: the bounds.
        low_is_in, high_is_in: whether they are values that it may take.
    """

    low: float = -math.inf
    high: float = math.inf
    low_is_in: bool = True
    high_is_in: bool = True


@dataclass(frozen=True)
class Option:
    """An option that can be searched.

    Args:
        path: in the recipe.
        field: its declaration.
        family: of a name (``optimizer`` for ``training.optimizer.name``); empty for all else.
    """

    path: str
    field: FieldInfo
    family: str = ""

    @property
    def number(self) -> bool:
        """Whether it takes any number within its bounds."""
        return self.field.annotation in (int, float) and self._bound("multiple_of") is None

    @property
    def integer(self) -> bool:
        """Whether it takes whole numbers only."""
        return self.field.annotation is int

    @property
    def limits(self) -> Limits:
        """Its bounds."""
        low, above, high, below = (self._bound(name) for name in ("ge", "gt", "le", "lt"))
        return Limits(
            next((end for end in (low, above) if end is not None), -math.inf),
            next((end for end in (high, below) if end is not None), math.inf),
            low is not None,
            high is not None,
        )

    def parsed(self, value: Any) -> Any:
        """A value as the recipe keeps it.

        Raises:
            ValueError: it is not one that the option takes.
        """
        try:
            parsed = self._type.validate_python(value)
        except ValidationError as error:
            said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            raise ValueError(said if self.family else f"{said}, but got {value!r}") from None
        if self.path == "training.batch_size" and parsed == 0:
            raise ValueError("0 stands for a size that the rows give; name sizes")
        return parsed.name if self.family else self._type.dump_python(parsed, mode="json")

    def declared(self) -> Axis:
        """The range that it comes with.

        Raises:
            ValueError: it has none.
        """
        extra = self.field.json_schema_extra
        own = extra.get("search") if isinstance(extra, Mapping) else None
        if isinstance(own, Mapping):
            return Interval(**own, integer=self.integer)  # type: ignore[arg-type]  # tested for all options
        if isinstance(own, list):
            return Words(tuple(own))
        return self._by_type()

    def _by_type(self) -> Axis:
        annotation, limits = self.field.annotation, self.limits
        if annotation is bool:
            return Words((False, True))
        if get_origin(annotation) is Literal:
            return Words(get_args(annotation))
        if not self.number or math.isinf(limits.low) or math.isinf(limits.high):
            raise ValueError("has no range that comes with it; list values, or give low and high")
        # Whole numbers and neighbours of an excluded end: one further in.
        step = 1 if self.integer else MARGIN * (limits.high - limits.low)
        low = limits.low if limits.low_is_in else limits.low + step
        high = limits.high if limits.high_is_in else limits.high - step
        return Interval(low, high, log=low > 0 and high / low > LOG_FROM, integer=self.integer)

    def _bound(self, name: str) -> Any:
        found = [getattr(own, name) for own in self.field.metadata if getattr(own, name, None) is not None]
        return found[0] if found else None

    @cached_property
    def _type(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.field.rebuild_annotation())


Options = dict[str, dict[str, Option]]
"""Path → entry → option, for what a family's entries have; the entry is empty for what is always there."""


def families() -> dict[str, Option]:
    """Path of a family choice → the option that names its entry."""
    return {
        path: Option(f"{path}.name", field, CHOICES[path])
        for path, field in _fields()
        if path in CHOICES and path.split(".")[0] in SECTIONS
    }


def options_of(entries: Mapping[str, tuple[str, ...]]) -> Options:
    """All options that a search may change.

    Args:
        entries: path of a family choice → the names of the entries that may be chosen.

    >>> list(options_of({"training.optimizer": ("sgd", "momentum")})["training.optimizer.momentum"])
    ['momentum']
    """
    plain = [path for path, _ in _fields() if path not in CHOICES and path.split(".")[0] in SECTIONS]
    fields = dict(_fields())
    found: Options = {
        path: {"": Option(path, fields[path])} for path in plain if path not in NOT_A_TRIALS_OWN
    }
    for family, names in entries.items():
        for name in names:
            for leaf, field in catalogue.options_class(CHOICES[family], name).model_fields.items():
                path = f"{family}.{leaf}"
                found.setdefault(path, {})[name] = Option(path, field)
    return found


def chosen(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """Path of each family choice → the entry that a recipe names."""
    return {path: (recipe.get(path)["name"],) for path in families()}


def option(path: str, recipe: Recipe) -> Option:
    """The option at a path of a space; ``training.optimizer.sgd.learning_rate`` is that of the entry ``sgd``.

    Raises:
        KeyError: there is none.
    """
    known = families()
    for family, own in known.items():
        if path == own.path:
            return own
        if path.startswith(f"{family}."):
            entry, _, leaf = path.removeprefix(f"{family}.").rpartition(".")
            names = (entry,) if entry else tuple(catalogue.names(CHOICES[family]))
            having = options_of({family: names})[f"{family}.{leaf}"]
            return having.get(chosen(recipe)[family][0]) or next(iter(having.values()))
    return options_of({})[path][""]


def declared(path: str, recipe: Recipe) -> Axis:
    """The range that comes with the option at a path.

    Raises:
        ValueError: it has none.

    >>> declared("training.optimizer.learning_rate", Recipe())
    Interval(low=0.0001, high=0.1, log=True, integer=False)
    """
    return option(path, recipe).declared()


def _fields() -> Iterator[tuple[str, FieldInfo]]:
    found: list[tuple[str, FieldInfo]] = []
    leaves(lambda path, field: found.append((path, field)))
    yield from found
