"""What the trainings of a search left on the disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retemper.models.layers.build import network_of
from retemper.procedure.book import State, candidates_of
from retemper.procedure.contenders import Candidate
from retemper.search.trials import Evaluation
from retemper.training.arrays import damaged
from retemper.training.job import Job, read
from retemper.training.losses import resolve
from retemper.training.stack import Layout


class TrainedTrials:
    """Reads the networks of evaluations.

    Args:
        folder: the run's jobs.
        state: the prepared rows that they were trained on.
    """

    def __init__(self, folder: Path, state: State) -> None:
        self._folder, self._state = folder, state

    def are_there(self, evaluation: Evaluation) -> bool:
        """Whether all networks of an evaluation can be read."""
        places = evaluation.places.values()
        return all((self._folder / place / "done.safetensors").is_file() for place in places)

    def networks(self, evaluations: Sequence[Evaluation]) -> list[list[Candidate]]:
        """The networks of each, in the order of their folds, without the width that only their stacks had."""
        found = self._read(evaluations)
        return [[self._narrowed(own) for own in each.values()] for each in found]

    def outputs(self, evaluations: Sequence[Evaluation]) -> list[dict[int, NDArray[np.float32]]]:
        """For each evaluation: fold → outputs for the rows of the fold."""
        found = self._read(evaluations)
        return [{fold: own.outputs for fold, own in each.items()} for each in found]

    def _read(self, evaluations: Sequence[Evaluation]) -> list[dict[int, Candidate]]:
        """Fold → network, of each evaluation; a job's file is read once."""
        wanted = {
            (place, own.order.trial, fold): None for own in evaluations for fold, place in own.places.items()
        }
        found: dict[tuple[str, int, int], Candidate] = {}
        for place in dict.fromkeys(place for place, _, _ in wanted):
            for candidate in self._candidates(place):
                key = place, trial_of(candidate.id), candidate.member.held_out
                if key in wanted:
                    found[key] = candidate
        return [
            {fold: found[place, own.order.trial, fold] for fold, place in own.places.items()}
            for own in evaluations
        ]

    def _candidates(self, place: str) -> tuple[Candidate, ...]:
        folder = self._folder / place
        result = read(folder, Job.from_json(json.loads((folder / "job.json").read_text())))
        if result is None:
            raise damaged(folder / "done.safetensors")
        return candidates_of(self._state, result)

    def _narrowed(self, candidate: Candidate) -> Candidate:
        """A network without the width that only its stack had."""
        model = candidate.member.model
        if model is None:
            return candidate
        _, _, data = self._state.ready
        outputs = resolve(self._state.recipe.training.loss, self._state.task, data.n_classes).n_outputs(
            data.n_classes
        )
        wide, own = (Layout(network_of(each, data.shape, outputs)) for each in (candidate.model, dict(model)))
        fit = replace(candidate.fit, row=wide.own_row(candidate.fit.row, own))
        return replace(candidate, model=dict(model), fit=fit)


FIRST_ID = 1000
FOLDS_A_TRIAL = 1000
"""Networks of one trial have ids in one thousand, by the number of the fold."""


def network_id(trial: int, fold: int) -> int:
    """The id of a trial's network for a fold, which keys its randomness.

    >>> network_id(0, -1), network_id(2, 4)
    (1000, 3004)
    """
    return FIRST_ID + FOLDS_A_TRIAL * trial + max(fold, 0)


def trial_of(id_: int) -> int:
    """The way back from :func:`network_id`.

    >>> trial_of(network_id(7, 3))
    7
    """
    return (id_ - FIRST_ID) // FOLDS_A_TRIAL
