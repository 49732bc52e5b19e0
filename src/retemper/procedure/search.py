"""The step of ``tune``: a search alone, its trials trained as stacks, its best setting a bag of the folds' networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from retemper.core import catalogue
from retemper.core.errors import InputError
from retemper.core.records import Finding, Step
from retemper.core.tune_options import TuneOptions
from retemper.procedure import widening
from retemper.procedure.book import Book, State
from retemper.procedure.prepared_trials import PreparedTrials
from retemper.procedure.sampler_choice import noted, spanned
from retemper.procedure.search_evidence import evidence_of, summary
from retemper.procedure.search_history import thin_history
from retemper.procedure.search_rows import judged
from retemper.procedure.trial_choice import bag_of, optimism_of
from retemper.procedure.trial_faults import none_left
from retemper.procedure.trial_storage import storage_for
from retemper.procedure.warm_start import warmed
from retemper.procedure.widening import sampler_of
from retemper.search.arrivals import Arrivals
from retemper.search.fidelities import Extent
from retemper.search.journal import Journal
from retemper.search.samplers import batch_of
from retemper.search.sentence import name, short
from retemper.search.space import Space
from retemper.search.space_file import space_of
from retemper.search.stored_trials import StoredTrials, failures
from retemper.search.study import Sampler, Study
from retemper.search.trials import Order, Trial, ranked
from retemper.search.warm import WarmStart

JOURNAL = "trials.jsonl"
ONE_GROUP = "How much that flatters can't be told, since all rows that judge are of one group."


def run(book: Book, state: State) -> tuple[State, Step]:
    """Sample, train, rank; the best trial becomes the recipe, its networks the model."""
    tune = state.recipe.tune
    if tune.repeats > 1 and state.ready[0].told:
        raise InputError(
            "one_draw_of_folds",
            "Columns that hold means of the target are made for one draw of the folds, so there are no repeats.",
            {"option": "tune.repeats"},
            "Set tune.repeats to 1, or leave group_mean out of prepare.constructed.",
        )
    state, no_folds = judged(state)
    tune = state.recipe.tune
    space = space_of(tune.space, state.recipe)
    sampler = warmed(book.folder, state.recipe, space, lambda recipe: sampler_of(recipe, space))
    used = noted(book, state, space)
    extent = extent_of(tune)
    stored = StoredTrials(
        storage_for(book.folder, tune.storage, spanned(state.recipe, space)),
        book.aside,
        (extent.epochs, len(extent.folds)),
        book.reporter.note,
    )
    found = carried_out(book, state, sampler, space, stored.take)
    stored.finish(found.trials)
    state, trials, study = found.state, found.trials, found.study
    state = state.with_(findings=(*state.findings, *found.findings))
    thin_history(book.folder, trials)
    evidence = evidence_of(book, state, spanned(state.recipe, found.space), trials, study.journal) | {
        "sampler": used
    }
    if isinstance(sampler, WarmStart):
        evidence["warm_start"] = sampler.evidence()
    if not trials or not trials[0].sound:
        raise none_left(trials, str(book.folder.path))
    best = trials[0]
    honest = optimism_of(state, found.evaluator, trials)
    evidence["optimism"] = vars(honest) | {"amount": honest.amount} if honest else None
    state = chosen(state, found.evaluator, best)
    named = {"trials": len(trials), "sampler": tune.sampler.name, "best": dict(best.values)}
    named |= {"fidelity": tune.fidelity.name, "optimism": evidence["optimism"]}
    state = state.with_(search=named | summary(trials, evidence))
    message = f"{len(trials)} trials; the best, {_words(best)}, reaches {best.loss:.4g}. "
    message += honest.sentence if honest else ONE_GROUP
    lost = failures(trials)
    if lost:
        message += f" {sum(count for count, _, _ in lost)} failed; most often: {lost[0][1]} {lost[0][2]}"
    if "warm_start" in evidence:
        message += f" {evidence['warm_start']['reason']}"
    message += "".join(f" {said}" for said in (no_folds, used.get("cut")) if said)
    if study.out_of_time:
        message += " The time limit ended the search."
    return state, Step("search", "pass", message, evidence)


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Args:
        state: the rows that were searched on, dealt out to folds.
        trials: best first.
        space: with the ranges as they were in the end.
        findings: about the ranges.
        study: what was asked, and why it ended.
        evaluator: knows the networks.
    """

    state: State
    trials: list[Trial]
    space: Space
    findings: list[Finding]
    study: Study
    evaluator: PreparedTrials


def extent_of(tune: TuneOptions) -> Extent:
    """What a trial is that trains in full."""
    folds = tuple(range(tune.folds * tune.repeats)) or (-1,)
    return Extent(tune.epochs, folds, batch_of(tune), tune.repeats)


def carried_out(
    book: Book,
    state: State,
    sampler: Sampler,
    space: Space,
    told: Callable[[Sequence[Trial]], None] = lambda trials: None,
) -> Found:
    """Carry out the search that the recipe names, on rows that are dealt out to folds.

    Args:
        book: who trains, who keeps the time; the journal is written into its folder.
        state: the rows.
        sampler: of the space.
        space: what is searched.
        told: called with trials whenever something comes back of them.
    """
    tune = state.recipe.tune
    evaluator = PreparedTrials(book, state, tune.epochs, tune.folds)
    extent = extent_of(tune)
    study = Study(sampler, evaluator, Journal(book.folder.checkpoints / JOURNAL), told)
    fidelity = catalogue.entry("fidelity", tune.fidelity.name)
    if getattr(tune.fidelity.options, "asynchronous", False):
        study.course = Arrivals(book.budget.made, book.budget.record)
    searched = widening.search(
        book, state.recipe, study, space, lambda: fidelity.plan(tune.fidelity.options, study, extent)
    )
    trials = in_full(study, evaluator, searched.trials, extent)
    return Found(state, trials, searched.space, searched.findings, study, evaluator)


def in_full(study: Study, evaluator: PreparedTrials, trials: list[Trial], extent: Extent) -> list[Trial]:
    """The trials, best first; where a time limit ended the search, the best one has what is left of it.

    For a while it goes on in any case: what it has learnt in a rung is too little for a model, and folds that it has
    not seen it needs, since each row is judged by a network of the model.
    """
    last = trials[0].last if study.out_of_time and trials and trials[0].sound else None
    if last is None:
        return trials
    folds = extent.folds
    if last.order.epochs == extent.epochs:
        folds = tuple(fold for fold in folds if fold not in last.order.folds)
    if not folds:
        return trials
    order = Order(last.order.trial, last.order.values, extent.epochs, folds)
    evaluation = study.journal.find(order)
    if evaluation is None:
        evaluation = evaluator.finish(order)
        study.journal.add([evaluation])
    else:
        evaluator.recall([evaluation])
    study.take([evaluation])
    return ranked(study.trials.values())


def chosen(state: State, evaluator: PreparedTrials, best: Trial) -> State:
    """The state with the best trial's recipe, its rows as that has them prepared, and its networks as the model."""
    assert best.last is not None
    networks = evaluator.networks(best.last)
    own = evaluator.state_of(best.values)
    state = state.with_(
        preparer=own.preparer,
        target=own.target,
        arrays=own.arrays,
        data_folder=own.data_folder,
        folds=own.folds,
    )
    bag = bag_of(state, networks)
    recipe = state.recipe.with_changes(best.values)
    return state.with_(recipe=recipe, chosen=((bag, 1.0),), candidates=tuple(networks), long=tuple(networks))


def _words(trial: Trial) -> str:
    return ", ".join(f"{name(path)} {short(value)}" for path, value in trial.values.items())
