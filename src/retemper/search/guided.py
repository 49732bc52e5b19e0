"""A sampler that an earlier search guides: of what another sampler names, the most promising first.

One that does not learn names many settings at once, and a process over both searches chooses among them. One that
learns is told of the earlier trials, their losses brought to the new scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from retemper.search.concordance import Concordance
from retemper.search.distributions import key_of
from retemper.search.samplers import grid, listed, quasi_random, random
from retemper.search.space import Setting, Space
from retemper.search.study import Sampler
from retemper.search.told import Known, Told
from retemper.search.transfer import Posterior, fitted

BEST = 2
"""So many of the best settings of before are tried again, beside the probes."""
CANDIDATES = 16
"""A sampler that does not learn names so many settings for each one tried."""
UNLEARNED = (grid.Sampler, listed.Sampler, quasi_random.Sampler, random.Sampler)
"""Samplers to which it makes no difference what they are told: they can name all of their settings at once."""


class Guided:
    """A sampler around another.

    Args:
        inner: the sampler; one of ``UNLEARNED`` is made for ``CANDIDATES`` times as many trials.
        before: losses of the earlier search, the best first.
        found: how they compare with those of this search.
        space: what settings of both searches belong to; ``inner`` may keep to a part of it.
        trials: so many settings are named at most.
        tried: keys of settings that were tried already.
    """

    def __init__(
        self,
        inner: Sampler,
        before: Known,
        found: Concordance,
        space: Space,
        trials: int,
        tried: Iterable[str] = (),
    ) -> None:
        self._inner, self._before, self._found, self._space = inner, before, found, space
        self._trials, self._left = trials, trials
        self._asked = set(tried)
        self._told, self._epochs = Told(), 0
        self._pool: list[Setting] | None = None
        self._fit: Posterior | None = None
        self._stale = True
        rest = [(values, loss) for values, loss in before if key_of(values) not in self._asked]
        self._first = [values for values, _ in rest[:BEST]]
        self._learns = not isinstance(inner, UNLEARNED)
        self._untold = rest[BEST:] if self._learns else []

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings."""
        count = min(count, self._left)
        first, self._first = self._first[:count], self._first[count:]
        found = self._new(first)
        if len(found) < count:
            found += (self._named if self._learns else self._promising)(count - len(found))
        self._left -= len(found)
        return found

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """What a setting led to after so many epochs; NaN: it failed."""
        self._asked.add(key_of(values))
        self._epochs = max(self._epochs, epochs)
        self._told.add(values, loss, epochs)
        self._inner.tell(values, loss, epochs)
        self._stale = True

    def wider(self, inner: Sampler, space: Space) -> Guided:
        """One that goes on in wider ranges, with what ``inner`` names there."""
        return Guided(inner, self._before, self._found, space, self._trials, self._asked)

    def _named(self, count: int) -> list[Setting]:
        """What the inner sampler names, once it knows what was known before."""
        for values, loss in self._untold:
            self._inner.tell(values, self._found.now(loss), self._epochs)
        self._untold = []
        found: list[Setting] = []
        while len(found) < count and (named := self._inner.ask(count - len(found))):
            found += self._new(named)
        return found

    def _promising(self, count: int) -> list[Setting]:
        """The best of what the inner sampler names, by what is known of before and since."""
        if self._pool is None:
            self._pool = self._inner.ask(self._trials * CANDIDATES)
        self._pool = [values for values in self._pool if key_of(values) not in self._asked]
        if self._fit is None or self._stale:
            begin = None if self._fit is None else self._fit.parameters
            self._fit = fitted(self._space, self._before, self._told.levelled(), begin)
            self._stale = False
        return self._new([self._pool[place] for place in self._fit.choose(self._pool, count)])

    def _new(self, settings: Sequence[Setting]) -> list[Setting]:
        """Those that are new; from now on they are not."""
        new = {key: values for values in settings if (key := key_of(values)) not in self._asked}
        self._asked |= set(new)
        return list(new.values())
