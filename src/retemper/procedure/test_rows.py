"""The opened test rows, answered by the model and the baselines window by window: few rows are prepared at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.data.whole_units import groups_of
from retemper.procedure.baselines import rows_of
from retemper.procedure.book import State
from retemper.procedure.decide import allows
from retemper.procedure.prepare import weights

Floats = NDArray[np.float64]
WINDOW_ROWS = 32_768


@dataclass(frozen=True)
class Answers:
    """What there is to score.

    Args:
        y: codes or values in the target's units [N].
        weight: sample weights [N]; ones where none are named.
        group: a number for each row's group [N]; None: rows are independent.
        outputs: the model's probabilities [N, C] or values [N].
        ends: low and high of its prediction intervals [N, 2]; None: it has none, or not of the coverage that is wanted.
        predicted: the same as ``outputs`` by each baseline.
    """

    y: NDArray[Any]
    weight: NDArray[np.float32]
    group: NDArray[np.int64] | None
    outputs: Floats
    ends: Floats | None
    predicted: dict[str, Floats]


def answered(state: State, model: Model, rows: NDArray[np.int64]) -> Answers:
    """Ask the model and the baselines about rows of the table.

    Args:
        state: with the target, the baselines and the table.
        model: that is tested.
        rows: numbers in the table, ascending; at least one.
    """
    found: dict[str, NDArray[Any]] = {}
    groups = []
    for start in range(0, len(rows), WINDOW_ROWS):
        frame = state.table.frame[rows[start : start + WINDOW_ROWS]]
        for name, own in _answers(state, model, frame):
            # Probabilities of many classes are large: windows that are joined in the end would take the room twice.
            whole = found.setdefault(name, np.empty((len(rows), *own.shape[1:]), dtype=own.dtype))
            whole[start : start + len(own)] = own
        groups += [frame[state.schema.group]] if state.schema.group else []
    return Answers(
        found["y"],
        found["weight"],
        groups_of(pl.concat(groups), state.table.source) if groups else None,
        found["outputs"],
        found.get("ends"),
        {name: found[f"by {name}"] for name in state.baselines},
    )


def _answers(state: State, model: Model, frame: pl.DataFrame) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "y", state.ready[1].encode(frame[model.target])
    yield "weight", weights(state.schema, frame)
    yield "outputs", model.outputs(frame)
    intervals, coverage = model.decision.intervals, model.decision.coverage
    if intervals is not None and allows(intervals.quantiles, coverage):
        yield "ends", model.predict_interval(frame)
    against = rows_of(state, frame)
    for name, baseline in state.baselines.items():
        yield f"by {name}", baseline.predict(against)
