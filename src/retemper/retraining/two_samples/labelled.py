"""The rows of two samples whose target is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import NotApplicable
from retemper.data.cells import as_numbers
from retemper.retraining.two_samples.monte_carlo import Floats
from retemper.retraining.two_samples.samples import TwoSamples, levels_of


@dataclass(frozen=True)
class Labelled:
    """Rows with their target: numbers of classes or values [N], side [N], and the model's outputs [N, C]."""

    name: str
    values: Floats
    is_current: NDArray[np.bool_]
    outputs: Floats | None

    @classmethod
    def of(cls, samples: TwoSamples) -> Labelled:
        """The labelled rows.

        Raises:
            NotApplicable: the target is not known, or is missing in all rows of a side.
        """
        if samples.labels is None:
            raise NotApplicable("the target is not there on both sides")
        if samples.task == "regression":
            values = as_numbers(samples.labels).to_numpy()
            there = ~np.isnan(values)
        else:
            values = levels_of(samples.labels).astype(np.float64)
            there = values >= 0
        is_current = samples.is_current[there]
        if is_current.all() or not is_current.any():
            raise NotApplicable("the target is missing in every row of a side")
        outputs = None if samples.outputs is None else samples.outputs[there]
        return cls(samples.labels.name, values[there], is_current, outputs)
