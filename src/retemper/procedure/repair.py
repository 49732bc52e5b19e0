"""Repair of a person's own network: examine it, race remedies in short runs, keep what fresh seeds prove.

The original is trained once under the doctor's eyes. Rounds follow: ways to train that the findings' remedies lead to
are raced (short runs first, the better ones to their end), the best is examined in its turn. What came out is held
against the original once, on seeds and splits that chose nothing. All is paid out of a budget of original runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import nn

from retemper.core.recipe import Recipe
from retemper.core.records import Finding, Outcome
from retemper.doctor.case import Task
from retemper.doctor.observe.loss_kind import LossFunction
from retemper.doctor.proof import Proof, prove
from retemper.doctor.surgery.patient import Patient
from retemper.procedure.repair_fit import DEFAULT_BATCH, Trained, Watch, seeded, train
from retemper.procedure.repair_plan import Regimen, proposals
from retemper.procedure.repair_rows import Rows, split

FIRST_SHARE = 0.3
"""Of its epochs, what each way is given at first."""
ROUND_SHARE = 0.28
"""Of the budget, what a round may use."""
LAST_STARTS = 3
PROOF_SEEDS = (6, 5, 4, 3)
RESERVED_SEEDS = (3, 5)
"""For a proof, by the round."""
LEAST_SHARE = 0.5
"""Of their epochs, what the runs of a proof are given at least where the budget allows: more seeds tell more."""
ROUNDS = 3
LONGER_PER, MOST_LONGER = 8, 16
"""So many original runs of the budget make a run twice as long worth a try, and so on."""
CERTAIN = 0.9
"""A fault of this confidence has its remedy run to the end, however it begins."""
SPRINTERS, FINALISTS = 8, 2
LEAST_GAIN = 0.01
"""Of skill; less is not worth a round."""
GOOD = 0.97
"""A network of this skill has little left to gain."""
POOR = 0.9
STEP_COST, MULTIPLY_COST = 1.0, 3e-6
"""What a step costs by itself, and for each row and each number of the network beside it."""
LEAST_STEPS = 4000
"""A run so short that ten of it are fewer steps than these is given these: it may have been too short to learn."""


@dataclass(frozen=True)
class Try:
    """One row of the table of tries."""

    round: int
    remedies: tuple[str, ...]
    share: float
    skill: float
    right: float
    cost: float
    member: int


@dataclass(frozen=True)
class Repaired:
    """What came of it; see :class:`retemper.api.repair.Repair`."""

    trained: Trained
    regimen: Regimen
    findings: tuple[Finding, ...]
    proof: Proof | None
    tries: tuple[Try, ...]
    spent: float


@dataclass
class Bench:
    """Where networks are made, trained and paid for.

    Args:
        make: gives a fresh network.
        loss: of (outputs, targets).
        task: of the targets.
        rows: all of them.
        seed: of all draws.
        watch: the doctor.
        budget: in original runs.
    """

    make: Callable[[], nn.Module]
    loss: LossFunction
    task: Task
    rows: Rows
    seed: int
    watch: Watch
    budget: float
    tries: list[Try] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    """Ways that have been raced."""
    numbers: dict[tuple[str, ...], int] = field(default_factory=dict)
    """Of a network's parameters, by the operations that it went through."""
    spent: float = 0.0
    unit: float = 1.0
    """Cost of the original run."""

    def patient(self, regimen: Regimen, rows: Rows, member: int) -> Patient:
        """A fresh network after the regimen's operations."""
        with seeded(self.seed, "repair.network", member):
            batch = regimen.recipe.training.batch_size or DEFAULT_BATCH
            return regimen.on(Patient(self.make(), self.loss, rows.x, rows.y, self.task, batch))

    def cost(self, regimen: Regimen, share: float = 1.0) -> float:
        """Of a run, in original runs."""
        training = regimen.recipe.training
        batch = min(training.batch_size or DEFAULT_BATCH, len(self.rows))
        names = tuple(name for name, _ in regimen.mends)
        if names not in self.numbers:
            network = self.patient(regimen, self.rows, 0).network
            self.numbers[names] = sum(p.numel() for p in network.parameters())
        numbers = self.numbers[names]
        steps = _epochs(regimen, share) * math.ceil(len(self.rows) / batch)
        return steps * (STEP_COST + MULTIPLY_COST * batch * numbers) / self.unit

    def fit(
        self, regimen: Regimen, member: int, share: float = 1.0, *, watched: bool = False, number: int = 0
    ) -> Trained:
        """A run, put down in the table."""
        parts = split(self.rows, self.seed, member)
        return self._fit(regimen, parts, member, share, watched, number)

    def fit_all(self, regimen: Regimen, member: int) -> Trained:
        """The last run, on all rows."""
        return self._fit(regimen, (self.rows, self.rows), member, 1.0, False, -1)

    def _fit(
        self,
        regimen: Regimen,
        parts: tuple[Rows, Rows],
        member: int,
        share: float,
        watched: bool,
        number: int,
    ) -> Trained:
        patient = self.patient(regimen, parts[0], member)
        with seeded(self.seed, "repair.steps", member):
            trained = train(
                patient,
                regimen.recipe.training,
                _epochs(regimen, share),
                parts,
                self.watch if watched else None,
            )
        cost = self.cost(regimen, share)
        self.spent += cost
        self.tries.append(
            Try(number, regimen.remedies, share, trained.score.skill, trained.score.right, cost, member)
        )
        return trained

    @property
    def left(self) -> float:
        """Of the budget, in original runs."""
        return self.budget - self.spent


def repair(bench: Bench, recipe: Recipe) -> Repaired:
    """Examine, race, prove.

    Args:
        bench: where it is done.
        recipe: whose ``training`` the original has.
    """
    original = Regimen(recipe)
    bench.unit = bench.cost(original)
    bench.budget = max(bench.budget, LEAST_STEPS / bench.unit)
    first = best = bench.fit(original, 0, watched=True)
    regimen = original
    for number in range(1, ROUNDS + 1):
        found = _round(bench, regimen, best, number)
        if found is None:
            break
        regimen, best = found
        if best.score.skill >= GOOD:
            break
    if regimen == original:
        return _kept_original(bench, original, first, None)
    proof = _prove(bench, original, regimen)
    if not proof.kept:
        return _kept_original(bench, original, first, proof)
    trained = _last(bench, regimen, -(proof.after or 0.0))
    findings = _with_outcomes(first, regimen, proof)
    return Repaired(trained, regimen, findings, proof, tuple(bench.tries), bench.spent)


def _epochs(regimen: Regimen, share: float) -> int:
    return max(1, round(share * regimen.recipe.training.epochs))


def _round(bench: Bench, base: Regimen, best: Trained, number: int) -> tuple[Regimen, Trained] | None:
    """The best way from here with its training, or None where none gains."""
    assert best.examined is not None
    fresh = bench.patient(Regimen(base.recipe), split(bench.rows, bench.seed, 0)[0], 0)
    longer = min(MOST_LONGER, int(bench.left / LONGER_PER))
    with seeded(bench.seed, "repair.proposals", number):
        candidates = proposals(base, best.examined.findings, fresh, best.score.skill < POOR, longer)
    purse = ROUND_SHARE * bench.budget
    sprinted: list[tuple[float, Regimen]] = []
    for candidate in [own for own in candidates if own.key not in bench.tried][:SPRINTERS]:
        bench.tried.add(candidate.key)
        ahead = bench.cost(candidate, FIRST_SHARE)
        final = bench.cost(candidate)
        if ahead + final > min(purse, bench.left - _reserve(bench, candidate, number)):
            continue
        skill = bench.fit(candidate, 0, FIRST_SHARE, number=number).score.skill
        purse -= ahead
        sprinted.append((skill - best.skill_at(FIRST_SHARE), candidate))
    if sprinted and any(
        each.severity == "error" and each.confidence >= CERTAIN for each in best.examined.findings
    ):
        sprinted[0] = (math.inf, sprinted[0][1])
    sprinted.sort(key=lambda own: -own[0])
    ended: list[tuple[Regimen, Trained]] = []
    for _, candidate in sprinted[:FINALISTS]:
        if bench.cost(candidate) <= bench.left - _reserve(bench, candidate, number):
            ended.append(_cut(candidate, bench.fit(candidate, 0, watched=True, number=number)))
    winner = max(ended, key=lambda own: own[1].score.skill, default=None)
    if winner is None or winner[1].score.skill < best.score.skill + LEAST_GAIN:
        return None
    return winner


def _cut(regimen: Regimen, trained: Trained) -> tuple[Regimen, Trained]:
    """The run as far as it went up, where it went down afterwards; the curve has told, and it costs nothing."""
    top = max(own for _, own in trained.curve)
    share, skill = next((at, own) for at, own in reversed(trained.curve) if own >= top - LEAST_GAIN)
    epochs = _epochs(regimen, share)
    if skill < trained.score.skill + LEAST_GAIN or epochs == regimen.recipe.training.epochs:
        return regimen, trained
    shorter = regimen.with_changes("stop_earlier", {"training.epochs": epochs})
    curve = tuple((at / share, own) for at, own in trained.curve if at <= share)
    return shorter, replace(trained, score=replace(trained.score, skill=skill), curve=curve)


def _reserve(bench: Bench, candidate: Regimen, number: int) -> float:
    """What the last training and the proof would cost; later rounds leave it more seeds."""
    final = bench.cost(candidate)
    return final + RESERVED_SEEDS[min(number, len(RESERVED_SEEDS)) - 1] * LEAST_SHARE * (1 + final)


def _prove(bench: Bench, original: Regimen, regimen: Regimen) -> Proof:
    """Original and repaired on fresh seeds and splits, as long as the budget allows."""
    pair = bench.cost(original) + bench.cost(regimen)
    purse = bench.left - bench.cost(regimen)
    seeds = next((count for count in PROOF_SEEDS if count * pair * LEAST_SHARE <= purse), PROOF_SEEDS[-1])
    share = min(1.0, max(FIRST_SHARE, purse / (seeds * pair)))
    members = range(1, seeds + 1)
    before = [bench.fit(original, member, share, number=-2) for member in members]
    after = [bench.fit(regimen, member, share, number=-2) for member in members]
    proof = prove([-own.score.skill for own in before], [-own.score.skill for own in after], pooled=True)
    right = [sum(own.score.right for own in runs) for runs in (before, after)]
    if proof.kept and right[1] < right[0]:
        return replace(proof, kept=False, message="Reverted: fewer rows are called right after the change.")
    return proof


def _last(bench: Bench, regimen: Regimen, usual: float) -> Trained:
    """Trained on all rows; a start that comes out worse than is usual is drawn again."""
    best = bench.fit_all(regimen, 0)
    for member in range(1, LAST_STARTS):
        if best.score.skill >= usual - LEAST_GAIN or bench.cost(regimen) > max(bench.left, 0.0):
            break
        best = max(best, bench.fit_all(regimen, member), key=lambda own: own.score.skill)
    return best


def _kept_original(bench: Bench, original: Regimen, first: Trained, proof: Proof | None) -> Repaired:
    trained = bench.fit_all(original, 0)
    findings = _with_outcomes(first, original, proof)
    return Repaired(trained, original, findings, proof, tuple(bench.tries), bench.spent)


def _with_outcomes(first: Trained, regimen: Regimen, proof: Proof | None) -> tuple[Finding, ...]:
    assert first.examined is not None
    return tuple(replace(each, outcome=_outcome(each, regimen, proof)) for each in first.examined.findings)


def _outcome(finding: Finding, regimen: Regimen, proof: Proof | None) -> Outcome:
    kept = next((name for name in finding.remedies if name in regimen.remedies), None)
    if kept and proof is not None:
        return proof.outcome(kept)
    return Outcome(finding.remedies[0] if finding.remedies else None, "not_tried")
