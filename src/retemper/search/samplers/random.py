"""Independent random points: the plain mark that every other sampler has to beat."""

from __future__ import annotations

from retemper.core import seeds
from retemper.core.options import Options as BaseOptions
from retemper.search.once import IN_VAIN, Once
from retemper.search.space import Setting, Space


class Options(BaseOptions):
    """Random search (Bergstra & Bengio 2012) has no options.

    Use as a mark to measure others by; avoid else: ``quasi_random`` is as simple and leaves smaller gaps.
    """


class Sampler:
    """Draws every trial from a generator of its own, keyed by the trial's number.

    >>> from retemper.search.space import Interval
    >>> sampler = Sampler(Space({"rate": Interval(0.0, 1.0)}), seed=0, trials=3)
    >>> len(sampler.ask(2)), len(sampler.ask(2)), sampler.ask(1)
    (2, 1, [])
    """

    def __init__(self, space: Space, seed: int, trials: int) -> None:
        self.space, self.seed, self.trials = space, seed, trials
        self._asked, self._once = 0, Once(space)

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings; fewer: all trials are spent, or the space has no more."""
        found: list[Setting] = []
        while len(found) < count and self._asked < self.trials and (values := self._next()) is not None:
            self._asked += 1
            found.append(values)
        return found

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """Nothing is learnt from it."""

    def _next(self) -> Setting | None:
        for attempt in range(IN_VAIN):
            random = seeds.generator(self.seed, "random search", self._asked, attempt)
            values = self.space.at(random.random(len(self.space)))
            if self._once.is_new(values):
                return values
        return self._once.left()


def build(options: Options, space: Space, seed: int, trials: int) -> Sampler:
    """The sampler for at most ``trials`` trials."""
    return Sampler(space, seed, trials)
