"""The step of ``tune``: a search alone, its trials trained as stacks, its best setting a bag of the folds' networks."""

from __future__ import annotations

from typing import Any

from retemper.core import catalogue
from retemper.core.records import Step
from retemper.procedure.book import Bag, Book, State, bags_of
from retemper.procedure.cross_fitting import dealt
from retemper.procedure.stacked_trials import StackedTrials
from retemper.search.fidelities import Extent
from retemper.search.journal import Journal
from retemper.search.space_file import space_of
from retemper.search.study import Study
from retemper.search.trials import Trial, ranked

JOURNAL = "trials.jsonl"


def run(book: Book, state: State) -> tuple[State, Step]:
    """Sample, train, rank; the best trial becomes the recipe, its networks the model."""
    tune = state.recipe.tune
    state = dealt(state, tune.folds)
    space = space_of(tune.space)
    sampler = catalogue.entry("sampler", tune.sampler.name).build(
        tune.sampler.options, space, state.recipe.seed, tune.trials
    )
    evaluator = StackedTrials(book, state, tune.epochs, tune.folds)
    study = Study(sampler, evaluator, Journal(book.folder.checkpoints / JOURNAL))
    extent = Extent(tune.epochs, tuple(range(tune.folds)) or (-1,), tune.batch)
    fidelity = catalogue.entry("fidelity", tune.fidelity.name)
    trials = ranked(study.run(fidelity.plan(tune.fidelity.options, study, extent)))
    evidence = {"trials": [_row(trial) for trial in trials], "space": {p: vars(a) for p, a in space.items()}}
    best = trials[0] if trials else None
    if best is None or not best.sound:
        return state, Step("search", "fail", f"None of {len(trials)} trials reached a finite loss.", evidence)
    state = _chosen(state, evaluator, best)
    named = {"trials": len(trials), "sampler": tune.sampler.name, "best": dict(best.values)}
    state = state.with_(search=named)
    message = f"{len(trials)} trials; the best, {_words(best)}, reaches {best.loss:.4g}."
    return state, Step("search", "pass", message, evidence)


def _chosen(state: State, evaluator: StackedTrials, best: Trial) -> State:
    assert best.last is not None
    networks = evaluator.networks(best.last)
    bag: Bag = bags_of(state, networks)[0]
    recipe = state.recipe.with_changes(best.values)
    return state.with_(recipe=recipe, chosen=((bag, 1.0),), candidates=tuple(networks), long=tuple(networks))


def _row(trial: Trial) -> dict[str, Any]:
    last = trial.last
    return {
        "number": trial.number,
        "values": trial.values,
        "loss": trial.loss,
        "epochs": last.order.epochs if last else 0,
        "folds": dict(last.losses) if last else {},
    }


def _words(trial: Trial) -> str:
    return ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in trial.values.items())
