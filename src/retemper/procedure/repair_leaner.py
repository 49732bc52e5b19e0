"""What a proved repair does not need is left off again, as far as the rest of the budget goes."""

from __future__ import annotations

from collections.abc import Sequence

from retemper.core.errors import InputError
from retemper.core.records import NotApplicable
from retemper.procedure.repair_bench import Bench, Run
from retemper.procedure.repair_last import last_price
from retemper.procedure.repair_regimen import Regimen
from retemper.procedure.repair_score import LEAST_GAIN

SEEDS = 2
"""Of the proof, on which a way with one measure less must do as well."""
LENGTHS = frozenset({"train_longer", "stop_earlier"})
"""Measures that say how long; the others were proved with that length."""


def leaner(bench: Bench, regimen: Regimen, proved: Sequence[Run], codes: frozenset[str]) -> Regimen:
    """The way without the measures that it does as well without, each tried by itself, the latest first.

    Args:
        bench: whose rest of the budget it is paid from, all but the last training.
        regimen: that is proved.
        proved: its runs of the proof.
        codes: of the original's findings; measures for something else go first.
    """
    asked = [own.finding.code in codes for own in regimen.measures]
    order = [place for wanted in (False, True) for place in _latest_first(asked) if asked[place] is wanted]
    dropped: list[int] = []
    for place in order:
        measure = regimen.measures[place]
        candidate = regimen.without(*dropped, place)
        if measure.remedy in LENGTHS or not _possible(bench, candidate):
            continue
        same = candidate.key == regimen.without(*dropped).key
        if same or _does_as_well(bench, candidate, proved[:SEEDS]):
            dropped.append(place)
    return regimen.without(*dropped)


def _latest_first(asked: Sequence[bool]) -> range:
    return range(len(asked) - 1, -1, -1)


def _possible(bench: Bench, regimen: Regimen) -> bool:
    """Whether the other measures can be had without it."""
    try:
        bench.patient(regimen, bench.rows, 0)
    except (InputError, NotApplicable):
        return False
    return True


def _does_as_well(bench: Bench, candidate: Regimen, proved: Sequence[Run]) -> bool:
    """On the seeds and splits of the proof; one that falls behind on the first is not run on the next."""
    if len(proved) * bench.part(candidate) > bench.left - last_price(bench, candidate):
        return False
    for run in proved:
        own = bench.enter(candidate, run.member, "leaner")
        own.go_on(1.0)
        own.training.let_go()
        if own.skill < run.skill - LEAST_GAIN:
            return False
    return True
