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
from retemper.core.errors import InputError, nearest
from retemper.core.records import Score
from retemper.data.read import Table
from retemper.data.rewritten import read_for
from retemper.data.roles import check_weight
from retemper.data.whole_units import groups_of


class How(TypedDict):
    """How it was scored.

    ``called``: how classes are called, ``{"by": "likeliest" | "threshold" | "costs", …}``; None for a regression.
    ``weight`` and ``group``: the columns that weigh the rows and say which vary together; None where there is none.
    """

    called: dict[str, Any] | None
    weight: str | None
    group: str | None


class Evaluation(TypedDict):
    """The rows that were scored, their metrics in the form of result.json, and how they were scored."""

    rows: dict[str, int]
    metrics: dict[str, dict[str, Score]]
    how: How


def evaluate(model: Model | str | Path, data: Any, resamples: int = 1000, seed: int = 0) -> Evaluation:
    """Every metric of the task with a 95 % interval.

    Rows are weighted where the model was trained with a weight column and the data has it; likewise rows of one group
    vary together, which makes the intervals wider. Classes are called as :meth:`Model.predict` calls them: by the
    model's threshold or costs where it has one; with costs, ``cost`` is what a row costs on average.

    Args:
        model: a model, the path of a run or bundle folder, or ``name[@version]`` of the registry.
        data: rows with the model's columns and its target.
        resamples: bootstrap resamples behind each interval, 100 or more.
        seed: of the bootstrap.

    Returns:
        ``{"rows": {"test": n}, "metrics": {"test": {name: Score}}, "how": …}``, without the metrics that can't be
        computed on these rows.

    Raises:
        InputError: the target is absent, has gaps, or holds a label that the model does not know; a group has gaps.

    >>> evaluate("runs/adult", "new.csv")["metrics"]["test"]["accuracy"]  # doctest: +SKIP
    Score(value=0.87, low=0.86, high=0.88)
    """
    loaded = load(model) if isinstance(model, (str, Path)) else model
    with machine_faults():
        table = read_for(data, loaded.schema)
        _check_target(loaded.target, table)
        y = loaded.target_codec.encode(table.frame[loaded.target])
        outputs = loaded.outputs(table.frame)
        weight, group = _weights(loaded, table), _groups(loaded, table)
        found = loaded.decision.scores(loaded.task, y, outputs, resamples, seed, weight, group)
    how: How = {
        "called": loaded.decision.said(loaded.classes) if loaded.classes else None,
        "weight": None if weight is None else loaded.schema.weight,
        "group": None if group is None else loaded.schema.group,
    }
    return {"rows": {"test": table.frame.height}, "metrics": {"test": found}, "how": how}


def _check_target(target: str, table: Table) -> None:
    columns = table.frame.columns
    if target not in columns:
        raise InputError(
            "missing_target",
            f"There is no column {target!r} to score the predictions by; {nearest(target, columns)}",
            {"file": table.source, "column": target},
            "Give rows with the target's column; without it, `retemper predict` predicts.",
        )


def _weights(model: Model, table: Table) -> NDArray[np.float64] | None:
    name = model.schema.weight
    if name is None or name not in table.frame.columns:
        return None
    check_weight(table.frame[name], table.source)
    weight: NDArray[np.float64] = table.frame[name].cast(pl.Float64).to_numpy()
    return weight


def _groups(model: Model, table: Table) -> NDArray[np.int64] | None:
    name = model.schema.group
    if name is None or name not in table.frame.columns:
        return None
    return groups_of(table.frame[name], table.source)
