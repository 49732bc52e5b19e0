"""Step 7: many recipes for a short time: learning rate × weight decay × width × dropout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from retemper.core.records import Step
from retemper.procedure import label_errors, treat
from retemper.procedure.book import Book, State, candidates_of, main_loss
from retemper.procedure.contenders import Candidate, Contender
from retemper.procedure.jobs import jobs_for, member_of
from retemper.search.samplers.quasi_random import Sampler
from retemper.search.space import Axis, Interval, Space, Words
from retemper.search.storage import write_study
from retemper.training.job import Job

FIRST_ID = 1000
SHARE_OF_TIME = 0.14
LEAST_ROWS, LEAST_TRIALS = 4000, 8
LEAST_FOR_EDGES = 16
"""Trials from which on the best one's place means something: the best of fewer is at an end by chance."""
MODEL_AXES = ("width", "periodic_frequencies")
"""What makes another shape; members of one stack differ in the rest."""


def space_of(state: State) -> Space:
    """The ranges: the rate's from the learning-rate range, or around the recipe's own where that gave none."""
    optimizer: Any = state.recipe.training.optimizer.options
    rates = Interval(0.3 * optimizer.learning_rate, 10 * optimizer.learning_rate, log=True)
    if state.rate_range:
        high = min(max(state.rate_range[1], 1e-3), 0.3)
        rates = Interval(high / 30, high, log=True)
    space: dict[str, Axis] = {
        "learning_rate": rates,
        "weight_decay": Interval(1e-3, 0.3, log=True),
    }
    search, options = state.recipe.search, state.recipe.model.options
    if hasattr(options, "width") and not getattr(options, "widths", ()):
        space["width"] = Words(tuple(sorted(set(search.widths))))
    if hasattr(options, "periodic_frequencies") and state.ready[0].n_numbers:
        space["periodic_frequencies"] = Words(tuple(sorted(set(search.periodic_frequencies))))
    if hasattr(options, "dropout"):
        space["dropout"] = Interval(0.0, 0.4)
    smooth = state.task == "classification" and hasattr(state.recipe.training.loss.options, "label_smoothing")
    if smooth and search.label_smoothing:
        space["label_smoothing"] = Interval(0.0, search.label_smoothing)
    return Space(space)


def run(book: Book, state: State) -> tuple[State, Step]:
    """Every trial of one shape trains in one stack; the validation loss ranks them."""
    state, treated = treat.run(book, state)
    state, wrong, labels = label_errors.run(book, state)
    state = state.with_(findings=(*state.findings, *([wrong] if wrong else [])))
    search, space = state.recipe.search, space_of(state)
    amount = _amount(book, state, space)
    points = Sampler(space, state.recipe.seed, amount["trials"]).ask(amount["trials"])
    jobs = _jobs(book, state, points, amount)
    left = book.budget.left_s()
    results = book.train(jobs, seconds=0.3 * left if book.budget.limited else 0.0, alike=True)
    found = [candidate for result in results for candidate in candidates_of(state, result)]
    common = common_epochs(found) if any(result.stopped is not None for result in results) else 0
    trials = sorted(found, key=lambda candidate: rank(candidate, common))
    kept = max(2, math.ceil(search.keep * len(trials)))
    survivors = sound(trials)[:kept]
    evidence = evidence_of(trials, {t.id for t in survivors}, "search_coarse")
    evidence |= {
        "space": {name: vars(axis) for name, axis in space.items()},
        "edges": _edges(space, trials),
        "compared_after_epochs": common or amount["epochs"],
        "treatments": treated,
        "label_errors": labels,
    }
    _store(book, state, space, trials)
    best = trials[0]
    state = state.with_(trials=tuple(trials), survivors=tuple(survivors))
    if not survivors:
        message = (
            f"None of {len(trials)} recipes trained to a finite loss: look at the scales (prepare.scaling)."
        )
        return state, Step("search_coarse", "fail", message, evidence)
    message = treat.sentence(treated) + (f"{labels['message']} " if wrong else "")
    message += f"{len(trials)} recipes for {epochs_text(amount['epochs'])} on "
    message += f"{amount['rows']:,} rows; best so far: "
    message += f"{describe(best)}, validation loss {best.fit.val_loss:.4g}."
    if evidence["edges"]:
        message += f" The best lies at the edge of {', '.join(evidence['edges'])}: a wider range may gain."
    verdict: Any = "warn" if evidence["edges"] else "pass"
    return state, Step("search_coarse", verdict, message, evidence)


def common_epochs(candidates: Sequence[Candidate]) -> int:
    """How many epochs each has finished; a deadline may end one in its midst, which does not count.

    An epoch has as many steps as the longest first one among the candidates.
    """
    steps = [[row["step"] for row in candidate.fit.history] for candidate in candidates]
    whole = max((own[0] for own in steps if own), default=1)
    return min((own[-1] // whole if own else 0 for own in steps), default=0)


def loss_after(candidate: Candidate, epochs: int) -> float:
    """Its best validation loss in so many epochs; NaN where none is finite."""
    judged = [row["val_loss_calibrated"] for row in candidate.fit.history[:epochs]]
    return min((loss for loss in judged if not math.isnan(loss)), default=math.nan)


def rank(candidate: Candidate, epochs: int = 0) -> tuple[bool, float, int]:
    """Sorting key: finite losses first, lower first, then by id; after so many epochs, 0: at its best."""
    loss = loss_after(candidate, epochs) if epochs else candidate.fit.val_loss
    return (not math.isfinite(loss), loss if math.isfinite(loss) else 0.0, candidate.id)


def sound(trials: list[Candidate]) -> list[Candidate]:
    """Those with a finite loss."""
    return [trial for trial in trials if math.isfinite(trial.fit.val_loss)]


def epochs_text(epochs: int) -> str:
    """``1 epoch``, ``2 epochs``."""
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"


def describe(candidate: Candidate) -> str:
    """A recipe in a few words."""
    member, width = candidate.member, candidate.model.get("width")
    text = f"rate {member.learning_rate:.2g}, decay {member.weight_decay:.2g}"
    text += f", width {width}" if width else ""
    name, waves = candidate.model["name"], candidate.model.get("periodic_frequencies")
    text = text if name == "mlp" else f"{name}, {text}"
    text += f", {waves} cosines" if waves else ""
    return text + (f", dropout {member.dropout:.2f}" if member.dropout else "")


def evidence_of(trials: list[Candidate], kept: set[int], history: str) -> dict[str, Any]:
    """The trials as a table, best first."""
    rows = [
        {
            "id": trial.id,
            "learning_rate": trial.member.learning_rate,
            "weight_decay": trial.member.weight_decay,
            "model": trial.model["name"],
            "width": trial.model.get("width"),
            "periodic_frequencies": trial.model.get("periodic_frequencies", 0),
            "label_smoothing": trial.member.label_smoothing,
            "dropout": trial.member.dropout,
            "epochs": trial.fit.epochs,
            "val_loss": trial.fit.val_loss,
            "kept": trial.id in kept,
        }
        for trial in trials
    ]
    return {"trials": rows, "best": rows[0], "history": history}


def _amount(book: Book, state: State, space: Space) -> dict[str, int]:
    """Trials, epochs and rows: the recipe's, cut to what the time allows."""
    search = state.recipe.search
    amount = {
        "trials": search.trials,
        "epochs": search.coarse_epochs,
        "rows": min(search.max_rows, len(state.splits.train)),
    }
    least_steps = 60
    steps = -(-amount["rows"] // state.recipe.training.batch_size)
    amount["epochs"] = max(amount["epochs"], -(-least_steps // steps))

    def fit_into(left: float) -> dict[str, int]:
        if math.isinf(left):
            return amount
        cut = dict(amount)
        while _seconds(book, state, space, cut) > SHARE_OF_TIME * left:
            if cut["rows"] > LEAST_ROWS:
                cut["rows"] = max(LEAST_ROWS, cut["rows"] * 2 // 3)
            elif cut["trials"] > LEAST_TRIALS:
                cut["trials"] = max(LEAST_TRIALS, cut["trials"] * 2 // 3)
            elif cut["epochs"] > 1:
                cut["epochs"] -= 1
            else:
                break
        return cut

    decided: dict[str, int] = book.budget.decide("search_coarse.amount", fit_into)
    return decided


def _seconds(book: Book, state: State, space: Space, amount: dict[str, int]) -> float:
    points = Sampler(space, state.recipe.seed, amount["trials"]).ask(amount["trials"])
    return book.pace.seconds(_jobs(book, state, points, amount), book.workers)


def _jobs(book: Book, state: State, points: list[dict[str, Any]], amount: dict[str, int]) -> list[Job]:
    plain = state.recipe.model.as_plain()
    contenders = []
    for number, point in enumerate(points):
        model = {**plain, **{name: point[name] for name in MODEL_AXES if name in point}}
        own = {name: value for name, value in point.items() if name not in MODEL_AXES}
        contenders.append(Contender(model, member_of(state.recipe, FIRST_ID + number, **own)))
    changes: dict[str, Any] = {"rows": amount["rows"], "training": {"signals": False}}
    return jobs_for(state, book, "search_coarse", contenders, amount["epochs"], **changes)


def _edges(space: Space, trials: list[Candidate]) -> list[str]:
    """Where the best of the trials, the first, lies at an end of its range; nothing where they are few."""
    if len(trials) < LEAST_FOR_EDGES:
        return []
    best = trials[0]
    found: list[str] = []
    for name in ("learning_rate", "weight_decay"):
        axis = space[name]
        assert isinstance(axis, Interval)
        side = axis.near_edge(getattr(best.member, name), 0.05)
        found += [f"{name} ({side})"] if side else []
    return found


def _store(book: Book, state: State, space: Space, trials: list[Candidate]) -> None:
    rows = []
    for trial in trials:
        values = {
            name: trial.model[name] if name in MODEL_AXES else getattr(trial.member, name) for name in space
        }
        if math.isfinite(trial.fit.val_loss):
            attributes = {
                "id": trial.id,
                "epochs": trial.fit.epochs,
                "main_metric": main_loss(state, trial.outputs),
            }
            rows.append((values, trial.fit.val_loss, attributes))
    place = book.folder.path / "trials.db"
    # Optuna takes a second to load: meanwhile the next networks train.
    book.aside.do(lambda: write_study(place, "search_coarse", space, rows))
