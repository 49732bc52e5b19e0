"""Gradients that shrink from the last layer to the first, so that the first ones hardly learn."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.course import DEAD, dead_share, sizes_of_gradients, skill_of

REMEDIES: tuple[str, ...] = (
    "another_activation",
    "normalise_layers",
    "residual_connections",
    "another_initialisation",
)


class Options(Base):
    """Thresholds; a ratio of 1e-3 is AutoTrainer's."""

    ratio: float = Field(
        1e-3, gt=0, description="gradient per weight, first layer / last layer, median of the looks"
    )
    poor_ratio: float = Field(
        1e-2, gt=0, description="the same where the network is no better than a constant output"
    )
    skill: float = Field(
        0.1, gt=0, lt=1, description="gain over a constant output below which nothing was learnt"
    )
    layers: int = Field(3, ge=2, description="layers of weights that a judgement needs")
    dead: float = Field(DEAD, gt=0, le=1, description="share of dead units that explains it instead")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the gradients' sizes by layer; where units are dead they are the cause, and named.

    Deep networks that learn well live with a factor of a hundred; where nothing was learnt it is a likely reason.
    A gradient of exactly nothing did not vanish on its way: the first layers are cut off, as frozen_parameters says.

    Raises:
        NotApplicable: the training was not watched, or the network has too few layers.
    """
    signals = need(case.signals, "signals")
    if signals.gradients.ndim < 2 or signals.gradients.shape[1] < options.layers:
        raise NotApplicable("the network has too few layers to compare gradients of")
    sizes = sizes_of_gradients(signals)
    ratio = float(sizes[0] / max(sizes[-1], 1e-300))
    dead = dead_share(signals)[1]
    nothing_learnt = skill_of(case) < options.skill
    limit = options.poor_ratio if nothing_learnt else options.ratio
    if ratio >= limit or 0 in (sizes[0], sizes[-1]) or dead >= options.dead:
        return None
    message = (
        f"The first layer's gradient is {ratio:.1e} of the last one's: "
        "little of the error reaches the first layers."
    )
    evidence = {
        "ratio": ratio,
        "ratio_threshold": limit,
        "first": float(sizes[0]),
        "last": float(sizes[-1]),
        "dead_threshold": options.dead,
    }
    sure = 0.85 if ratio < options.ratio else 0.65
    return Finding("vanishing_gradients", "warning", sure, message, evidence, REMEDIES)
