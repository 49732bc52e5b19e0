"""After the test: what the model takes along of its training, for later retraining."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.bundle.memory.kept import Kept, tenths_of
from retemper.bundle.memory.record import Memory, Work
from retemper.bundle.memory.sketches import Grid, Sketches
from retemper.bundle.memory.trained import Trained
from retemper.bundle.model import Model
from retemper.core.harm_records import Standing
from retemper.core.seeds import generator
from retemper.models.layers.build import network_of
from retemper.models.layers.cost import STEP_PASSES, multiply_adds
from retemper.procedure.book import State
from retemper.procedure.contenders import Candidate
from retemper.procedure.test_once import held_out_outputs

ROWS_OF_GRID = 20_000
"""Training rows that cells are cut by, at most: of so many, 128 quantiles are known well enough."""


def remembering(model: Model, state: State) -> Model:
    """The model with its memory.

    Rows that validated count as trained on: with folds each of them taught most networks. The test rows are those that
    it has not seen.

    Args:
        model: the run's.
        state: after ``test_once``.
    """
    known, (unseen, _) = _known(state), _tested(state)
    frame, schema, seed = state.table.frame, state.schema, state.recipe.seed
    trained = Trained.drawn(seed).with_rows(frame, schema, known)
    metrics = state.test.get("metrics", {}).get("test", {})
    standing = {name: Standing.of(score, len(unseen)) for name, score in metrics.items()}
    sketches = _sketches(state, known) if state.recipe.keep.sketches and len(unseen) else None
    told = standing.get("accuracy" if state.task == "classification" else "rmse")
    matrix = ((None if told is None else told.value,),)
    memory = Memory(trained, standing, _work(model, state), _kept(state, known, unseen), sketches, matrix)
    return replace(model, memory=memory)


def _known(state: State) -> NDArray[np.int64]:
    return np.sort(np.concatenate([state.splits.train, state.splits.validation]))


def _tested(state: State) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return state.tested or (np.zeros(0, dtype=np.int64), np.zeros(0))


def _sketches(state: State, known: NDArray[np.int64]) -> Sketches:
    draw = generator(state.recipe.seed, "rows of the grid")
    some = known if len(known) <= ROWS_OF_GRID else np.sort(draw.choice(known, ROWS_OF_GRID, replace=False))
    (y, _), held_out = held_out_outputs(state)
    grid = Grid.fit(state.table.frame[some], state.schema, held_out, np.asarray(y, dtype=np.float64))
    unseen, outputs = _tested(state)
    rows = state.table.frame[unseen]
    return Sketches(grid, grid.tally(rows, outputs, rows[state.ready[1].name]))


def _kept(state: State, known: NDArray[np.int64], unseen: NDArray[np.int64]) -> Kept | None:
    most, frame, target = state.recipe.keep.rows, state.table.frame, state.ready[1]
    if not most:
        return None
    edges = tenths_of(target.encode(frame[target.name][known])) if state.task == "regression" else ()
    rows = np.concatenate([known, unseen])
    order, is_unseen = np.argsort(rows), np.repeat([False, True], [len(known), len(unseen)])
    kept = Kept(state.recipe.seed, edges)
    return kept.updated(frame, is_unseen[order], 0, most, state.schema, rows[order])


def _work(model: Model, state: State) -> Work:
    networks = [network for bag, _ in state.chosen for network in bag.networks]
    costs: dict[str, float] = {}
    total = 0.0
    for network in networks:
        key = repr(sorted(network.model.items()))
        if key not in costs:
            costs[key] = _multiply_adds(model, network.model)
        total += STEP_PASSES * costs[key] * network.fit.epochs * _rows_of(state, network)
    rows = len(state.splits.train) + len(state.splits.validation)
    return Work(rows, len(networks), sum(network.fit.epochs for network in networks), total)


def _rows_of(state: State, network: Candidate) -> int:
    """Rows that taught one network."""
    train, validation = len(state.splits.train), len(state.splits.validation)
    held_out = network.member.held_out
    if state.folds is None or held_out < 0:
        return train
    return train + validation - len(state.fold_rows(held_out))


def _multiply_adds(model: Model, network: dict[str, Any]) -> float:
    built = network_of(network, model.shape, model.loss.n_outputs(len(model.classes)))
    return multiply_adds(built, model.shape.width, model.shape.n_codes)
