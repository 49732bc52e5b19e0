"""Columns that are chosen by the target are chosen anew for each fold, from the other folds' rows.

Whoever picks the best of many columns, ratios or products by all rows' targets has looked at the rows that are held
out later: noise that happened to fit them fits them once more (Ambroise & McLachlan 2002, "Selection bias in gene
extraction"). So a race of such a treatment prepares the rows once for each fold, fitted on the others alone, and a
network of the bag is judged by rows that nothing was learnt from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retemper.core.prepare_options import PrepareOptions
from retemper.procedure.book import Book, State, candidates_of, main_loss
from retemper.procedure.contenders import EVERY, VALIDATION, Bag
from retemper.procedure.cross_fitting import REPEATS
from retemper.procedure.prepare import prepare
from retemper.procedure.rows import rows_that_judge
from retemper.training import arrays
from retemper.training.job import Job, JobResult


def chosen_by_target(options: PrepareOptions) -> bool:
    """Whether the target has a say in which columns there are (group means come fold by fold in any case).

    >>> chosen_by_target(PrepareOptions(constructed=["ratio"])), chosen_by_target(PrepareOptions(missing="median"))
    (True, False)
    """
    return options.select != "none" or bool({"ratio", "product"} & set(options.constructed))


def prepared(book: Book, state: State, end: float) -> list[State]:
    """The state once for each fold, its training rows those of the other folds, its validation rows the fold's.

    Args:
        book: keeps the time.
        state: its rows dealt out to folds; the last draw counts.
        end: with a time limit, seconds left at which the preparing stops: then there are no states.
    """
    assert state.folds is not None
    rows, folds = rows_that_judge(state), state.folds[REPEATS - 1]
    labels = None
    if state.task == "classification":
        labels = np.concatenate([data.y for data in (state.ready[2].train, state.ready[2].validation)])
    found = []
    for fold in range(int(folds.max()) + 1):
        place = state.data_folder / f"fold.{fold}"
        name = f"{state.data_folder.name}.fold.{fold}"
        if not book.budget.decide(name, lambda left: left > end):
            return []
        others = folds != fold
        if labels is not None:
            # A class whose only row is held out has to be known all the same.
            others |= ~np.isin(labels, labels[others])
        splits = replace(state.splits, train=rows[others], validation=rows[folds == fold])
        own = prepare(state.table.frame, state.schema, state.recipe, splits.train, splits.validation, place)
        saved = arrays.save(own.arrays, place)
        found.append(
            state.with_(
                splits=splits,
                preparer=own.preparer,
                target=own.target,
                arrays=saved,
                data_folder=place,
                folds=None,
            )
        )
    return found


def jobs(states: Sequence[State], job: Job) -> list[Job]:
    """The job of a bag on folds as one job for each fold's own rows; the networks keep their ids.

    Args:
        states: of :func:`prepared`; without any there are no jobs.
        job: of one network for each fold, in their order.
    """
    return [
        replace(
            job,
            name=f"{job.name}.fold{fold}",
            data=str(state.data_folder),
            members=(replace(member, held_out=VALIDATION),),
            history=job.history or job.name,
            folds=0,
        )
        for fold, (state, member) in enumerate(zip(states, job.members, strict=bool(states)))
    ]


def bag(state: State, states: Sequence[State], results: Sequence[JobResult]) -> Bag:
    """The bag: each fold's outputs by its own network, on the scale of the state's target.

    Args:
        state: with folds, as for :func:`prepared`.
        states, results: of the folds, in their order; without any the bag has no networks.
    """
    assert state.folds is not None
    if not states:
        return Bag((), np.empty(0, np.float32), math.nan)
    folds, target = state.folds[REPEATS - 1], state.ready[1]
    networks = [candidates_of(own, result)[0] for own, result in zip(states, results, strict=True)]
    outputs = np.zeros((len(folds), *networks[0].outputs.shape[1:]), dtype=np.float32)
    for fold, (own, network) in enumerate(zip(states, networks, strict=True)):
        found = network.outputs
        if state.task == "regression":
            found = target.scale(own.ready[1].unscale(found.astype(np.float64))).astype(np.float32)
        outputs[folds == fold] = found
    return Bag(tuple(networks), outputs, main_loss(state, outputs, EVERY))
