"""A race of ways to train: all begin, the better half goes on from where it is, and a final by another seed decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from retemper.procedure.repair_bench import Bench, Run
from retemper.procedure.repair_regimen import Regimen

FIRST_SHARE = 0.15
"""Of its epochs, what each way is given at first …"""
FEWEST_STEPS = 80
"""… and not fewer steps than these, where it has them: in fewer hardly any network shows what it can."""
LONGER = 2.7
"""Each rung is so many times as long as the one before."""
NEARLY = 0.6
"""A rung that ends beyond this share is the last."""
ENTRANTS, FINALISTS = 8, 2
BEGINNINGS = 0.6
"""Of the purse, what all the first rungs may take."""
SECOND = 11
"""Member of the finals; those of a proof are lower."""
GOOD = 0.97
"""A network of this skill has little left to gain."""


@dataclass(frozen=True)
class Race:
    """What is raced.

    Args:
        regimens: ways to train, the most promising first.
        stage: in the table.
        purse: what it may cost, in original runs.
        seeded: the first comes into the final too, however it begins: its findings are certain.
        examined: a finalist that is not good yet is trained under the doctor's eyes.
    """

    regimens: Sequence[Regimen]
    stage: str
    purse: float
    seeded: bool = False
    examined: bool = False


def run(bench: Bench, race: Race) -> list[Run]:
    """Finalists, the best first; none where the purse allows for none.

    Successive halving (Jamieson & Talwalkar 2016): a rung's losers are dropped, the others go on and don't begin anew.
    The final is run from the start with another split and other weights. Where runs are so short that the first rung
    is all of them, it is the final.
    """
    before = bench.spent

    def left() -> float:
        return race.purse - (bench.spent - before)

    share = _first_share(bench, race)
    field = _begin(bench, race, share, left)
    began, ahead = tuple(field), field[:1] if race.seeded else []
    if share == 1:
        return sorted(field, key=lambda own: -own.skill)
    while len(field) > FINALISTS and not _good(field):
        share *= LONGER
        if share > NEARLY:
            break
        field = _better_half(field, ahead)
        dearest = max(bench.part(own.regimen) for own in field)
        for own in field:
            if own.rest(share) <= left() - dearest:
                own.go_on(share)
    ended: list[Run] = []
    for own in _good(field) or _finalists(field, ahead):
        if bench.part(own.regimen) <= left():
            ended.append(_second(bench, own, race.examined and own.skill < GOOD))
    for own in began:
        own.training.let_go()
    return sorted(ended, key=lambda own: -own.skill)


def _good(field: Sequence[Run]) -> list[Run]:
    """The best where it is good already: no other needs to go on."""
    best = max(field, key=lambda own: own.skill, default=None)
    return [best] if best is not None and best.skill >= GOOD else []


def _better_half(field: Sequence[Run], ahead: Sequence[Run]) -> list[Run]:
    """Those that go on."""
    best = sorted(field, key=lambda own: -own.skill)[: max(FINALISTS, math.ceil(len(field) / 2))]
    return [*best, *(own for own in ahead if own not in best)]


def _finalists(field: Sequence[Run], ahead: Sequence[Run]) -> list[Run]:
    best = sorted(field, key=lambda own: -own.skill)[:FINALISTS]
    return [*best, *(own for own in ahead if own not in best)]


def _second(bench: Bench, own: Run, examined: bool) -> Run:
    """From the start with another split and another start: what was but lucky falls behind."""
    if examined:
        return bench.watched(own.regimen, SECOND, own.stage)
    again = bench.enter(own.regimen, SECOND, own.stage)
    again.go_on(1.0)
    return again


def _first_share(bench: Bench, race: Race) -> float:
    if not race.regimens:
        return 1.0
    share = max(FIRST_SHARE, min(1.0, FEWEST_STEPS / bench.steps(race.regimens[0])))
    return share if share <= NEARLY else 1.0


def _begin(bench: Bench, race: Race, share: float, left: Callable[[], float]) -> list[Run]:
    """As many as the purse allows to begin, such that the dearest of them can end."""
    field: list[Run] = []
    dearest = 0.0
    for regimen in race.regimens:
        begun = share * bench.part(regimen)
        rest = max(dearest, bench.part(regimen)) if share < 1 else 0.0
        beginnings = race.purse - left() + begun
        if begun + rest > left() or (rest and field and beginnings > BEGINNINGS * race.purse):
            continue
        own = bench.enter(regimen, 0, race.stage)
        own.go_on(share)
        field.append(own)
        dearest = rest
        if len(field) == ENTRANTS:
            break
    return field
