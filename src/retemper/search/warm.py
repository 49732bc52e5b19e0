"""A search after the data changed begins from what an earlier one knew, unless five probes say that it no longer holds.

    probes ← five settings from the best to the worst of the earlier search
    train them on the new data
    if their order is as it was:
        the sampler is told of the earlier trials, their losses brought to the new scale
        ask: the earlier search's best, then whatever the sampler names
    else:
        ask: whatever the sampler names, as if there had been no earlier search

The probes are trials like others, and count as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retemper.core import seeds
from retemper.search.before import Before
from retemper.search.concordance import ALPHA, Concordance, concordance
from retemper.search.distributions import key_of
from retemper.search.posterior import by_promise
from retemper.search.samplers import grid, listed, quasi_random, random
from retemper.search.space import Setting, Space
from retemper.search.study import Sampler
from retemper.search.told import Known, Told

PROBES = 5
BEST = 2
"""So many of the best settings of before are tried again, beside the probes."""
CANDIDATES = 16
"""A sampler that does not learn names so many settings for each one tried."""
UNLEARNED = (grid.Sampler, listed.Sampler, quasi_random.Sampler, random.Sampler)
"""Samplers to which it makes no difference what they are told: they can name all of their settings at once."""


@dataclass(frozen=True)
class Verdict:
    """Whether the earlier search guides this one, and why.

    Args:
        kept: it does.
        reason: one sentence.
        found: what the probes say; None: there were none.
    """

    kept: bool
    reason: str
    found: Concordance | None = None


class WarmStart:
    """A sampler around another.

    Args:
        inner: the sampler; one of ``UNLEARNED`` is made for ``CANDIDATES`` times as many trials.
        before: what an earlier search knew.
        space: what is searched.
        seed: the study's.
        trials: so many settings are named at most.

    >>> from retemper.search.space import Interval
    >>> space = Space({"rate": Interval(0.0, 1.0)})
    >>> before = Before("runs/may", [({"rate": 0.3 + k / 40}, k / 40) for k in range(20)])
    >>> inner = random.build(random.Options(), space, seed=0, trials=10 * CANDIDATES)
    >>> warm = WarmStart(inner, before, space, seed=0, trials=10)
    >>> probes = warm.ask(8)
    >>> for setting in probes:
    ...     warm.tell(setting, 2 + 3 * abs(setting["rate"] - 0.3))
    >>> len(probes), [round(setting["rate"], 3) for setting in warm.ask(2)], warm.verdict.kept
    (5, [0.325, 0.35], True)
    """

    def __init__(self, inner: Sampler, before: Before, space: Space, seed: int, trials: int) -> None:
        self._inner, self._before, self._space = inner, before, space
        self._seed, self._trials = seed, trials
        self._told, self._epochs = Told(), 0
        self._asked: dict[str, Setting] = {}
        self._pool: list[Setting] | None = None
        self._prior: Known = []
        enough = len(before.known) >= PROBES
        few = f"{len(before.known)} of the earlier settings are in this space, too few to probe."
        self.probes = [values for values, _ in before.spread(PROBES)] if enough else []
        self.verdict = None if enough else Verdict(False, few)
        self._first = list(self.probes)

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings; the first time probes alone, since all else hangs on them."""
        count = min(count, self._trials - len(self._asked))
        if self.verdict is None and all(values in self._told for values in self.probes):
            self._decide()
        first, self._first = self._first[:count], self._first[count:]
        self._note(first)
        if self.verdict is None and first:
            return first
        return first + self._others(count - len(first))

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """What a setting led to after so many epochs; NaN: it failed."""
        self._epochs = max(self._epochs, epochs)
        self._told.add(values, loss, epochs)
        self._inner.tell(values, loss, epochs)

    def evidence(self) -> dict[str, Any]:
        """What the report says of it."""
        verdict = self.verdict or Verdict(False, "The search ended before the probes did.")
        found = verdict.found
        now = {key_of(values): loss for values, loss in self._told.levelled()}
        before = {key_of(values): loss for values, loss in self._before.known}
        keys = [(values, key_of(values)) for values in self.probes]
        return {
            "run": self._before.run,
            "settings": len(self._before.known),
            "left_out": self._before.left_out,
            "kept": verdict.kept,
            "reason": verdict.reason,
            "probes": [{"values": v, "before": before[key], "now": now.get(key)} for v, key in keys],
            "concordance": found.share if found else None,
            "p_value": found.p_value if found else None,
            "alpha": ALPHA,
        }

    def _decide(self) -> None:
        now = {key_of(values): loss for values, loss in self._told.levelled()}
        if not now:
            self.verdict = Verdict(False, "None of the probes reached a finite loss.")
            return
        before = [loss for _, loss in self._before.spread(PROBES)]
        found = concordance(before, [now[key_of(values)] for values in self.probes])
        how = f"five probes agree with it by {found.share:.2f} (p = {found.p_value:.2g})"
        if not found.holds:
            self.verdict = Verdict(False, f"The earlier ranking no longer holds: {how}.", found)
            return
        self.verdict = Verdict(True, f"The earlier ranking holds: {how}.", found)
        rest = [(values, loss) for values, loss in self._before.known if key_of(values) not in self._asked]
        self._first = [values for values, _ in rest[:BEST]]
        self._prior = [(values, found.now(loss)) for values, loss in rest[BEST:]]
        for values, loss in self._prior:
            self._inner.tell(values, loss, self._epochs)

    def _others(self, count: int) -> list[Setting]:
        """What the inner sampler names; the most promising of it, where it does not learn."""
        if self.verdict is not None and self.verdict.kept and isinstance(self._inner, UNLEARNED):
            return self._promising(count)
        found: list[Setting] = []
        while len(found) < count and (named := self._inner.ask(count - len(found))):
            found += self._note(named)
        return found

    def _promising(self, count: int) -> list[Setting]:
        if self._pool is None:
            self._pool = self._inner.ask(self._trials * CANDIDATES)
        self._pool = [values for values in self._pool if key_of(values) not in self._asked]
        if count == 0 or not self._pool:
            return []
        seed = int(seeds.generator(self._seed, "warm start", len(self._asked)).integers(2**32))
        known = [*self._prior, *self._told.levelled()]
        return self._note([self._pool[k] for k in by_promise(self._space, known, self._pool, seed)[:count]])

    def _note(self, settings: Sequence[Setting]) -> list[Setting]:
        """Those that are new; from now on they are not."""
        new = {key: values for values in settings if (key := key_of(values)) not in self._asked}
        self._asked |= new
        return list(new.values())
