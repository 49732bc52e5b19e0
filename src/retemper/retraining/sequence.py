"""The retraining loop, from new rows to a verdict. Start reading here.

    new rows → drift? → does it hurt? → strategies race → the winner in full → the gate → promote or keep

Each new row is judged by networks that were neither trained nor chosen with it; some rows are never trained on, so
that later retrainings can tell what is forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.core import device, interrupt
from retemper.core.budget import Budget
from retemper.core.drift_records import Drift
from retemper.core.gate_records import Gate
from retemper.core.harm_records import Harm
from retemper.core.progress import Reporter
from retemper.core.records import Step
from retemper.core.run_folder import RunFolder
from retemper.data.cells import of_rows
from retemper.evaluation.metrics import main_metric
from retemper.retraining import demands, race
from retemper.retraining.before import Before, drift_of, harm_of
from retemper.retraining.course import Course, NewSearch, Plan
from retemper.retraining.decided import judged, serves_both, with_decision
from retemper.retraining.entrants import BOTH_SIDES, judged_by_fewer, kind_of, plans
from retemper.retraining.folds import FEWEST_FOLDS, NEVER, units_of
from retemper.retraining.forgetting import forgotten, so_far, unjudged
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.outcome import Outcome, tried
from retemper.retraining.places import judged_beside
from retemper.retraining.race import Candidate, Purse
from retemper.retraining.remembered import Learnt, remembering
from retemper.retraining.searched import apart, searched, set_apart

FEWEST_ROWS = 20
"""Labelled new rows to retrain by: fewer can't be dealt to folds that judge."""
SHORT, LONG, CHALLENGER = "a short run of the race", "in full", "the challenger"
STEPS = ("drift", "harm", "race", "challenger", "gate")


@dataclass(frozen=True)
class Tools:
    """A run's folder, its clock, and who is told."""

    folder: RunFolder
    budget: Budget
    reporter: Reporter
    workers: int

    def told(self, name: str, do: Callable[[], tuple[Any, str, str]]) -> Any:
        """One step: carried out, told and logged."""
        interrupt.check()
        number = STEPS.index(name) + 1
        self.reporter.step_started(name, number, len(STEPS))
        began = time.perf_counter()
        found, verdict, message = do()
        step = Step(name, verdict, message, {}, time.perf_counter() - began)  # type: ignore[arg-type]  # one of the four
        self.folder.log({"event": "step", "name": name, "verdict": verdict, "message": message})
        self.reporter.step_finished(step)
        return found


def run(before: Before, tools: Tools, only_if_drifted: bool = False) -> Outcome:
    """Carry out a retraining.

    Args:
        before: the champion, the new rows and the old ones.
        tools: folder, clock, reporter.
        only_if_drifted: nothing is trained where neither drift nor harm is seen.

    Returns:
        The outcome; its model is the one in force.

    Raises:
        InputError: the data or an option is at fault.
        Interrupted: stopped on request.
    """
    options = before.options
    demands.check(before)
    device.one_thread()
    drift: Drift = tools.told("drift", lambda: _drift(before))
    harm: Harm = tools.told("harm", lambda: _harm(before))
    labelled = before.labelled
    why = None
    if not labelled.height:
        aside = before.grown.aside
        why = aside.sentence() if aside.classes else "The new rows have no target."
        why += " Nothing can be trained or judged by them. The champion stays."
    elif labelled.height < FEWEST_ROWS:
        why = f"Only {of_rows(labelled.height)} with a label, too few to train and judge by (it takes {FEWEST_ROWS})."
        why += " The champion stays."
    elif (groups := units_of(labelled, before.champion.schema)) <= FEWEST_FOLDS:
        own = "1 group" if groups == 1 else f"{groups} groups"
        why = f"Labelled new rows of {own} are too few to train and to judge by "
        why += "(it takes 3 groups). The champion stays."
    elif only_if_drifted and not drift.detected and harm.verdict != "harm":
        why = "Neither drift nor harm is seen, and retraining was asked for only then. The champion stays."
    elif options.strategy == "nothing":
        why = "The strategy asked for is to do nothing. The champion stays."
    if why is not None:
        return _kept(before, (drift, harm), why)
    ground = replace(
        before.ground(),
        concept_drift="concept" in drift.kinds,
        same_world=drift.p_value is not None and not drift.detected and harm.verdict != "harm",
    )
    return _trained(before, ground, tools, (drift, harm))


def _drift(before: Before) -> tuple[Drift, str, str]:
    found = drift_of(before)
    return found, "warn" if found.detected else "pass", found.sentence()


def _harm(before: Before) -> tuple[Harm, str, str]:
    found = harm_of(before)
    return found, "warn" if found.verdict == "harm" else "pass", found.reason


def _kept(before: Before, seen: tuple[Drift, Harm], why: str) -> Outcome:
    gate = Gate("keep", why, (), {"better_on_new": "no challenger was trained"})
    matrix = so_far(before.champion)
    matrix = unjudged(matrix) if before.labelled.height or before.grown.aside.classes else matrix
    model = remembering(before, None, before.champion, None, matrix)
    return Outcome(model, None, *seen, gate, facts=before.facts())


@dataclass(frozen=True, eq=False)
class Challenge:
    """A challenger at the gate.

    Args:
        ground: the rows that judge it.
        winner: its strategy, with what its networks say.
        model: as it would be in force.
        honest: what it says of each new row, and of each old one that judges, where neither training nor choosing
            has seen the row.
        runs: all that was trained, with what each run was.
        taught: which of all new rows trained it.
    """

    ground: Ground
    winner: Candidate
    model: Model
    honest: tuple[Floats, Floats]
    runs: Sequence[tuple[Candidate, str]]
    taught: NDArray[np.bool_]


def _trained(before: Before, ground: Ground, tools: Tools, seen: tuple[Drift, Harm]) -> Outcome:
    wanted, left_out = plans(ground)
    purse = before.purse(ground, tools.budget, tools.workers, tools.reporter)
    alone = purse.scratch / judged_beside(ground)
    ground = judged_by_fewer(ground, wanted, purse.work)
    by_search = any(isinstance(plan, NewSearch) for plan in wanted.values())
    found = _search(ground, tools, purse) if by_search else _race(ground, tools, wanted, purse)
    if found is None:
        return _kept(before, seen, "No strategy trained to finite outputs. The champion stays.")

    def at_the_gate() -> tuple[Gate, str, str]:
        verdict = judged(found.ground, found.model, found.honest)
        return verdict, "pass" if verdict.promoted else "warn", verdict.reason

    gate: Gate = tools.told("gate", at_the_gate)
    promoted = gate.promoted
    model = found.model if promoted else before.champion
    said = found.honest if promoted else (found.ground.said_new, found.ground.said_old)
    course, matrix = forgotten(found.ground, so_far(before.champion), said)
    scratch = found.winner.trained.work if by_search else alone
    learnt = Learnt(found.taught, found.ground, found.honest[0], scratch) if promoted else None
    model = remembering(before, ground, model, learnt, matrix)
    facts = before.facts() | {
        "not_raced": left_out,
        "compute": {"spent": race.spent([own for own, _ in found.runs]), "from_scratch": purse.scratch},
        "rows": before.counts(ground),
        "forgetting": course,
    }
    rows = [tried(found.ground, own, purse.scratch, note) for own, note in found.runs]
    return Outcome(model, found.model, *seen, gate, rows, found.winner.strategy, facts)


def _race(ground: Ground, tools: Tools, wanted: dict[str, Plan], purse: Purse) -> Challenge | None:
    def racing() -> tuple[list[Candidate], str, str]:
        found = race.short_runs(ground, wanted, purse)
        return found, "pass", _race_words(ground, found)

    candidates: list[Candidate] = tools.told("race", racing)

    def finishing() -> tuple[tuple[Ground, list[Candidate]], str, str]:
        found = race.full_runs(ground, wanted, candidates, purse)
        if not (found or candidates):
            return (ground, found), "fail", "No strategy trained to finite outputs."
        own = _served(ground, found)
        return (own, found), "pass", _last_words(own, race.chosen(own, candidates, found), purse)

    full: list[Candidate]
    ground, full = tools.told("challenger", finishing)
    if not (full or candidates):
        return None
    winner = race.chosen(ground, candidates, full)
    runs = [(own, SHORT) for own in candidates if own is not winner]
    runs += [(own, LONG) for own in full if own is not winner and getattr(own.plan, "reach", 1) == 1]
    honest = race.honest(ground, wanted, candidates, full, purse)
    model = with_decision(ground, winner.trained)
    return Challenge(ground, winner, model, honest, [*runs, (winner, CHALLENGER)], ground.folds != NEVER)


def _served(ground: Ground, full: list[Candidate]) -> Ground:
    """The ground with what runs in full tell of it: does one model serve both sides?"""
    both = [own.trained for own in full if kind_of(own.plan) == BOTH_SIDES]
    return ground.known_to_be_served() if ground.concept_drift and serves_both(ground, both) else ground


def _search(ground: Ground, tools: Tools, purse: Purse) -> Challenge:
    """Rows that are set apart judge the model of a search: all others were searched by."""
    apart_ground = apart(ground)

    def searching() -> tuple[Candidate, str, str]:
        trained = searched(ground, tools.folder, tools.budget, purse.scratch)
        found = race.candidate_of(apart_ground, "new_search", NewSearch(), trained)
        return found, "pass", _last_words(apart_ground, found, purse)

    winner: Candidate = tools.told("challenger", searching)
    trained, runs = winner.trained, [(winner, CHALLENGER)]
    said = trained.new, trained.old
    return Challenge(apart_ground, winner, trained.model, said, runs, ~set_apart(ground))


def _race_words(ground: Ground, found: list[Candidate]) -> str:
    if not any(isinstance(own.plan, Course) for own in found):
        return "Nothing is chosen by short runs: the whole budget goes to what runs in full."
    best = min(found, key=lambda own: own.regret(ground))
    metric = main_metric(ground.grown.task)
    before = ground.losses_new(ground.said_new)
    figures = [_metric(ground, losses) for losses in (before, best.new)]
    names = len({own.strategy for own in found})
    change = f"{metric} {figures[0]:.4g} → {figures[1]:.4g} on new rows"
    return f"{names} strategies tried; {best.strategy} does best: {change}."


def _last_words(ground: Ground, winner: Candidate, purse: Purse) -> str:
    metric, figure = main_metric(ground.grown.task), _metric(ground, winner.new)
    share, count = winner.trained.work / purse.scratch, len(winner.trained.model.parts)
    cost = f"at {share:.0%} of the cost of from scratch"
    return f"{count} networks by {winner.strategy}: {metric} {figure:.4g} on new rows, {cost}."


def _metric(ground: Ground, losses: Any) -> float:
    mean = float((losses * ground.weight_new).sum() / ground.weight_new.sum())
    return mean if ground.grown.task == "classification" else mean**0.5
