"""The opened test rows, answered by the model and the baselines window by window: few rows are prepared at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.data.split import groups_of
from retemper.evaluation.baselines import BaselineRows
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
    parts = [
        _window(state, model, state.table.frame[rows[start : start + WINDOW_ROWS]])
        for start in range(0, len(rows), WINDOW_ROWS)
    ]
    names, ends = state.baselines, [part.ends for part in parts if part.ends is not None]
    group = state.schema.group
    return Answers(
        np.concatenate([part.y for part in parts]),
        np.concatenate([part.weight for part in parts]),
        groups_of(pl.concat([part.groups for part in parts]), state.table.source) if group else None,
        np.concatenate([part.outputs for part in parts]),
        np.concatenate(ends) if ends else None,
        {name: np.concatenate([part.predicted[name] for part in parts]) for name in names},
    )


@dataclass(frozen=True)
class _Window:
    y: NDArray[Any]
    weight: NDArray[np.float32]
    groups: pl.Series
    outputs: Floats
    ends: Floats | None
    predicted: dict[str, Floats]


def _window(state: State, model: Model, frame: pl.DataFrame) -> _Window:
    against: BaselineRows = rows_of(state, frame)
    intervals, coverage = model.decision.intervals, model.decision.coverage
    promised = intervals is not None and allows(intervals.quantiles, coverage)
    return _Window(
        state.ready[1].encode(frame[model.target]),
        weights(state.schema, frame),
        frame[state.schema.group] if state.schema.group else pl.Series(),
        model.outputs(frame),
        model.predict_interval(frame) if promised else None,
        {name: baseline.predict(against) for name, baseline in state.baselines.items()},
    )
