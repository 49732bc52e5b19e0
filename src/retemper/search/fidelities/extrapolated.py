"""Stopping by extrapolated curve: who is on the way to a worse end than the best trains no further.

A curve is of the loss that a trial's best epoch is chosen by (``Evaluation.curves``), and is compared with curves of
the same quantity alone: another loss, or a target on another scale, has its own best.
"""

from __future__ import annotations

import math

from pydantic import Field

from retemper.core.options import Options as BaseOptions
from retemper.search.distributions import key_of
from retemper.search.fidelities import Extent
from retemper.search.study import Plan, Study
from retemper.search.trials import Order, Trial

Curve = list[float]
SCALES = ("training.loss.", "prepare.")
"""What decides the quantity of a curve; smoothing does not, since validation is without."""


class Options(BaseOptions):
    """Extrapolated learning curves (Domhan et al. 2015), by an ensemble of laws that abstains (``search.extrapolate``).

    Use when slow starters may win, so that ranks at an early epoch mislead, but curves are smooth; avoid with patience
    of a few epochs, which ends bad trials by itself.
    """

    first_share: float = Field(0.25, gt=0, lt=1, description="part of the epochs before the first look")
    looks: int = Field(3, ge=1, le=20, description="at even distances from there to the end")
    least_chance: float = Field(
        0.05, gt=0, lt=0.5, description="a trial with a smaller chance of ending below the best is stopped"
    )


def plan(options: Options, study: Study, extent: Extent) -> Plan:
    """Batches of trials, looked at between their stretches of training, until the sampler has no more."""
    stretches = looks_of(extent.epochs, options.first_share, options.looks)
    while left := study.ask(extent.batch):
        for until in stretches:
            yield [Order(trial.number, trial.values, until, extent.folds) for trial in left]
            left = _may_win(
                study, [study.trials[trial.number] for trial in left], until, extent.epochs, options
            )
            if not left:
                break


def _may_win(study: Study, trials: list[Trial], until: int, epochs: int, options: Options) -> list[Trial]:
    """Those with a chance to end below the lowest curve of their kind so far, or of which nothing can be told."""
    from retemper.search.extrapolate import Forecast, forecast  # NumPy, for which a recipe need not wait

    lowest: dict[str, float] = {}
    for trial in study.trials.values():
        if curve := curve_of(trial):
            lowest[kind_of(trial)] = min(lowest.get(kind_of(trial), math.inf), *curve)
    going = []
    for trial in trials:
        curve, best = curve_of(trial), lowest.get(kind_of(trial), math.inf)
        # A shorter curve is that of a trial that patience has ended: going on costs nothing.
        told = (
            forecast(curve, epochs) if until == len(curve) and until < epochs and min(curve) > best else None
        )
        stopped = isinstance(told, Forecast) and told.beats(best) < options.least_chance
        if trial.sound and not stopped:
            going.append(trial)
    return going


def looks_of(epochs: int, first_share: float, looks: int) -> list[int]:
    """After how many epochs the trials are looked at; the last is the end.

    >>> looks_of(30, 0.25, 3), looks_of(3, 0.25, 3)
    ([8, 15, 23, 30], [1, 2, 3])
    """
    first = math.ceil(first_share * epochs)
    return sorted({first + round(k * (epochs - first) / looks) for k in range(looks + 1)})


def kind_of(trial: Trial) -> str:
    """What trials share whose curves are of one quantity.

    >>> kind_of(Trial(0, {"training.loss.label_smoothing": 0.1})) == kind_of(Trial(1, {"model.width": 64}))
    True
    """
    deciding = {
        path: value
        for path, value in trial.values.items()
        if f"{path}.".startswith(SCALES) and not path.endswith("label_smoothing")
    }
    return key_of(deciding)


def curve_of(trial: Trial) -> Curve:
    """The mean over the folds, as far as all of them go; empty of a trial without a finite loss."""
    if trial.last is None or not trial.sound:
        return []
    curves = trial.last.curves.values()
    return [math.fsum(losses) / len(losses) for losses in zip(*curves, strict=False)]
