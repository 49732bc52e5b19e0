"""Score a model on labelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.api.faults import machine_faults
from retemper.api.predict import load
from retemper.bundle.model import Model
from retemper.core.records import Score
from retemper.data.read import Table, read
from retemper.data.roles import check_weight
from retemper.evaluation.intervals import scores


class Evaluation(TypedDict):
    """The rows that were scored, and their metrics in the form of result.json."""

    rows: dict[str, int]
    metrics: dict[str, dict[str, Score]]


def evaluate(model: Model | str | Path, data: Any, resamples: int = 1000, seed: int = 0) -> Evaluation:
    """Every metric of the task with a 95 % bootstrap interval.

    Rows are weighted where the model was trained with a weight column and the data has it.

    Args:
        model: a model, or the path of a run or bundle folder.
        data: rows with the model's columns and its target.
        resamples: bootstrap resamples behind each interval, 100 or more.
        seed: of the bootstrap.

    Returns:
        ``{"rows": {"test": n}, "metrics": {"test": {name: Score}}}``, without the metrics that can't be computed
        on these rows.

    Raises:
        InputError: the target is absent, has gaps, or holds a label that the model does not know.

    >>> evaluate("runs/adult", "new.csv")["metrics"]["test"]["accuracy"]  # doctest: +SKIP
    Score(value=0.87, low=0.86, high=0.88)
    """
    loaded = load(model) if isinstance(model, (str, Path)) else model
    with machine_faults():
        table = read(data, loaded.target)
        y = loaded.target_codec.encode(table.frame[loaded.target])
        outputs = loaded.outputs(table.frame)
        called = None if loaded.task == "regression" else loaded.decision.codes(outputs)
        found = scores(loaded.task, y, outputs, resamples, seed, _weights(loaded, table), called)
    return {"rows": {"test": table.frame.height}, "metrics": {"test": found}}


def _weights(model: Model, table: Table) -> NDArray[np.float64] | None:
    name = model.schema.weight
    if name is None or name not in table.frame.columns:
        return None
    check_weight(table.frame[name], table.source)
    weight: NDArray[np.float64] = table.frame[name].cast(pl.Float64).to_numpy()
    return weight
