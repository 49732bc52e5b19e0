"""Wrong labels: found out of fold, treated in three ways, kept only where short trainings gain beyond noise.

Three treatments of the training rows:

- drop: a flagged row counts nothing;
- fix: a flagged row gets the class that the models suggest (classification only);
- down_weight: every row counts with the probability that its label is right.

A treatment must lower the loss beyond the seeds' noise, and must not lower the accuracy by more than its standard error
(of the same rows before and after): log loss alone rewards sharper probabilities whether or not a class changes, and a
row or two that change by chance say nothing.

With a kept treatment the validation rows count with that probability too, for the rest of the run: a network that no
longer copies wrong labels looks overconfident on them, so that early stopping would end its training too soon (on a
mixed table accuracy fell below the untreated one's). The test keeps its rows, labels and weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Finding, NotApplicable, Outcome
from retemper.data.label_errors import Suspects, evidence, finding, judge
from retemper.data.out_of_fold import FIT_ROWS, rows_within
from retemper.doctor.proof import Proof, prove
from retemper.evaluation.metrics import row_losses
from retemper.procedure.book import Book, State
from retemper.procedure.jobs import job_of, members_of
from retemper.training import arrays
from retemper.training.arrays import SplitArrays, TaskArrays
from retemper.training.job import Job, JobResult

SHARE_OF_LEFT = 0.06
LEAST_SECONDS = 2.0
FINDING_SHARE = 0.5
"""Of the time: finding takes half, the proof the rest."""
LEAST_FIT_ROWS = 500
SEEDS = 4
MOST_ROWS = 500_000
PROOF_ROWS, PROOF_STEPS = 10_000, 600
FEWEST_EPOCHS = 4
UNTREATED = "untreated"

Floats = NDArray[np.float64]
Result = tuple[State, Finding | None, dict[str, Any]]


def run(book: Book, state: State) -> Result:
    """Look for wrong labels among training and validation rows, and treat them where that pays.

    The validation rows that judge have wrong labels too: every contender, the untreated one included, is judged by the
    same validation rows, each weighted with the probability that its label is right.

    Args:
        book: with a time limit, at most 6 % of what is left is used; under 2 s nothing is done.
        state: with arrays prepared.

    Returns:
        The state, with treated training rows and weighted validation rows where a treatment was kept; the finding with
        its outcome, or None; the evidence.
    """
    seconds, rows = _allowed(book, state)
    if not rows:
        why = f"{SHARE_OF_LEFT:.0%} of the time left is too little to look for label errors"
        return state, None, {"not_applicable": why}
    seen = np.sort(np.concatenate([state.splits.train, state.splits.validation]))
    if len(seen) > MOST_ROWS:
        why = f"{len(seen):,} rows are more than the {MOST_ROWS:,} that are looked through"
        return state, None, {"not_applicable": why}
    try:
        suspects = judge(state.table.frame[seen], state.schema, state.recipe.seed, rows)
    except NotApplicable as error:
        return state, None, {"not_applicable": str(error)}
    found = finding(suspects, seen)
    facts = evidence(suspects, seen)
    if found is None:
        return (
            state,
            None,
            {key: value for key, value in facts.items() if key not in ("surest", "flagged_rows")},
        )
    if not state.recipe.data.clean:
        told = replace(found, outcome=Outcome(None, "not_tried"))
        return state, told, {**facts, "message": "Reported only: data.clean is false."}
    return _treat(book, state, Found(found, suspects, seen), seconds * (1 - FINDING_SHARE))


@dataclass(frozen=True)
class Found:
    """The finding, the suspects, and their row numbers in the table [N]."""

    finding: Finding
    suspects: Suspects
    rows: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> Suspects:
        """The suspects among some of the rows, in their order."""
        at = np.searchsorted(self.rows, rows)
        own = self.suspects
        names = ("given", "suggested", "wrong", "flagged")
        return replace(own, **{name: getattr(own, name)[at] for name in names})


def _allowed(book: Book, state: State) -> tuple[float, int]:
    """Seconds for all of it, and the rows that a fold's models may learn from; 0 rows: leave it out."""
    columns = state.ready[0].width

    def choose(left: float) -> list[float]:
        if math.isinf(left):
            return [0.0, FIT_ROWS]
        seconds = SHARE_OF_LEFT * left
        rows = min(FIT_ROWS, rows_within(FINDING_SHARE * seconds, columns))
        needed = min(LEAST_FIT_ROWS, len(state.splits.train) // 2)
        return [seconds, rows if seconds >= LEAST_SECONDS and rows >= needed else 0]

    seconds, rows = book.budget.decide("label_errors.seconds_and_rows", choose)
    return float(seconds), int(rows)


def treated(train: SplitArrays, suspects: Suspects, treatment: str) -> SplitArrays:
    """The training rows after a treatment.

    Args:
        train: n rows.
        suspects: of the same n rows.
        treatment: drop, fix or down_weight.
    """
    if treatment == "drop":
        return replace(train, weight=np.where(suspects.flagged, 0, train.weight).astype(np.float32))
    if treatment == "down_weight":
        return replace(train, weight=(train.weight * (1 - suspects.wrong)).astype(np.float32))
    return replace(train, y=np.where(suspects.flagged, suspects.suggested, train.y))


def _treat(book: Book, state: State, found: Found, seconds: float) -> Result:
    original = state.ready[2]
    doubts = found.of(state.splits.train)
    weight = original.validation.weight * (1 - found.of(state.splits.validation).wrong)
    judged = replace(original, validation=replace(original.validation, weight=weight.astype(np.float32)))
    epochs = _epochs(book, state, 1 + len(found.finding.remedies), seconds)
    if not epochs:
        told = replace(found.finding, outcome=Outcome(None, "not_tried"))
        message = "Labels look wrong; the time does not allow for proving a treatment, so none is made."
        return state, told, {**found.finding.evidence, "treatment": None, "message": message}
    jobs = {UNTREATED: _job(book, state, (judged, UNTREATED), epochs)}
    for remedy in found.finding.remedies:
        variant = replace(judged, train=treated(judged.train, doubts, remedy))
        jobs[remedy] = _job(book, state, (variant, remedy), epochs)
    # One after the other, so that every contender has the same time.
    results = {name: book.train([job], seconds)[0] for name, job in jobs.items()}
    losses = {name: _losses(judged, result) for name, result in results.items()}
    right = {name: _right(judged, result) for name, result in results.items()}
    shares = weight / weight.sum()
    proofs = {
        name: _guarded(prove(losses[UNTREATED], losses[name]), right[UNTREATED], right[name], shares)
        for name in found.finding.remedies
    }
    cut = [name for name, result in results.items() if result.stopped is not None]
    best = _best(proofs, found.finding.remedies)
    kept = proofs[best].kept and not cut
    outcome = proofs[best].outcome(best)
    if cut:
        outcome = replace(outcome, verdict="not_tried")
    told = replace(found.finding, outcome=outcome)
    facts = {
        **found.finding.evidence,
        "judged_by": f"{len(weight)} validation rows, each weighted with the probability of a right label",
        "cut_short": cut,
        "tried": {
            name: _shown(proof) | {"accuracy": _accuracy(right[name], shares)}
            for name, proof in proofs.items()
        },
        "untreated_accuracy": _accuracy(right[UNTREATED], shares),
        "treatment": best if kept else None,
        "message": _message(best, kept, proofs[best], bool(cut)),
    }
    if not kept:
        return state, told, facts
    changed = replace(judged, train=treated(judged.train, doubts, best))
    return state.with_(arrays=changed, data_folder=_place(book, best)), told, facts


def _place(book: Book, treatment: str) -> Path:
    return (book.folder.checkpoints / f"arrays.labels.{treatment}").resolve()


def _epochs(book: Book, state: State, count: int, seconds: float) -> int:
    """Epochs of each of the contenders: what a proof needs, fewer where time is short; 0: not even the fewest."""
    rows = min(PROOF_ROWS, len(state.splits.train))
    wanted = max(FEWEST_EPOCHS, min(60, -(-PROOF_STEPS * state.recipe.training.batch_size // rows)))

    def fit_into(left: float) -> int:
        if math.isinf(left):
            return wanted
        one = count * book.pace.seconds([_plain_job(book, state, UNTREATED, 1)], book.workers)
        affordable = int(seconds / one) if one else wanted
        return min(wanted, affordable) if affordable >= FEWEST_EPOCHS else 0

    return int(book.budget.decide("label_errors.epochs", fit_into))


def _job(book: Book, state: State, variant: tuple[TaskArrays, str], epochs: int) -> Job:
    """A short training of one stack on a variant of the arrays; the same seeds in every variant."""
    data, name = variant
    place = _place(book, name)
    arrays.save(data, place)
    return replace(_plain_job(book, state, name, epochs), data=str(place))


def _plain_job(book: Book, state: State, name: str, epochs: int) -> Job:
    members = members_of(state.recipe, range(SEEDS))
    rows = min(PROOF_ROWS, len(state.splits.train))
    changes: dict[str, Any] = {"training": {"signals": False}, "rows": rows, "history": "label_errors"}
    return job_of(state, book, f"label_errors.{name}", members, epochs, **changes)


def _losses(judged: TaskArrays, result: JobResult) -> list[float]:
    """Each seed's weighted validation loss: log loss, or RMSE of the scaled target; NaN of a lost training."""
    return [_loss(judged, outputs) for outputs in result.outputs]


def _right(judged: TaskArrays, result: JobResult) -> Floats | None:
    """How often each validation row's class is called by the seeds, [n] from 0 to 1; None of values."""
    if not judged.n_classes:
        return None
    called = [own.argmax(axis=1) == judged.validation.y for own in result.outputs]
    return np.asarray(np.mean(called, axis=0), dtype=np.float64)


def _accuracy(right: Floats | None, shares: Floats) -> float | None:
    """Share of the weighted validation rows whose class is called, mean over the seeds; None of values."""
    return None if right is None else float(right @ shares)


def _guarded(proof: Proof, before: Floats | None, after: Floats | None, shares: Floats) -> Proof:
    """The proof, turned down where accuracy falls by more than the standard error √Σ shareᵢ² (changeᵢ − mean)²."""
    if not proof.kept or before is None or after is None:
        return proof
    change = after - before
    mean = float(change @ shares)
    error = math.sqrt(float(shares**2 @ (change - mean) ** 2))
    if mean >= -error:
        return proof
    fall = f"from {float(before @ shares):.4f} to {float(after @ shares):.4f}"
    message = (
        f"Reverted: the loss gains, but accuracy falls {fall}, more than its standard error of {error:.4f}."
    )
    return replace(proof, kept=False, message=message)


def _loss(judged: TaskArrays, outputs: NDArray[np.float32]) -> float:
    if not np.isfinite(outputs).all():
        return math.nan
    rows = row_losses("classification" if judged.n_classes else "regression", judged.validation.y, outputs)
    mean = float(np.average(rows, weights=judged.validation.weight))
    return mean if judged.n_classes else math.sqrt(mean)


def _best(proofs: dict[str, Proof], order: Any) -> str:
    """The kept treatment with the lowest loss after it; where none was kept, the nearest to it."""

    def rank(name: str) -> tuple[bool, float]:
        after = proofs[name].after
        return not proofs[name].kept, math.inf if after is None else after

    return str(min(order, key=rank))


def _shown(proof: Proof) -> dict[str, Any]:
    return {
        "verdict": "kept" if proof.kept else "reverted",
        "before": proof.before,
        "after": proof.after,
        "low": proof.low,
        "high": proof.high,
        "message": proof.message,
    }


def _message(best: str, kept: bool, proof: Proof, cut: bool) -> str:
    if cut:
        return "The time was not enough to prove a treatment; the labels stay as given."
    if kept:
        return (
            f"Treated by {best}: {proof.message} Validation rows count with the probability of a right "
            "label from here on; the test stays as given."
        )
    return f"No treatment gained beyond noise (nearest: {best}; {proof.message}) The labels stay as given."
