"""Racing: every trial trains on a few folds; who is behind beyond doubt is spared the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retemper.core.errors import InputError
from retemper.core.options import Options as BaseOptions
from retemper.search.fidelities import Extent
from retemper.search.study import Plan, Study
from retemper.search.trials import Order, Trial, ranked


class Options(BaseOptions):
    """Racing over folds (Maron & Moore 1994; F-race, Birattari et al. 2002), by a moderated paired test.

    Use when curves mislead, so that every network has to train in full; avoid without folds, and with few trials.
    """

    first_folds: int = Field(2, ge=2, description="that every trial trains on")
    step_folds: int = Field(1, ge=1, description="that who is left trains on before the next test")
    alpha: float = Field(
        0.05, gt=0, lt=0.5, description="probability of sparing a trial wrongly, in each round"
    )


def plan(options: Options, study: Study, extent: Extent) -> Plan:
    """Batches of trials, each raced against the best one so far, until the sampler has no more.

    Raises:
        InputError: ``no_folds_to_race``.
    """
    from retemper.search.fold_test import far_behind  # SciPy's statistics, for which a recipe need not wait

    if len(extent.folds) <= options.first_folds:
        raise InputError(
            "no_folds_to_race",
            f"Racing needs more than {options.first_folds} folds, but there are {len(extent.folds)}.",
            {"option": "tune.fidelity.first_folds"},
            "Set tune.folds higher, or take another fidelity (halving, full).",
        )
    champion: Trial | None = None
    while left := study.ask(extent.batch):
        done: tuple[int, ...] = ()
        for folds in rounds_of(extent.folds, options.first_folds, options.step_folds):
            yield [Order(trial.number, trial.values, extent.epochs, folds) for trial in left]
            done += folds
            left = [study.trials[trial.number] for trial in left]
            racing = [*left, champion] if champion else left
            # More draws of the folds leave no fewer training rows in common.
            parts = len(extent.folds) // extent.repeats
            behind = far_behind(_losses(racing, done), parts, options.alpha)
            left = [trial for trial, far in zip(left, behind, strict=False) if not far]
            if not left:
                break
        champion = next(
            (trial for trial in ranked([*left, *([champion] if champion else [])]) if trial.sound), None
        )


def rounds_of(folds: tuple[int, ...], first: int, step: int) -> list[tuple[int, ...]]:
    """The folds of each round.

    >>> rounds_of((0, 1, 2, 3, 4), 2, 2)
    [(0, 1), (2, 3), (4,)]
    """
    return [folds[:first], *(folds[k : k + step] for k in range(first, len(folds), step))]


def _losses(trials: list[Trial], folds: tuple[int, ...]) -> NDArray[np.float64]:
    return np.array([[_of_fold(trial, fold) for fold in folds] for trial in trials])


def _of_fold(trial: Trial, fold: int) -> float:
    return trial.last.losses.get(fold, float("nan")) if trial.last else float("nan")
