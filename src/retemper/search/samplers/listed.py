"""Settings by hand, in the order in which they are given."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from retemper.core.errors import InputError, nearest
from retemper.core.options import Options as BaseOptions
from retemper.search.distributions import Distributions, key_of
from retemper.search.space import Setting, Space, Words


class Options(BaseOptions):
    """A list of settings, each a mapping of options to values.

    Use when it is known what is to be compared; avoid to look for something new. Without a space the settings are the
    space; with one, each of them must lie within it.
    """

    settings: list[dict[str, Any]] = Field(description="option → value, one mapping for each trial")

    @field_validator("settings")
    @classmethod
    def _is_not_empty(cls, settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not settings:
            raise ValueError("at least one setting must be given, but the list is empty")
        return settings


class Sampler:
    """Goes through the list.

    >>> sampler = Sampler([{"rate": 0.1}, {"rate": 0.01}, {"rate": 0.001}], trials=2)
    >>> sampler.ask(5), sampler.ask(1)
    ([{'rate': 0.1}, {'rate': 0.01}], [])
    """

    def __init__(self, settings: list[Setting], trials: int) -> None:
        self._left = settings[:trials]

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings."""
        found, self._left = self._left[:count], self._left[count:]
        return found

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """Nothing is learnt from it."""


def build(options: Options, space: Space, seed: int, trials: int) -> Sampler:
    """The sampler for at most ``trials`` trials.

    Raises:
        InputError: ``bad_setting``, all mistakes at once.
    """
    mistakes = _repeated(options.settings)
    if space:
        ours = Distributions(space)
        mistakes += [
            f"setting {place}: {said}"
            for place, values in enumerate(options.settings, start=1)
            for said in _mistakes(values, ours)
        ]
    if mistakes:
        raise InputError(
            "bad_setting",
            f"The list of settings does not fit the space: {'; '.join(mistakes)}.",
            {"option": "tune.sampler.settings"},
            "Mend the settings or widen the space; without a space any settings may be listed.",
        )
    return Sampler([dict(values) for values in options.settings], trials)


def space_of(settings: list[Setting]) -> Space:
    """The space that a list spans: of each option the values that occur, in their order.

    >>> dict(space_of([{"rate": 0.1, "width": 64}, {"rate": 0.01, "width": 64}]))
    {'rate': Words(values=(0.1, 0.01)), 'width': Words(values=(64,))}
    """
    found: dict[str, dict[str, Any]] = {}
    for values in settings:
        for path, value in values.items():
            found.setdefault(path, {}).setdefault(key_of(value), value)
    return Space({path: Words(tuple(values.values())) for path, values in found.items()})


def _repeated(settings: list[Setting]) -> list[str]:
    first: dict[str, int] = {}
    said = []
    for place, values in enumerate(settings, start=1):
        known = first.setdefault(key_of(values), place)
        if known != place:
            said.append(f"setting {place} is setting {known} again")
    return said


def _mistakes(values: Setting, ours: Distributions) -> list[str]:
    """What is wrong with a setting, one sentence for each option."""
    space = ours.space
    said = [
        f"{path} is not in the space, {nearest(path, list(space))}" for path in values if path not in space
    ]
    alive = {path for path in space if space.is_alive(path, values)}
    said += [f"{path} is missing" for path in space if path in alive and path not in values]
    for path, value in values.items():
        if path in space and path not in alive:
            condition = space.conditions[path]
            said.append(f"{path} is there only while {condition.path} is one of {list(condition.values)}")
        elif path in space and not ours.holds(path, value):
            said.append(f"{path} must be {_words(space, path)}, but got {value!r}")
    return said


def _words(space: Space, path: str) -> str:
    axis = space[path]
    if isinstance(axis, Words):
        return f"one of {list(axis.values)}"
    return f"{'a whole number ' if axis.integer else ''}from {axis.low:g} to {axis.high:g}"
