"""Step 10: read the curves, name the fault, change one thing, and keep it only when a rerun proves it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from retemper.core import catalogue
from retemper.core.history import from_rows
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable, Outcome, Step
from retemper.doctor.case import WHY, Case
from retemper.doctor.examine import Examined, examine
from retemper.doctor.proof import Proof, prove
from retemper.procedure.book import Book, State, candidates_of, main_loss
from retemper.procedure.contenders import Candidate
from retemper.procedure.inner_values import inner_values
from retemper.procedure.jobs import contender_of, jobs_for, recipe_for
from retemper.procedure.search_coarse import epochs_text
from retemper.procedure.train_long import adopt
from retemper.training import losses
from retemper.training.job import Job
from retemper.training.planning import plain_loss

SHARE_OF_TIME = 0.8
FEWEST_SEEDS = 3
MOST_NETWORKS = 16
"""More reruns than this prove little more."""
FRESH_IDS = 10_000
FRESH_SEEDS = 1_000_000
"""Ids from here on are seeds that no finding was read from."""
TRAININGS = 3
"""Of each member for a remedy that is kept: once with its own seed, twice with a fresh one."""


@dataclass(frozen=True)
class Change:
    """One remedy for one finding, on every member's own recipe."""

    finding: Finding
    remedy: str
    recipes: tuple[Recipe, ...]
    shown: dict[str, list[Any]]


def run(book: Book, state: State) -> tuple[State, Step]:
    """Rounds of finding, remedy, rerun, verdict; as long as the budget lasts and something is left to try."""
    if not state.long:
        message = "There are no curves to read: train_long left no network."
        return state, Step("read_curves", "skipped", message)
    rounds: list[dict[str, Any]] = []
    tried: set[str] = set()
    outcomes: dict[str, Outcome] = {}
    first = examined = examine(cases_of(state))
    for number in range(state.recipe.procedure.remedy_rounds):
        change = _next_change(state, examined, tried)
        members = _members(book, state, change, number) if change else 0
        if change is None or not members:
            break
        tried.add(change.remedy)
        state, done = _try(book, state, change, number, members)
        rounds.append(done)
        outcomes[change.finding.code] = Outcome(
            change.remedy, done["verdict"], done["before"], done["after"], done["low"], done["high"]
        )
        examined = examine(cases_of(state))
    found = {finding.code: finding for finding in (*examined.findings, *first.findings)}
    findings = [_with_outcome(finding, outcomes) for finding in found.values()]
    evidence = {
        "rounds": rounds,
        "findings": [finding.code for finding in findings],
        "not_applicable": examined.not_applicable,
        "activations": inner_values(state),
    }
    state = state.with_(findings=(*state.findings, *findings))
    missing, checks = _missing(examined)
    if not findings and 2 * missing > checks:
        return state, Step("read_curves", "warn", _too_short(state, examined), evidence)
    return state, Step(
        "read_curves", "warn" if examined.findings else "pass", _message(findings, rounds), evidence
    )


def cases_of(state: State) -> list[Case]:
    """The networks of the last full training, by their curves."""
    loss = losses.resolve(state.recipe.training.loss, state.task, len(state.schema.classes))
    trivial = plain_loss(loss).expected_initial(state.ready[2].prior)
    return [Case(from_rows(c.id, c.fit.history, trivial)) for c in state.long if c.fit.history]


def _next_change(state: State, examined: Examined, tried: set[str]) -> Change | None:
    """The first remedy, of the likeliest finding, that applies and was not tried."""
    for finding in examined.findings:
        for remedy in finding.remedies:
            change = None if remedy in tried else _apply(state, finding, remedy)
            if change:
                return change
    return None


def _apply(state: State, finding: Finding, remedy: str) -> Change | None:
    module = catalogue.entry("remedy", remedy)
    if not hasattr(module, "apply"):  # it is an operation on a person's own network
        return None
    own = [recipe_for(state, c.contender, state.epochs) for c in state.long]
    try:
        changes = [module.apply(recipe, finding) for recipe in own]
    except NotApplicable:
        return None
    shown = {path: [own[0].get(path), value] for path, value in changes[0].items()}
    recipes = tuple(recipe.with_changes(change) for recipe, change in zip(own, changes, strict=True))
    return Change(finding, remedy, recipes, shown)


def _jobs(
    book: Book, state: State, recipes: Sequence[Recipe], name: str, members: int, fresh: int = 0
) -> list[Job]:
    """Reruns with the randomness that each network had before, so that the proof compares like with like.

    Or with ids that are ``fresh`` higher, of which no finding was read.
    """
    pairs = list(zip(state.long, recipes, strict=True))[:members]
    contenders = [contender_of(recipe, c.member.id + fresh, c.member.held_out) for c, recipe in pairs]
    new = pairs[0][1]
    return jobs_for(
        state.with_(recipe=new),
        book,
        name,
        contenders,
        new.training.epochs,
        folds=_bag_size(state) if state.folds is not None else 0,
    )


def _members(book: Book, state: State, change: Change, number: int) -> int:
    """How many networks, in whole bags, the time allows for the proof; 0 when fewer than a proof needs."""
    size = _bag_size(state)

    def fit_into(left: float) -> int:
        members = min(len(state.long), max(size, MOST_NETWORKS // size * size))
        while members >= FEWEST_SEEDS and not math.isinf(left):
            jobs = _jobs(book, state, change.recipes, f"read_curves.{number}", members)
            if TRAININGS * book.pace.seconds(jobs, book.workers) <= SHARE_OF_TIME * left:
                break
            members -= size
        return members if members >= FEWEST_SEEDS else 0

    decided: int = book.budget.decide(f"read_curves.{number}.members", fit_into)
    return decided


def _bag_size(state: State) -> int:
    return 1 if state.folds is None else int(state.folds.max()) + 1


def _try(book: Book, state: State, change: Change, number: int, members: int) -> tuple[State, dict[str, Any]]:
    jobs = _jobs(book, state, change.recipes, f"read_curves.{number}", members)
    results = book.train(jobs, seconds=0.9 * book.budget.left_s() if book.budget.limited else 0.0)
    after = {c.id: c for result in results for c in candidates_of(state, result)}
    cut_short = any(result.stopped is not None for result in results)
    before: Sequence[Candidate] = state.long[:members]
    proof = prove(
        [main_loss(state, c.outputs, c.member.held_out) for c in before],
        [main_loss(state, after[c.member.id].outputs, c.member.held_out) for c in before],
        tested=state.recipe.procedure.remedy_rounds,
    )
    if proof.kept:
        proof = _confirmed(book, state, change, number, members)
    kept = proof.kept
    message = proof.message + (" The time limit ended the rerun early." if cut_short else "")
    done = {
        "finding": change.finding.code,
        "remedy": change.remedy,
        "change": change.shown,
        "before": proof.before,
        "after": proof.after,
        "low": proof.low,
        "high": proof.high,
        "seeds": members,
        "verdict": "kept" if kept else "reverted",
        "message": message,
    }
    # Kept or not, what is trained may join the ensemble, which is chosen by validation.
    fresh = [replace(c, id=c.id + FRESH_IDS * (number + 1)) for c in after.values()]
    if not kept:
        return state.with_(candidates=(*state.candidates, *fresh)), done
    first = change.recipes[0]
    base = state.recipe.with_changes({"training": first.training.model_dump(mode="json")})
    return adopt(state.with_(recipe=base), fresh, first.training.epochs), done


def _confirmed(book: Book, state: State, change: Change, number: int, members: int) -> Proof:
    """The proof again, on seeds that had no say in the finding.

    Networks that a fault was read from are worse than others by chance too, and would gain by any rerun.
    """
    old = tuple(recipe_for(state, c.contender, state.epochs) for c in state.long)
    before = _fresh_losses(book, state, old, f"read_curves.{number}.fresh_before", members)
    after = _fresh_losses(book, state, change.recipes, f"read_curves.{number}.fresh_after", members)
    proof = prove(before, after, tested=state.recipe.procedure.remedy_rounds)
    return replace(proof, message=f"{proof.message} The seeds had no say in the finding.")


def _fresh_losses(
    book: Book, state: State, recipes: Sequence[Recipe], name: str, members: int
) -> list[float]:
    jobs = _jobs(book, state, recipes, name, members, FRESH_SEEDS)
    results = book.train(jobs, seconds=0.9 * book.budget.left_s() if book.budget.limited else 0.0)
    trained = {c.member.id: c for result in results for c in candidates_of(state, result)}
    ids = [c.member.id + FRESH_SEEDS for c in state.long[:members]]
    return [main_loss(state, trained[own].outputs, trained[own].member.held_out) for own in ids]


def _with_outcome(finding: Finding, outcomes: dict[str, Outcome]) -> Finding:
    first = finding.remedies[0] if finding.remedies else None
    return replace(finding, outcome=outcomes.get(finding.code, Outcome(first, "not_tried")))


def _missing(examined: Examined) -> tuple[int, int]:
    """Checks of curves that can't be made of these, and all checks of curves.

    Those that need more than curves (a forward pass, a loss function) say nothing of the curves' length.
    """
    others = sum(why in WHY.values() for _, why in examined.not_applicable)
    return len(examined.not_applicable) - others, len(catalogue.names("symptom")) - others


def _too_short(state: State, examined: Examined) -> str:
    longest = max(len(candidate.fit.history) for candidate in state.long)
    missing, checks = _missing(examined)
    return (
        f"The curves are too short to read: {missing} of {checks} checks can't be made of {epochs_text(longest)}; "
        "give more time or epochs."
    )


def _message(findings: list[Finding], rounds: list[dict[str, Any]]) -> str:
    if not findings:
        return "The curves are healthy: no fault to name, nothing changed."
    named = ", ".join(finding.code for finding in findings)
    if not rounds:
        return f"The curves show {named}; no remedy was tried (none applies, or no time is left)."
    tried = "; ".join(f"{done['remedy']} for {done['finding']}: {done['verdict']}" for done in rounds)
    return f"The curves show {named}. {tried}."
