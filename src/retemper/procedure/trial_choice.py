"""The best trial of a search: its networks as a bag, and how much it flatters itself for having been chosen.

A trial that trained in steps was chosen at each of them by the same rows: at the first rung among all, at the last
among few. How much a step flatters is told from the row losses of all that took part in it; the choice flatters by
about as much as its most flattering step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retemper.procedure.book import State, main_loss, validation_rows
from retemper.procedure.contenders import EVERY, VALIDATION, Bag, Candidate
from retemper.search.optimism import Optimism, optimism
from retemper.search.trials import Evaluation, Trial, ranked

MOST_TRIALS = 256
"""Of so many, best first; those behind would not be the best of any draw of the rows."""
MOST_CELLS = 20_000_000
"""Nor more losses of rows at a time (160 MB); of more rows the difference is small anyway."""


class Source(Protocol):
    """Whoever keeps the trained networks of a search."""

    def outputs(self, evaluations: Sequence[Evaluation]) -> list[dict[int, NDArray[np.float32]]]:
        """For each evaluation: fold → outputs for the rows of the fold."""


def bag_of(state: State, networks: Sequence[Candidate]) -> Bag:
    """The networks of one trial; where repeats of the folds judge a row more than once, by the mean of them."""
    outputs, _ = _joined(state, {own.member.held_out: own.outputs for own in networks})
    return Bag(tuple(networks), outputs, main_loss(state, outputs, _judging(state)))


def _joined(
    state: State, outputs: Mapping[int, NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Outputs by fold → for each row that judges, and which rows the folds hold out (the others have a mean answer)."""
    if state.folds is None:
        only = outputs[VALIDATION]
        return only, np.ones(len(only), dtype=bool)
    shape = next(iter(outputs.values())).shape[1:]
    sums, counts = (
        np.zeros((state.folds.shape[1], *shape)),
        np.zeros((state.folds.shape[1], *[1] * len(shape))),
    )
    for fold, own in outputs.items():
        rows = state.fold_rows(fold)
        sums[rows] += own
        counts[rows] += 1
    judged = counts.reshape(-1) > 0
    # Zeros would be no probabilities.
    sums[~judged] = next(iter(outputs.values())).mean(axis=0)
    return (sums / np.maximum(counts, 1)).astype(np.float32), judged


def _judging(state: State) -> int:
    return VALIDATION if state.folds is None else EVERY


def optimism_of(state: State, source: Source, trials: Sequence[Trial]) -> Optimism | None:
    """What the best trial's loss is worth on rows that had no say in its choice.

    Args:
        state: the rows that judge, their folds.
        source: knows the networks.
        trials: all of the search; the best is sound.

    Returns:
        In the main metric's terms: log loss, or RMSE in the target's units. None: it can't be told, since the rows that
        judge are of one group.
    """
    found = [_of_step(state, source, own) for own in _steps(trials)]
    steps = [own for own in found if own is not None]
    if not steps:
        return None
    last, most = steps[-1], max(step.amount for step in steps)
    more = most - last.amount
    return replace(
        last, loss=last.loss + more, low=last.low + more, high=last.high + more, trials=len(trials)
    )


def _steps(trials: Sequence[Trial]) -> Iterator[list[Evaluation]]:
    """Who was compared with whom, as far as they were trained then; the best ones first, the last step last."""
    found: dict[tuple[int, int, tuple[int, ...]], list[Trial]] = {}
    for trial in trials:
        for then in trial.steps:
            if then.last is not None and then.sound:
                order = then.last.order
                found.setdefault((order.epochs, len(order.folds), order.folds), []).append(then)
    for key in sorted(found):
        yield [own.last for own in ranked(found[key])[:MOST_TRIALS] if own.last is not None]


def _of_step(state: State, source: Source, evaluations: Sequence[Evaluation]) -> Optimism | None:
    weight = state.judges(_judging(state))[1]
    outputs = source.outputs(evaluations[: max(1, MOST_CELLS // len(weight))])
    joined = [_joined(state, own) for own in outputs]
    losses = np.stack([validation_rows(state, own, _judging(state)) for own, _ in joined])
    judged = joined[0][1]
    group = _groups(state)
    return optimism(
        losses[:, judged],
        weight[judged],
        group[judged] if group is not None else None,
        root=state.task == "regression",
        seed=state.recipe.seed,
        resamples=state.recipe.procedure.bootstrap,
    )


def _groups(state: State) -> NDArray[np.int64] | None:
    """The label of each judging row's group."""
    if not state.schema.group:
        return None
    splits = state.splits
    rows = splits.validation if state.folds is None else np.concatenate([splits.train, splits.validation])
    labels: NDArray[np.int64] = state.table.frame[state.schema.group][rows].rank("dense").to_numpy()
    return labels
