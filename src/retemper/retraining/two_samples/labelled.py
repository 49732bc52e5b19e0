"""The rows of two samples whose target is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.records import NotApplicable
from retemper.data.cells import as_numbers, as_words
from retemper.retraining.two_samples.monte_carlo import Floats
from retemper.retraining.two_samples.samples import OUTPUT_NAME, TwoSamples, levels_of


@dataclass(frozen=True)
class Labelled:
    """Rows with their target: numbers of classes or values [N], side [N], and the model's outputs [N, C].

    ``codes``: the output that speaks of each row's class [N], -1 where the model does not know it; None: there are no
    classes, or no model.
    """

    name: str
    values: Floats
    is_current: NDArray[np.bool_]
    outputs: Floats | None
    codes: NDArray[np.int64] | None = None

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
        codes = None if outputs is None or samples.task == "regression" else _codes(samples)[there]
        return cls(samples.labels.name, values[there], is_current, outputs, codes)


def _codes(samples: TwoSamples) -> NDArray[np.int64]:
    assert samples.labels is not None
    place = {name.removeprefix(OUTPUT_NAME): at for at, name in enumerate(samples.output_names)}
    words = as_words(samples.labels)
    return words.replace_strict(place, default=-1, return_dtype=pl.Int64).to_numpy()
