"""Independent random points: the plain mark that every other sampler has to beat."""

from __future__ import annotations

from retemper.core import seeds
from retemper.core.options import Options as BaseOptions
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
        self._asked = 0

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings."""
        numbers = range(self._asked, min(self._asked + count, self.trials))
        self._asked = max(self._asked, numbers.stop)
        return [
            self.space.at(seeds.generator(self.seed, "random search", number).random(len(self.space)))
            for number in numbers
        ]

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """Nothing is learnt from it."""


def build(options: Options, space: Space, seed: int, trials: int) -> Sampler:
    """The sampler for at most ``trials`` trials."""
    return Sampler(space, seed, trials)
