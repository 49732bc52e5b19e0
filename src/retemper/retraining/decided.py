"""The last things of a challenger: its intervals and sets, and its way through the gate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.core.gate_records import Gate
from retemper.data.inputs import Inputs
from retemper.data.whole_units import groups_of
from retemper.evaluation.conformal import LEAST_ROWS, Quantiles, class_scores, fit_intervals
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import features_of, kinds_for
from retemper.evaluation.paired_metrics import PairedRows
from retemper.retraining.gate import gate
from retemper.retraining.gate_models import cost_of, slices_of
from retemper.retraining.gate_options import GateOptions
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.in_spells import spells_of
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


def judged(ground: Ground, challenger: Model, new: Floats, old: Floats) -> Gate:
    """Champion against challenger.

    Args:
        ground: the rows.
        challenger: as it would be in force.
        new: what it says of each new row, where neither training nor choosing has seen the row.
        old: what it says of the old rows that judge.
    """
    options = ground.options
    rules = {
        "metric": options.metric,
        "margin_points": options.margin_points,
        "strict": options.gate == "strict",
    }
    rows = _pair(ground, challenger, (ground.y_new, ground.weight_new), (ground.said_new, new), ground.new)
    gain = ground.losses_new(ground.said_new) - ground.losses_new(new)
    spells = spells_of(ground.new, ground.champion.schema, ground.y_new, gain, options.seed)
    if spells is not None:
        rows = replace(rows, group=spells[ground.weight_new > 0])
    past = None
    if len(ground.y_old):
        said = ground.said_old, ground.among_known(old)
        past = _pair(ground, challenger, (ground.y_old, ground.weight_old), said, ground.past.judges)
    named = slices_of(ground.champion, ground.new, options.slices)
    counted = ground.weight_new > 0
    return gate(
        rows,
        past,
        {name: inside[counted] for name, inside in named.items()},
        ([cost_of(ground.champion)], [cost_of(challenger)]),
        ground.concept_drift,
        GateOptions.checked(rules),
    )


def _pair(
    ground: Ground,
    challenger: Model,
    rows: tuple[NDArray[np.float64], Floats],
    said: tuple[Floats, Floats],
    frame: object,
) -> PairedRows:
    y, weight = rows
    calls = None
    if ground.grown.task == "classification":
        # Codes are of the grown order of classes, in which a model of a new search need not be.
        alike = challenger.classes == ground.grown.classes
        called = challenger.decision.codes(said[1]) if alike else said[1].argmax(axis=1)
        calls = ground.champion.decision.codes(said[0]), called
    group = None
    name = ground.champion.schema.group
    if name is not None and name in frame.columns:  # type: ignore[attr-defined]  # a frame
        group = groups_of(frame[name], name)  # type: ignore[index]
    return PairedRows.of(ground.grown.task, y, *said, calls, weight, group)
