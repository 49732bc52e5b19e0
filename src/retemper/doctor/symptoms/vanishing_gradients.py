"""Gradients that shrink from the last layer to the first, so that the first ones hardly learn."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("another_activation", "normalise_layers")


class Options(Base):
    """Thresholds; a ratio of 1e-3 is AutoTrainer's."""

    ratio: float = Field(1e-3, gt=0, description="gradient per weight, first layer / last layer, median of the looks")
    layers: int = Field(3, ge=2, description="layers of weights that a judgement needs")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the gradients' norms by layer.

    Raises:
        NotApplicable: the training was not watched, or the network has too few layers.
    """
    signals = need(case.signals, "signals")
    if signals.gradients.shape[1] < options.layers or not len(signals.gradients):
        raise NotApplicable("the network has too few layers to compare gradients of")
    norms = np.nanmedian(signals.gradients, axis=0)
    ratio = float(norms[0] / max(norms[-1], 1e-300))
    if ratio >= options.ratio or norms[-1] == 0:
        return None
    message = f"The first layer's gradient is {ratio:.1e} of the last one's: little of the error reaches the first layers."
    evidence = {"ratio": ratio, "ratio_threshold": options.ratio, "first": float(norms[0]), "last": float(norms[-1])}
    return Finding("vanishing_gradients", "warning", 0.85, message, evidence, REMEDIES)
