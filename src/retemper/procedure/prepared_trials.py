"""Trials that differ in how columns become numbers: each preparation has arrays, and stacks, of its own.

The preparation of a trial is what its recipe says under ``prepare``, and its loss, whose class weights lie beside the
arrays and whose outputs give the network its shape. Trials of the run's own preparation train on the run's own arrays.
All are judged on the same rows, in the same folds, in the target's own units.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.procedure.book import Book, State
from retemper.procedure.contenders import Candidate
from retemper.procedure.cross_fitting import dealt_as
from retemper.procedure.kept_jobs import BestTrials, KeptJobs
from retemper.procedure.paused_networks import PausedNetworks
from retemper.procedure.prepare import prepare
from retemper.procedure.stacked_trials import StackedTrials
from retemper.procedure.trial_faults import said
from retemper.search.space import Setting
from retemper.search.trials import Evaluation, Order
from retemper.training import arrays


class PreparedTrials:
    """Trains the orders of a study, each on the rows as its setting has them prepared.

    A preparation that can't be made is the error of its trials; the others go on.

    Args:
        book: who trains.
        state: the rows as the run's recipe prepares them, with folds dealt where the orders name any.
        epochs: of a trial that trains in full.
        folds: how many parts each draw of the folds has; 0: the validation rows judge.
    """

    def __init__(self, book: Book, state: State, epochs: int, folds: int) -> None:
        self._book, self._state, self._epochs, self._folds = book, state, epochs, folds
        self._own = _key(state.recipe)
        self._kept, self._best = KeptJobs(book.pool.folder), BestTrials()
        self._paused = PausedNetworks(book.pool.folder)
        self._trials = {self._own: self._stacked(state)}
        self._keys: dict[str, str] = {}

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        """Train all orders, one preparation after another."""
        for key, own in self._grouped(orders).items():
            try:
                trials = self._of(key, own[0].values)
            except InputError as error:
                yield [Evaluation(order, error=said(error)) for order in own]
            else:
                yield from trials.evaluate(own)

    def finish(self, order: Order) -> Evaluation:
        """Train an order for as long as there is time; see :meth:`StackedTrials.finish`."""
        return self._of(self._key(order.values), order.values).finish(order)

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        """Where the trials paused, so that they can go on from there."""
        for evaluation in evaluations:
            # Without networks there is nothing to go on with, nor perhaps a preparation.
            if evaluation.places:
                self._of(self._key(evaluation.order.values), evaluation.order.values).recall([evaluation])

    def networks(self, evaluation: Evaluation) -> list[Candidate]:
        """The trained networks of an evaluation, as narrow as they are meant to be."""
        values = evaluation.order.values
        return self._of(self._key(values), values).networks(evaluation)

    def outputs(self, evaluations: Sequence[Evaluation]) -> list[dict[int, NDArray[np.float32]]]:
        """For each evaluation: fold → outputs for the rows of the fold, on the scale of the run's own target."""
        found: dict[tuple[int, int, tuple[int, ...]], dict[int, NDArray[np.float32]]] = {}
        orders = {own.order.key: own for own in evaluations}
        for key, own in self._grouped([evaluation.order for evaluation in evaluations]).items():
            outputs = self._of(key, own[0].values).outputs([orders[order.key] for order in own])
            state = self.state_of(own[0].values)
            for order, each in zip(own, outputs, strict=True):
                found[order.key] = {fold: self._rescaled(state, rows) for fold, rows in each.items()}
        return [found[evaluation.order.key] for evaluation in evaluations]

    def state_of(self, values: Setting) -> State:
        """The rows as a setting has them prepared."""
        return self._of(self._key(values), values).state

    def _grouped(self, orders: Sequence[Order]) -> dict[str, list[Order]]:
        groups: dict[str, list[Order]] = {}
        for order in orders:
            groups.setdefault(self._key(order.values), []).append(order)
        return groups

    def _key(self, values: Setting) -> str:
        touching = _touching(values)
        if not touching:
            return self._own
        mark = json.dumps(touching, sort_keys=True)
        if mark not in self._keys:
            try:
                self._keys[mark] = _key(self._state.recipe.with_changes(touching))
            except InputError:
                self._keys[mark] = mark  # whoever prepares it is told what is wrong
        return self._keys[mark]

    def _of(self, key: str, values: Setting) -> StackedTrials:
        if key not in self._trials:
            recipe = self._state.recipe.with_changes(_touching(values))
            same = {"prepare": recipe.prepare.model_dump(mode="json"), "training.loss": _loss(recipe)}
            state = self._prepared(self._state.recipe.with_changes(same))
            self._trials[key] = self._stacked(state)
        return self._trials[key]

    def _stacked(self, state: State) -> StackedTrials:
        # What may stay on the disk is counted together: one preparation's trials are not thinned for another's.
        shared = self._kept, self._best, self._paused
        return StackedTrials(self._book, state, self._epochs, self._folds, *shared)

    def _prepared(self, recipe: Recipe) -> State:
        base = self._state
        place = (self._book.folder.checkpoints / f"arrays.{zlib.crc32(_key(recipe).encode()):08x}").resolve()
        made = prepare(
            base.table.frame, base.schema, recipe, base.splits.train, base.splits.validation, place
        )
        place.mkdir(exist_ok=True)
        state = base.with_(
            recipe=recipe,
            preparer=made.preparer,
            target=made.target,
            arrays=arrays.save(made.arrays, place),
            data_folder=place,
        )
        if base.folds is None:
            return state
        if not made.preparer.told:
            return dealt_as(state, base.folds)
        if base.recipe.tune.repeats > 1:
            raise InputError(
                "one_draw_of_folds",
                "Columns that hold means of the target are made for one draw of the folds, so there are no repeats.",
                {"option": "tune.repeats"},
                "Set tune.repeats to 1, or leave group_mean out of prepare.constructed.",
            )
        return dealt_as(state, np.tile(base.folds[0], (len(base.folds), 1)))

    def _rescaled(self, state: State, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        if state.task == "classification" or state is self._state:
            return outputs
        values = state.ready[1].unscale(outputs.astype(np.float64))
        return np.asarray(self._state.ready[1].scale(values), dtype=np.float32)


def _touching(values: Setting) -> Setting:
    """What of a setting decides the preparation."""
    return {path: value for path, value in values.items() if path.startswith(("prepare.", "training.loss."))}


def _key(recipe: Recipe) -> str:
    """What trials must share to train on the same arrays, and to have outputs of one kind."""
    return json.dumps([recipe.prepare.model_dump(mode="json"), _loss(recipe)], sort_keys=True)


def _loss(recipe: Recipe) -> Mapping[str, Any]:
    """The loss but its smoothing, of which each member has its own."""
    return {
        name: value for name, value in recipe.training.loss.as_plain().items() if name != "label_smoothing"
    }
