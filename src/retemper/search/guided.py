"""A search that an earlier one guides: of many settings the most promising first, by what both have seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from retemper.search.before import Before
from retemper.search.distributions import Distributions, key_of
from retemper.search.samplers import grid, listed, quasi_random, random
from retemper.search.space import Setting, Space
from retemper.search.study import Sampler
from retemper.search.told import Told
from retemper.search.transfer import Posterior, fitted

BEST = 2
"""So many of the best settings of before are tried again, beside the probes."""
CANDIDATES = 16
"""For each setting that is tried there are so many to choose from."""
UNLEARNED = (grid.Sampler, listed.Sampler, quasi_random.Sampler, random.Sampler)
"""Samplers to which it makes no difference what they are told: they can name all of their settings at once."""


class Guided:
    """A sampler that chooses among what another one names.

    Args:
        candidates: one of ``UNLEARNED``, made for ``CANDIDATES`` times as many trials.
        before: what the earlier search knew.
        space: what settings of both searches belong to; the candidates may keep to a part of it.
        trials: so many settings are named at most.
        tried: keys of settings that were tried already.
        again: so many of the best of before come first.

    >>> from retemper.search.space import Interval
    >>> space = Space({"rate": Interval(0.0, 1.0)})
    >>> before = Before("runs/may", [({"rate": k / 20}, abs(k / 20 - 0.3)) for k in range(21)])
    >>> candidates = random.build(random.Options(), space, seed=0, trials=4 * CANDIDATES)
    >>> guided = Guided(candidates, before, space, trials=4, again=0)
    >>> for rate in (0.1, 0.4, 0.8):
    ...     guided.tell({"rate": rate}, 5 + abs(rate - 0.3))
    >>> [abs(setting["rate"] - 0.3) < 0.1 for setting in guided.ask(1)]
    [True]
    """

    def __init__(
        self,
        candidates: Sampler,
        before: Before,
        space: Space,
        trials: int,
        tried: Iterable[str] = (),
        again: int = BEST,
    ) -> None:
        self._candidates, self._before, self._space = candidates, before, space
        self._trials, self._left = trials, trials
        self._known = before.within(space)
        self._asked = set(tried)
        self._told = Told()
        self._pool: list[Setting] | None = None
        self._fit: Posterior | None = None
        self._stale = True
        self._trusted: bool | None = None
        rest = [values for values, _ in self._known if key_of(values) not in self._asked]
        self._first = rest[:again]

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings."""
        return self.ask_again([None] * count)

    def ask_again(self, before: Sequence[Setting | None]) -> list[Setting]:
        """As ``ask``, where an earlier session was given answers already: nothing is fitted for what it said then.

        The first choice is made anew; if it is another than in the earlier session, none of its answers is believed.

        Args:
            before: the answers, None where there is none.
        """
        count = min(len(before), self._left)
        first, self._first = self._first[:count], self._first[count:]
        found = self._new(first)
        if len(found) < count:
            found += self._remembered(before[len(found) : count]) or self._promising(
                before[len(found) : count]
            )
        self._left -= len(found)
        return found

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """What a setting led to after so many epochs; NaN: it failed."""
        self._asked.add(key_of(values))
        self._told.add(values, loss, epochs)
        self._stale = True

    def wider(self, candidates: Sampler, space: Space) -> Guided:
        """One that goes on in wider ranges, with what ``candidates`` names there."""
        return Guided(candidates, self._before, space, self._trials, self._asked, again=0)

    def _remembered(self, before: Sequence[Setting | None]) -> list[Setting]:
        """The earlier answers where all of them are known, with the space's own values; else none."""
        if not self._trusted:
            return []
        space = Distributions(self._space)
        coded = [None if values is None else space.coded(values) for values in before]
        if None in coded or any(key_of(values) in self._asked for values in before):
            return []
        return self._new([space.values(codes) for codes in coded if codes is not None])

    def _promising(self, before: Sequence[Setting | None]) -> list[Setting]:
        if self._pool is None:
            self._pool = self._candidates.ask(self._trials * CANDIDATES)
        self._pool = [values for values in self._pool if key_of(values) not in self._asked]
        if self._fit is None or self._stale:
            self._fit = fitted(self._space, self._known, self._told.levelled())
            self._stale = False
        found = self._new([self._pool[place] for place in self._fit.choose(self._pool, len(before))])
        if self._trusted is None and any(values is not None for values in before):
            same = [
                then is None or key_of(then) == key_of(now) for then, now in zip(before, found, strict=False)
            ]
            self._trusted = all(same)
        return found

    def _new(self, settings: Sequence[Setting]) -> list[Setting]:
        """Those that are new; from now on they are not."""
        new = {key: values for values in settings if (key := key_of(values)) not in self._asked}
        self._asked |= set(new)
        return list(new.values())
