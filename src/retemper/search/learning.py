"""Samplers that learn: quasi-random points first, then what a model of the losses proposes; no setting comes twice."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from retemper.search.distributions import Distributions, key_of
from retemper.search.once import all_settings
from retemper.search.samplers import quasi_random
from retemper.search.space import Setting, Space
from retemper.search.told import Known, Told

TRIES = 4
"""Proposals before a point is taken from elsewhere: in a small space a model names its favourite again and again."""
PENDING = 32
"""Of settings that were asked for and have no loss yet, a model sees so many, and up to as many again."""


class Model(Protocol):
    """What proposes settings."""

    def learn(self, known: Known, pending: Sequence[Setting]) -> None:
        """Start afresh from losses and from settings whose losses are still to come."""

    def propose(self, number: int, attempt: int) -> Setting:
        """A setting for the trial of this number, which is pending from then on.

        It follows from what was learnt, the number and the attempt alone. Another attempt for a number says that the
        one before it is not wanted.
        """


class Learner:
    """A sampler around a model.

    What it names follows from the seed, what was told, what is pending, and how many were named before: asking for
    four and asking four times for one is the same.

    Args:
        space: what is searched.
        model: proposes settings once enough losses are known.
        seed: of the quasi-random points.
        trials: so many settings are named at most.
        startup: so many finite losses are needed before the model is asked.
    """

    def __init__(self, space: Space, model: Model, seed: int, trials: int, startup: int) -> None:
        self._space, self._model, self._trials, self._startup = space, model, trials, startup
        self._distributions = Distributions(space)
        self._told = Told()
        self._asked: set[str] = set()
        self._pending: dict[str, Setting] = {}
        self._stale = True
        self._afar = _Afar(space, seed)
        self._counted = all_settings(space)
        self._trusted: bool | None = None

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings; fewer: all trials are spent, or the space has no more."""
        return self.ask_again([None] * count)

    def ask_again(self, before: Sequence[Setting | None]) -> list[Setting]:
        """As ``ask``, where an earlier session was given answers already: the model is spared what it said then.

        Whether they are answers of this sampler is shown by the first one that is the model's: that one is asked for
        anew. Else none is believed, and all are asked for.

        Args:
            before: the answers, None where there is none.
        """
        found: list[Setting] = []
        for known in itertools.islice(before, max(0, self._trials - len(self._asked))):
            values = self._known(known) or self._next()
            if values is None:
                break
            if known is not None and self._trusted is None and self._modelled:
                self._trusted = key_of(known) == key_of(values)
            key = key_of(values)
            self._asked.add(key)
            self._pending[key] = values
            found.append(values)
        return found

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """What a setting led to after so many epochs; NaN: it failed.

        Settings that were never asked for are learnt from too, those of another space are not.
        """
        if self._distributions.coded(values) is not None:
            self._told.add(values, loss, epochs)
            self._pending.pop(key_of(values), None)
            self._stale = True

    @property
    def _modelled(self) -> bool:
        return self._told.sound >= self._startup

    def _known(self, values: Setting | None) -> Setting | None:
        """An earlier answer that need not be asked for, with the space's own values."""
        if values is None or not self._trusted or not self._modelled:
            return None
        codes = self._distributions.coded(values)
        if codes is None or not self._is_new(values):
            return None
        # Of this one the model knows nothing until it learns again.
        self._stale = True
        return self._distributions.values(codes)

    def _next(self) -> Setting | None:
        if self._modelled:
            self._learn()
            for attempt in range(TRIES):
                values = self._model.propose(len(self._asked), attempt)
                if self._is_new(values):
                    return values
        others = itertools.chain(self._afar.points(len(self._asked)), self._counted)
        # The model knows nothing of such a setting until it learns again.
        self._stale = True
        return next((values for values in others if self._is_new(values)), None)

    def _learn(self) -> None:
        number = len(self._asked)
        if not (self._stale or number % PENDING == 0):
            return
        pending = list(self._pending.values())
        # With this rule a model that learns again between two tells knows what it would have known without.
        self._model.learn(self._told.levelled(), pending[-(PENDING + number % PENDING) :])
        self._stale = False

    def _is_new(self, values: Setting) -> bool:
        return key_of(values) not in self._asked and values not in self._told


class _Afar:
    """Quasi-random points for what a model does not find: for each trial those from its number on."""

    def __init__(self, space: Space, seed: int) -> None:
        # There is no last point.
        self._points = quasi_random.build(quasi_random.Options(), space, seed, 2**30)
        self._first, self._window = 0, deque[Setting]()

    def points(self, number: int) -> Iterator[Setting]:
        """So many points as trials may be pending; they follow from the number alone, which never falls."""
        while self._first < number:
            self._first += 1
            self._window.popleft() if self._window else self._points.ask(1)
        for place in range(PENDING):
            if place == len(self._window):
                self._window += self._points.ask(1)
            if place == len(self._window):
                return  # the space has no more
            yield self._window[place]
