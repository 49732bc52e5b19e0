"""From two models and labelled data to what the gate takes: rows, slices, costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.core.errors import InputError, nearest
from retemper.data.dates import demanded
from retemper.data.read import Table
from retemper.data.rewritten import read_for, read_numbers, styles_of
from retemper.data.roles import check_weight
from retemper.data.whole_units import groups_of
from retemper.evaluation.bands import bands_of
from retemper.evaluation.paired_metrics import PairedRows
from retemper.models.layers.build import network_of
from retemper.models.layers.cost import multiply_adds

LEAST_ROWS = 30
"""Of a level that is a slice of its own; rarer ones are a slice together."""


def paired_rows(
    champion: Model, challenger: Model, data: Any, slices: Sequence[str] = ()
) -> tuple[PairedRows, dict[str, NDArray[np.bool_]]]:
    """Both models' outputs for labelled rows, and slices by columns.

    A class that one of the models does not know has probability 0 there. Rows are weighted and grouped by the
    champion's columns where the data have them. A column of categories gives a slice a level, one of numbers or dates
    eight ranges.

    Args:
        champion, challenger: models of one target.
        data: rows with both models' columns and the target: a path, a frame, an array, a dict of columns.
        slices: columns of the champion.

    Returns:
        (rows with weight, name of a slice → whether each of them belongs to it)

    Raises:
        InputError: models of different targets or classes, a target that is absent, a column that is not known.

    >>> from retemper import NetRegressor
    >>> x = np.linspace(-1, 1, 60)[:, None]
    >>> first, second = (NetRegressor(hidden_units=4, epochs=n, random_state=0).fit(x, x[:, 0]).model_ for n in (1, 9))
    >>> frame = pl.DataFrame({name: x[:, 0] for name in (first.schema.columns[0].name, first.target)})
    >>> paired_rows(first, second, frame)[0].rows
    60
    """
    wide = _wider(champion, challenger)
    table = read_for(data, champion.schema)
    if champion.target not in table.frame.columns:
        message = f"There is no column {champion.target!r} to compare the models by; "
        raise InputError(
            "missing_target",
            message + nearest(champion.target, table.frame.columns),
            {"file": table.source, "column": champion.target},
            "Give rows with the target's column.",
        )
    y = wide.target_codec.encode(table.frame[wide.target])
    (first, called), (second, also_called) = (
        _outputs(model, wide, table.frame) for model in (champion, challenger)
    )
    calls = (called, also_called) if wide.classes else None
    weight = _weight(champion, table)
    rows = PairedRows.of(champion.task, y, first, second, calls, weight, _group(champion, table))
    there = slice(None) if weight is None else weight > 0
    return rows, {name: inside[there] for name, inside in slices_of(champion, table.frame, slices).items()}


def cost_of(model: Model) -> float:
    """Multiply-adds of a row through all of a model's networks: its cost without a clock."""
    shape, outputs = model.shape, model.loss.n_outputs(len(model.classes))
    networks = (network_of(part.model, shape, outputs) for part in model.parts)
    return sum(multiply_adds(network, shape.width, shape.n_codes) for network in networks)


def _wider(champion: Model, challenger: Model) -> Model:
    """The one that knows the other's classes."""
    told = [(model.target, model.task) for model in (champion, challenger)]
    known = [set(model.classes) for model in (champion, challenger)]
    if told[0] != told[1] or not (known[0] <= known[1] or known[1] <= known[0]):
        said = [
            f"{task} of {target!r} {sorted(own)[:5]}" for (target, task), own in zip(told, known, strict=True)
        ]
        message = f"Models of different targets can't be compared: {said[0]} and {said[1]}."
        raise InputError("different_targets", message, None, "Give two models of one target.")
    return champion if known[1] <= known[0] else challenger


def _outputs(model: Model, wide: Model, frame: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Outputs in the wider model's order of classes, and the classes called."""
    own = model.outputs(frame)
    if model.task == "regression":
        return own, np.empty(0, dtype=np.int64)
    place = np.array([wide.classes.index(name) for name in model.classes])
    spread = np.zeros((len(own), len(wide.classes)))
    spread[:, place] = own
    return spread, place[model.decision.codes(own)]


def _weight(model: Model, table: Table) -> NDArray[np.float64] | None:
    name = model.schema.weight
    if name is None or name not in table.frame.columns:
        return None
    check_weight(table.frame[name], table.source)
    return np.asarray(table.frame[name].cast(pl.Float64).to_numpy())


def _group(model: Model, table: Table) -> NDArray[np.int64] | None:
    name = model.schema.group
    if name is None or name not in table.frame.columns:
        return None
    return groups_of(table.frame[name], table.source)


def slices_of(model: Model, rows: pl.DataFrame, columns: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Name of a slice → whether each row belongs to it: the levels or ranges of these columns of a model.

    Raises:
        InputError: ``unknown_column``.
    """
    kinds = {column.name: column.kind for column in model.schema.columns}
    unknown = [name for name in columns if name not in kinds]
    if unknown:
        message = f"The champion has no column {unknown[0]!r}; {nearest(unknown[0], list(kinds))}"
        raise InputError(
            "unknown_column", message, {"column": unknown[0]}, "Name columns that it was trained on."
        )
    frame = read_numbers(rows, styles_of(model.schema)).select(columns)
    dates = [demanded(frame[name]) for name in columns if kinds[name] == "datetime"]
    bands = bands_of(frame.with_columns(dates), {name: kinds[name] for name in columns}, LEAST_ROWS)
    return {
        condition.words: own.codes == code for own in bands for code, condition in enumerate(own.conditions)
    }
