"""A search after the data changed begins from what an earlier one knew, unless five probes say that it no longer holds.

    probes ← five settings from the best to the worst of the earlier search
    train them on the new data
    if their order is as it was:
        ask: the earlier search's best, then what a model of both searches chooses, whatever the sampler
    else:
        ask: whatever the sampler names, as if there had been no earlier search

The probes are trials like others, and count as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retemper.search.before import Before
from retemper.search.concordance import ALPHA, Concordance, concordance
from retemper.search.distributions import key_of
from retemper.search.guided import Guided
from retemper.search.space import Setting, Space
from retemper.search.study import Reminded, Sampler
from retemper.search.told import Told

PROBES = 5


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
        inner: the sampler that is asked where the ranking no longer holds.
        candidates: names settings to choose from where it holds, see :class:`~retemper.search.guided.Guided`.
        before: what an earlier search knew.
        space: what is searched.
        trials: so many settings are named at most.

    >>> from retemper.search.guided import CANDIDATES
    >>> from retemper.search.samplers import random
    >>> from retemper.search.space import Interval
    >>> space = Space({"rate": Interval(0.0, 1.0)})
    >>> before = Before("runs/may", [({"rate": 0.3 + k / 40}, k / 40) for k in range(20)])
    >>> inner = random.build(random.Options(), space, seed=0, trials=10 * CANDIDATES)
    >>> warm = WarmStart(inner, inner, before, space, trials=10)
    >>> probes = warm.ask(8)
    >>> for setting in probes:
    ...     warm.tell(setting, 2 + 3 * abs(setting["rate"] - 0.3))
    >>> len(probes), [round(setting["rate"], 3) for setting in warm.ask(2)], warm.verdict.kept
    (5, [0.325, 0.35], True)
    """

    def __init__(
        self, inner: Sampler, candidates: Sampler, before: Before, space: Space, trials: int
    ) -> None:
        self._inner, self._candidates, self._before, self._space = inner, candidates, before, space
        self._left = trials
        self._told = Told()
        self._heard: list[tuple[Setting, float, int]] = []
        self._asked: dict[str, Setting] = {}
        self._guided: Guided | None = None
        enough = len(before.known) >= PROBES
        few = f"{len(before.known)} of the earlier settings are in this space, too few to probe."
        self.probes = [values for values, _ in before.spread(PROBES)] if enough else []
        self.verdict = None if enough else Verdict(False, few)
        self._first = list(self.probes)

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings; the first time probes alone, since all else hangs on them."""
        return self.ask_again([None] * count)

    def ask_again(self, before: Sequence[Setting | None]) -> list[Setting]:
        """As ``ask``; ``before``: what each of its answers was in an earlier session, None where that is not known."""
        if self.verdict is None and all(values in self._told for values in self.probes):
            self._decide()
        if self._guided is not None:
            return self._guided.ask_again(before)
        before = before[: self._left]
        count = len(before)
        first, self._first = self._first[:count], self._first[count:]
        found = self._note(first)
        if self.verdict is not None or not found:
            while len(found) < count and (named := self._named(before[len(found) :])):
                found += self._note(named)
        self._left -= len(found)
        return found

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """What a setting led to after so many epochs; NaN: it failed."""
        if self._guided is not None:
            self._guided.tell(values, loss, epochs)
            return
        self._told.add(values, loss, epochs)
        self._heard.append((values, loss, epochs))
        self._inner.tell(values, loss, epochs)

    def wider(self, inner: Sampler, candidates: Sampler, space: Space) -> Sampler:
        """What goes on in wider ranges, without probes: guided as this is, or ``inner``."""
        return inner if self._guided is None else self._guided.wider(candidates, space)

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

    def _named(self, before: Sequence[Setting | None]) -> list[Setting]:
        if isinstance(self._inner, Reminded):
            return self._inner.ask_again(before)
        return self._inner.ask(len(before))

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
        self._guided = Guided(self._candidates, self._before, self._space, self._left, self._asked)
        for told in self._heard:
            self._guided.tell(*told)

    def _note(self, settings: Sequence[Setting]) -> list[Setting]:
        """Those that are new; from now on they are not."""
        new = {key: values for values in settings if (key := key_of(values)) not in self._asked}
        self._asked |= new
        return list(new.values())
