"""Points of a scrambled Sobol sequence: even in every projection, so that few trials leave no gaps."""

from __future__ import annotations

import warnings

from retemper.core import seeds
from retemper.core.options import Options as BaseOptions
from retemper.search.once import IN_VAIN, Once
from retemper.search.space import Setting, Space


class Options(BaseOptions):
    """A Sobol sequence (Sobol 1967; Bergstra & Bengio 2012) has no options.

    Use when trials are few, or trained all at once; avoid when each costs hours: a Bayesian sampler learns from them.
    """


class Sampler:
    """Names the points of one sequence, in order.

    >>> from retemper.search.space import Interval, Words
    >>> space = Space({"rate": Interval(1e-4, 1e-2, log=True), "width": Words((64, 128))})
    >>> sorted(point["width"] for point in Sampler(space, seed=0, trials=4).ask(4))
    [64, 64, 128, 128]
    """

    def __init__(self, space: Space, seed: int, trials: int) -> None:
        self.space = space
        from scipy.stats import qmc  # half a second, which whoever only reads a recipe need not wait for

        self._left, self._vain, self._once = trials, 0, Once(space)
        own = int(seeds.generator(seed, "search").integers(2**32))
        self._points = qmc.Sobol(len(space), scramble=True, rng=own)

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings; fewer: all trials are spent, or the space has no more."""
        count = min(count, self._left)
        found: list[Setting] = []
        while len(found) < count and self._vain < IN_VAIN:
            found += self._new(count - len(found))
        while len(found) < count and (values := self._once.left()) is not None:
            found.append(values)
        self._left -= len(found)
        return found

    def _new(self, count: int) -> list[Setting]:
        """Those of the next points that are new, up to where too many in a row are not."""
        with warnings.catch_warnings():
            # Balance is lost where the number is no power of two, which costs nothing that a search would notice.
            warnings.filterwarnings("ignore", message="The balance properties", category=UserWarning)
            points = self._points.random(count)
        found: list[Setting] = []
        for values in map(self.space.at, points):
            new = self._once.is_new(values)
            self._vain = 0 if new else self._vain + 1
            found += [values] * new
            if self._vain == IN_VAIN:
                break
        return found

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """Nothing is learnt from it."""


def build(options: Options, space: Space, seed: int, trials: int) -> Sampler:
    """The sampler for at most ``trials`` trials."""
    return Sampler(space, seed, trials)
