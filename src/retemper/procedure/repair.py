"""Repair of a person's own network: examine it, race remedies in short runs, keep what fresh seeds prove.

The original is trained once under the doctor's eyes. Rounds follow: ways to train that the findings' remedies lead to
are raced, the best is examined in its turn; what it doesn't need is left off again. What came out is held against the
original on seeds and splits that chose nothing. All is paid out of a budget of original runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean

from torch import nn

from retemper.core.recipe import Recipe
from retemper.core.records import Finding, Outcome
from retemper.doctor.proof import Proof
from retemper.doctor.sequential import COUNTS, EARLY, look
from retemper.procedure.repair_bench import Bench, Run
from retemper.procedure.repair_fit import seeded
from retemper.procedure.repair_last import forget_all_but_the_best, last, last_price, rises, untouched
from retemper.procedure.repair_leaner import leaner
from retemper.procedure.repair_plan import proposals
from retemper.procedure.repair_race import GOOD, Race
from retemper.procedure.repair_race import run as raced
from retemper.procedure.repair_regimen import Regimen
from retemper.procedure.repair_rows import split
from retemper.procedure.repair_score import LEAST_GAIN

ROUNDS = 3
RESERVED = (3, 4, 6)
"""Pairs of a proof that each round leaves money for."""
NOISE = 0.5
"""Of a skill that one row is judged by; the best of a curve is the luckier the fewer rows there are."""
ROUNDING = 1e-9
CERTAIN = 0.9
"""A fault of this confidence has its remedy run to the end, however it begins."""
POOR = 0.9
SCARCE = 300
"""Steps of a run; with fewer the network may have had no time to learn, whatever else is wrong."""
LONGER_PER, MOST_LONGER = 8, 16
"""So many original runs of the budget make a run twice as long worth a try, and so on."""


@dataclass(frozen=True)
class Repaired:
    """What came of it; see :class:`retemper.api.repair.Repair`."""

    network: nn.Module
    regimen: Regimen
    findings: tuple[Finding, ...]
    proof: Proof | None
    runs: tuple[Run, ...]
    spent: float


def repair(bench: Bench, recipe: Recipe) -> Repaired:
    """Examine, race, prove.

    Args:
        bench: where it is done.
        recipe: whose ``training`` the original has.
    """
    original = Regimen(recipe)
    bench.unit = bench.whole(original)
    first = best = bench.watched(original, 0, "original")
    tried = {original.key}
    for number in range(1, ROUNDS + 1):
        found = _round(bench, best, number, tried)
        if found is None:
            break
        best = found
        if best.skill >= GOOD:
            break
    if best is first:
        return _ended(bench, first, None)
    proof, proved = _prove(bench, first, best.regimen)
    if not proof.kept:
        return _ended(bench, first, proof)
    if not rises(best):
        codes = frozenset(own.code for own in first.findings or ())
        best = replace(best, regimen=leaner(bench, best.regimen, proved, codes))
    return _ended(bench, best, proof)


def _round(bench: Bench, best: Run, number: int, tried: set[str]) -> Run | None:
    """The best way from here, or None where none gains."""
    base = best.regimen
    fresh = bench.patient(Regimen(base.recipe), split(bench.rows, bench.seed, 0)[0], 0)
    longer = min(MOST_LONGER, int(bench.left / LONGER_PER))
    findings = best.findings or ()
    with seeded(bench.seed, "repair.proposals", number):
        price = bench.part if bench.steps(base) < SCARCE else None
        candidates = proposals(base, findings, fresh, best.skill < POOR, longer, price)
    purse = bench.left - _reserve(bench, base, number)
    new = [own for own in candidates if own.key not in tried and _provable(bench, own, bench.part(own))]
    sure = any(each.severity == "error" and each.confidence >= CERTAIN for each in findings)
    done = raced(bench, Race(new, f"round {number}", purse, sure, number < ROUNDS))
    tried.update(own.regimen.key for own in bench.runs)
    noise = NOISE / math.sqrt(len(bench.rows) - bench.training_rows or len(bench.rows))
    shortened = [_cut(own, max(LEAST_GAIN, noise)) for own in done]
    winner = next((own for own in shortened if _provable(bench, own.regimen)), None)
    return winner if winner is not None and winner.skill >= best.skill + LEAST_GAIN else None


def _cut(run: Run, fall: float) -> Run:
    """As far as it went up, where it went down by more than ``fall`` afterwards; the curve has told, and it is free."""
    curve = run.training.curve
    top = max(own for _, own in curve)
    share, skill = next((at, own) for at, own in reversed(curve) if own >= top - LEAST_GAIN)
    epochs = run.epoch_at(share)
    if skill < run.skill + fall or epochs == run.training.epochs:
        return run
    told = Finding("overtrained", "advice", 0.9, "It went down after its best.", {"best_epoch": epochs})
    shorter = run.regimen.with_changes("stop_earlier", told, {"training.epochs": epochs})
    return replace(run, regimen=shorter, cut=share)


def _reserve(bench: Bench, regimen: Regimen, number: int) -> float:
    """What the proof and the last training would cost; later rounds leave it more pairs."""
    pair = bench.part(Regimen(regimen.origin)) + bench.part(regimen)
    return RESERVED[number - 1] * pair + last_price(bench, regimen)


def _provable(bench: Bench, regimen: Regimen, before: float = 0.0) -> bool:
    """Whether its shortest proof could be paid after a race that costs so much more."""
    return _reserve(bench, regimen, 1) + before <= bench.left + ROUNDING


def _prove(bench: Bench, first: Run, regimen: Regimen) -> tuple[Proof, list[Run]]:
    """The verdict on fresh seeds and splits, as many pairs as needed and allowed; and the runs of the repaired."""
    original = first.regimen
    pair = bench.part(original) + bench.part(regimen)
    purse = bench.left - last_price(bench, regimen) + ROUNDING
    most = max((count for count in COUNTS if count * pair <= purse), default=0)
    if not most:
        return Proof(False, "Reverted: the budget is too small for a proof."), []
    sides: tuple[list[Run], list[Run]] = ([], [])
    proof: Proof | None = None
    for pairs in sorted({EARLY, most}):
        for member in range(len(sides[0]) + 1, pairs + 1):
            for side, own in zip(sides, (original, regimen), strict=True):
                side.append(_proof_run(bench, own, member))
                forget_all_but_the_best(side)
        proof = look([-own.skill for own in sides[0]], [-own.skill for own in sides[1]], most)
        if proof is not None:
            break
    assert proof is not None
    doubt = _doubt(first, *sides) if proof.kept else None
    return (replace(proof, kept=False, message=f"Reverted: {doubt}.") if doubt else proof), sides[1]


def _doubt(first: Run, before: Sequence[Run], after: Sequence[Run]) -> str | None:
    """Why a gain that was proved is no reason to part with the original.

    What comes back else is the original's first start, not one of its starts at random: where that was a lucky one, the
    change must do as well as it.
    """
    right, skill = mean([own.right for own in after]), mean([own.skill for own in after])
    if right < mean([own.right for own in before]):
        return "fewer rows are called right after the change"
    if right < first.right or skill < first.skill:
        return "the change does not do as well as the original's own start, which is a good one"
    return None


def _proof_run(bench: Bench, regimen: Regimen, member: int) -> Run:
    run = bench.enter(regimen, member, "proof")
    run.go_on(1.0)
    run.end()
    return run


def _ended(bench: Bench, best: Run, proof: Proof | None) -> Repaired:
    first = bench.runs[0]
    network, regimen = (untouched(bench, first), first.regimen) if best is first else last(bench, best)
    findings = tuple(replace(each, outcome=_outcome(each, regimen, proof)) for each in first.findings or ())
    return Repaired(network, regimen, findings, proof, tuple(bench.runs), bench.spent)


def _outcome(finding: Finding, regimen: Regimen, proof: Proof | None) -> Outcome:
    kept = next((name for name in finding.remedies if name in regimen.remedies), None)
    if kept and proof is not None:
        return proof.outcome(kept)
    return Outcome(finding.remedies[0] if finding.remedies else None, "not_tried")
