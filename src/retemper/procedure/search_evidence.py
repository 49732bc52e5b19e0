"""What a search leaves behind for the report: its trials, what they teach, how it went, accuracy against cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from retemper.core.records import to_json
from retemper.procedure.book import Book, State
from retemper.procedure.trial_jobs import shared_of
from retemper.search.compared import compared_of
from retemper.search.course import incumbents, rungs, standard_error
from retemper.search.excerpt import excerpt, spread
from retemper.search.front import Priced, front
from retemper.search.learnt import learnt
from retemper.search.sentence import sentence
from retemper.search.space import Space
from retemper.search.trials import Evaluation, Trial

COSTS_NOTHING = ".dropout"
BEST_MODELS, OTHER_MODELS = 60, 40
"""So many models are priced, the best ones and some of every rank: each takes up to some 40 ms."""


def evidence_of(
    book: Book, state: State, space: Space, trials: Sequence[Trial], came: Iterable[Evaluation]
) -> dict[str, Any]:
    """The evidence of the step ``search``.

    Args:
        book: prices the networks.
        state: before the best trial's values are put into the recipe.
        space: what was searched.
        trials: best first.
        came: all evaluations in the order in which they came.

    Returns:
        ``trials``, ``space``, ``learnt``, ``course`` and ``front``; of thousands of trials some are listed, and
        ``left_out`` counts the others.
    """
    came = list(came)
    found = learnt(space, trials, state.recipe.seed)
    priced = _priced(book, state, trials)
    costs = {own.number: own.cost for own in priced}
    alike = compared_of(trials)
    best, edge = incumbents(came), front(priced)
    shown = excerpt(trials, {*(own.trial for own in best), *(edge.members if edge else ())})
    compared = {own.number: float(loss) for own, loss in zip(alike.trials, alike.loss, strict=True)}
    return {
        "trials": [
            _row(trial) | {"compared": compared.get(trial.number), "cost": costs.get(trial.number)}
            for trial in shown.trials
        ],
        "left_out": shown.left_out,
        "space": {path: vars(axis) for path, axis in space.items()},
        "learnt": to_json(found) | {"sentence": sentence(found)},
        "course": {
            "best": to_json(best),
            "rungs": to_json(rungs(trials)),
            "spent_epochs": sum(own.trained_epochs for own in came),
            "full_epochs": state.recipe.tune.epochs,
        },
        "front": to_json(edge),
    }


def summary(trials: Sequence[Trial], evidence: dict[str, Any]) -> dict[str, Any]:
    """What result.json's ``search`` says beside the number of trials, the sampler and the best setting."""
    best = trials[0].last if trials else None
    losses = list(best.losses.values()) if best else []
    return {
        "best_loss": best.loss if best else None,
        "best_error": standard_error(losses),
        "epochs": evidence["course"]["spent_epochs"],
        "failed": sum(not trial.sound for trial in trials),
        "importance": {
            own["path"]: {key: own[key] for key in ("share", "low", "high", "matters")}
            for own in evidence["learnt"]["options"]
        },
        "learnt": evidence["learnt"]["sentence"],
    }


def _priced(book: Book, state: State, trials: Sequence[Trial]) -> list[Priced]:
    """The trials that trained as long, and on as many folds, as the best one, with their multiply-adds."""
    best = trials[0].last if trials and trials[0].sound else None
    if best is None:
        return []
    alike: dict[str, list[Trial]] = {}
    for trial in trials:
        own = trial.last
        if own and trial.sound and _reach(own) == _reach(best):
            alike.setdefault(repr(sorted(_model(trial).items())), []).append(trial)
    models = list(alike.values())
    found = []
    for members in [*models[:BEST_MODELS], *spread(models[BEST_MODELS:], OTHER_MODELS)]:
        cost = book.pace.products(shared_of(state.recipe.with_changes(_model(members[0])))[0])
        found += [Priced(own.number, own.loss, standard_error(_losses(own)), cost) for own in members]
    return found


def _reach(evaluation: Evaluation) -> tuple[int, int]:
    return evaluation.order.epochs, len(evaluation.losses)


def _model(trial: Trial) -> dict[str, Any]:
    """What of a setting its network's cost hangs on."""
    return {
        path: value
        for path, value in trial.values.items()
        if path.startswith("model.") and not path.endswith(COSTS_NOTHING)
    }


def _losses(trial: Trial) -> list[float]:
    return list(trial.last.losses.values()) if trial.last else []


def _row(trial: Trial) -> dict[str, Any]:
    last = trial.last
    return {
        "number": trial.number,
        "values": trial.values,
        "loss": trial.loss,
        "epochs": last.order.epochs if last else 0,
        "folds": dict(last.losses) if last else {},
        "standard_error": standard_error(_losses(trial)),
        "error": dict(last.error) if last and last.error else None,
    }
