"""Inputs of very different or very large sizes: some columns drown the others."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("scale_inputs",)


class Options(Base):
    """Thresholds."""

    size: float = Field(15.0, gt=0, description="largest |mean| + standard deviation of a column")
    ratio: float = Field(1000.0, gt=1, description="largest / smallest size of columns that vary")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the columns' sizes; a network that normalises its inputs first is spared.

    Raises:
        NotApplicable: no training rows were given, or they have no columns of numbers.
    """
    data = need(case.data, "data")
    if not data.spreads.size:
        raise NotApplicable("the inputs are no numbers")
    if (
        case.network
        and case.network.operations
        and case.network.operations[0].name in ("batch_norm", "layer_norm", "embedding")
    ):
        return None
    sizes = np.abs(data.centres) + data.spreads
    varying = sizes[data.spreads > 0]
    size, ratio = float(sizes.max()), float(varying.max() / varying.min()) if len(varying) else 1.0
    if size < options.size and ratio < options.ratio:
        return None
    message = (
        f"The inputs' columns are of sizes up to {size:.3g}, the largest {ratio:.3g} times the "
        "smallest: scale them to mean 0 "
        "and standard deviation 1 by the training rows."
    )
    evidence = {
        "size": size,
        "size_threshold": options.size,
        "ratio": ratio,
        "ratio_threshold": options.ratio,
    }
    sure = 0.9 if size >= 20 * options.size else 0.75
    return Finding("unscaled_inputs", "warning", sure, message, evidence, REMEDIES)
