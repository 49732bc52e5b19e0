"""The last things of a challenger: its intervals and sets, and its way through the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.core.gate_records import Gate
from retemper.data.inputs import Inputs
from retemper.evaluation.conformal import LEAST_ROWS, Quantiles, class_scores, fit_intervals
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import features_of, kinds_for
from retemper.evaluation.metrics import main_metric
from retemper.evaluation.paired_metrics import PairedRows
from retemper.retraining.gate import gate
from retemper.retraining.gate_models import cost_of, slices_of
from retemper.retraining.gate_options import GateOptions
from retemper.retraining.gate_tests import LIKELY, better, no_harm
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.in_spells import spells_of
from retemper.retraining.sight import groups_in
from retemper.retraining.stacks import Trained


def with_decision(ground: Ground, trained: Trained) -> Model:
    """The challenger with prediction sets or intervals of its own errors on rows that its networks have not seen.

    A threshold and costs stay what they were: they say what predictions are used for. A threshold is for two classes
    and goes where there are more now.
    """
    model, before = trained.model, ground.champion.decision
    weight = ground.weight_new if model.schema.weight else None
    if model.task == "classification":
        grew = bool(ground.means.new_classes)
        sets = None
        if len(ground.y_new) >= LEAST_ROWS:
            sets = Quantiles.of(class_scores(trained.new, ground.y_new), weight)
        threshold, costs = (None, None) if grew else (before.threshold, before.costs)
        return replace(model, decision=Decision(threshold, sets, None, before.coverage, costs))
    if len(ground.y_new) < LEAST_ROWS:
        return replace(model, decision=Decision(coverage=before.coverage))
    lessons = (ground.warm if model.preparer is ground.warm.model.preparer else ground.fresh).lessons
    count = len(ground.y_new)
    encoded = model.preparer.encoded(Inputs(lessons.dense[:count], lessons.codes[:count]))
    features = features_of(encoded, trained.new, np.zeros(count))
    residual = ground.y_new - trained.new
    kinds = tuple(kind for kind in kinds_for(features, residual) if kind != "boosted")
    intervals, _ = fit_intervals(residual, features, before.coverage, ground.options.seed, weight, kinds)
    return replace(model, decision=Decision(intervals=intervals, coverage=before.coverage))


def judged(ground: Ground, challenger: Model, honest: tuple[Floats, Floats]) -> Gate:
    """Champion against challenger.

    Args:
        ground: the rows.
        challenger: as it would be in force.
        honest: what it says of each new row, and of each old one that judges, where neither training nor choosing has
            seen the row.

    Where neighbouring rows go together, their order tells of the present what rows out of it can't: then the new ones
    judge alone, in batches (in_spells.py).
    """
    options = ground.options
    rules = {
        "metric": options.metric,
        "margin_points": options.margin_points,
        "strict": options.gate == "strict",
    }
    rows, past = sides(ground, honest)
    single = replace(past, weight=ground.plain_weight_old)
    gain = ground.losses_new(ground.said_new) - ground.losses_new(honest[0])
    spells = spells_of(ground.new, ground.champion.schema, ground.y_new, gain, options.seed)
    named = slices_of(ground.champion, ground.new, options.slices)
    counted = ground.weight_new > 0
    present, both = rows.paired(ground, challenger), None
    if spells is not None:
        present = replace(present, group=spells[counted])
    elif ground.alike.any():
        both = rows.below(single, ground.alike).paired(ground, challenger)
    return gate(
        present,
        past.paired(ground, challenger) if len(past.y) else None,
        {name: inside[counted] for name, inside in named.items()},
        ([cost_of(ground.champion)], [cost_of(challenger)]),
        ground.concept_drift,
        GateOptions.checked(rules),
        both,
    )


def serves_both(ground: Ground, runs: Sequence[Trained]) -> bool:
    """Whether one model serves new rows and old ones, though concept drift is seen.

    Inputs may go to where the champion knows little; then the same answers have other targets, yet one law holds, and
    who learns it from both sides need not forget. So where a run that met both is proved better on new rows and is not
    even likely to be worse on old ones, a model that forgets them is no cure to choose.

    Args:
        ground: the rows.
        runs: that met rows of both sides.
    """
    if not len(ground.y_old):
        return False
    metric = ground.options.metric or main_metric(ground.grown.task)
    for own in runs:
        new, old = (side.paired(ground, own.model) for side in sides(ground, (own.new, own.old)))
        better_on_new = better(metric, new, GateOptions().alpha).passed
        if better_on_new and no_harm("old", metric, old, LIKELY).passed:
            return True
    return False


def sides(ground: Ground, said: tuple[Floats, Floats]) -> tuple[Side, Side]:
    """New rows, and old ones that judge, with what the champion and another model say of them."""
    new, old = said
    return (
        Side(ground.new, ground.y_new, ground.weight_new, (ground.said_new, new)),
        Side(ground.past.judges, ground.y_old, ground.weight_old, (ground.said_old, ground.among_known(old))),
    )


@dataclass(frozen=True, eq=False)
class Side:
    """Labelled rows, and what champion and challenger say of them.

    Args:
        frame: the rows.
        y: class codes, or values.
        weight: of each row.
        said: by the champion and by the challenger, in the grown order of classes.
    """

    frame: pl.DataFrame
    y: NDArray[Any]
    weight: Floats
    said: tuple[Floats, Floats]

    def below(self, other: Side, rows: NDArray[np.bool_]) -> Side:
        """With some rows of another side, each of which counts like one of these."""
        first, second = (
            np.concatenate([own, more[rows]]) for own, more in zip(self.said, other.said, strict=True)
        )
        return Side(
            pl.concat([self.frame, other.frame.filter(rows)], how="diagonal_relaxed"),
            np.concatenate([self.y, other.y[rows]]),
            np.concatenate([self.weight, other.weight[rows]]),
            (first, second),
        )

    def paired(self, ground: Ground, challenger: Model) -> PairedRows:
        """As the gate takes them."""
        calls = None
        if ground.grown.task == "classification":
            # Codes are of the grown order of classes, in which a model of a new search need not be.
            alike = challenger.classes == ground.grown.classes
            called = challenger.decision.codes(self.said[1]) if alike else self.said[1].argmax(axis=1)
            calls = ground.champion.decision.codes(self.said[0]), called
        group = groups_in(ground.champion, self.frame)
        return PairedRows.of(ground.grown.task, self.y, *self.said, calls, self.weight, group)
