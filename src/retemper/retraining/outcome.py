"""What came of a retraining, and the document that says so: decision.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.core.drift_records import Drift
from retemper.core.gate_records import Gate
from retemper.core.harm_records import Harm
from retemper.core.records import Score, to_json
from retemper.evaluation.metrics import main_metric
from retemper.retraining.course import Course
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.race import Candidate
from retemper.retraining.sight import groups_in

RESAMPLES = 200


@dataclass(frozen=True)
class Tried:
    """A strategy in decision.json.

    Args:
        strategy: its name.
        new, old: metric → score; None where there are no such rows.
        forgetting: of the main metric on old rows, positive when worse than the champion; None: no old rows.
        seconds: it took.
        cost: its multiply-adds, as a share of what training from scratch on all rows takes.
        note: what it was: a short run of the race, or the challenger; and what share of its way it goes, below 1.
        rate: its learning rate, as a multiple of the champion's; None: nothing was trained by gradients.
    """

    strategy: str
    new: Mapping[str, Score]
    old: Mapping[str, Score] | None
    forgetting: float | None
    seconds: float
    cost: float
    note: str
    rate: float | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a retraining.

    Args:
        model: in force from now on.
        challenger: the model that was trained; None: none was.
        drift, harm, gate: what was found.
        tried: the strategies.
        strategy: the challenger's, else ``nothing``.
        facts: what else decision.json says.
    """

    model: Model
    challenger: Model | None
    drift: Drift
    harm: Harm
    gate: Gate
    tried: Sequence[Tried] = ()
    strategy: str = "nothing"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def promoted(self) -> bool:
        """Whether the challenger is in force."""
        return self.gate.promoted

    def to_json(self, champion: str, challenger: str | None) -> dict[str, Any]:
        """The content of decision.json.

        Args:
            champion, challenger: how the models are called, such as ``churn@3``.
        """
        facts: dict[str, Any] = to_json(self.facts)
        drift = {**self.drift.to_json(), **facts.pop("drift", {})}
        return {
            "schema": 1,
            "drift": drift,
            "harm": self.harm.to_json(),
            "candidates": to_json(list(self.tried)),
            "strategy": self.strategy,
            "gate": self.gate.to_json(),
            "champion": champion,
            "challenger": challenger,
            "promoted": self.promoted,
            **facts,
        }


def tried(ground: Ground, candidate: Candidate, scratch: float, note: str) -> Tried:
    """A candidate with its scores on rows that its networks have not seen."""
    own, plan = candidate.trained, candidate.plan
    course = plan if isinstance(plan, Course) else None
    if course is not None and course.reach < 1:
        note = f"{note}, {course.reach:.0%} of its way"
    new = _scores(ground, own.model, ground.new, (ground.y_new, own.new, ground.weight_new))
    old = None
    if len(own.old):
        old = _scores(ground, own.model, ground.past.judges, (ground.y_old, own.old, ground.weight_old))
    return Tried(
        candidate.strategy,
        new,
        old,
        _forgetting(ground, candidate),
        own.seconds,
        own.work / scratch,
        note,
        None if course is None else course.rate,
    )


def _scores(
    ground: Ground, model: Model, frame: pl.DataFrame, said: tuple[NDArray[Any], Floats, Floats]
) -> dict[str, Score]:
    """Every metric of rows with their truth, what is said of them, and their weights; rows of a group vary together."""
    y, outputs, weight = said
    group = groups_in(ground.champion, frame)
    return model.decision.scores(model.task, y, outputs, RESAMPLES, ground.options.seed, weight, group)


def _forgetting(ground: Ground, candidate: Candidate) -> float | None:
    if not len(candidate.old):
        return None
    before, after = (
        float(np.average(losses, weights=ground.weight_old))
        for losses in (ground.losses_old(ground.said_old), candidate.old)
    )
    if main_metric(ground.grown.task) == "rmse":
        return float(np.sqrt(after) - np.sqrt(before))
    return after - before
