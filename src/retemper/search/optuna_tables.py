"""Trials as rows of Optuna's tables, so that many can be written at once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from retemper.core.errors import InputError
from retemper.core.records import to_json
from retemper.search.space import Interval, Space

Entries = dict[Any, list[dict[str, Any]]]
"""Rows by table."""
State = Literal["running", "complete", "pruned", "fail"]
COLUMNS = {
    "trials": {"trial_id", "number", "study_id", "state", "datetime_start", "datetime_complete"},
    "trial_params": {"param_id", "trial_id", "param_name", "param_value", "distribution_json"},
    "trial_values": {"trial_value_id", "trial_id", "objective", "value", "value_type"},
    "trial_intermediate_values": {
        "trial_intermediate_value_id",
        "trial_id",
        "step",
        "intermediate_value",
        "intermediate_value_type",
    },
    "trial_user_attributes": {"trial_user_attribute_id", "trial_id", "key", "value_json"},
}
"""The tables that are written to here, and all their columns."""


@dataclass(frozen=True)
class Row:
    """A trial as Optuna keeps it.

    Args:
        number: in the study, from 0.
        values: its parameters.
        state: ``running`` while it may be trained on.
        loss: what is minimised; not finite: there is none.
        curve: intermediate values, one an epoch.
        attributes: Optuna's user attributes, JSON data.
        seconds: of training.
    """

    number: int
    values: Mapping[str, Any]
    state: State
    loss: float = math.nan
    curve: Sequence[float] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


class Tables:
    """The tables of the installed Optuna, and how a study's trials look in them.

    Args:
        space: the ranges of the parameters.

    Raises:
        InputError: ``unknown_optuna``.
    """

    def __init__(self, space: Space) -> None:
        from optuna.storages._rdb import models

        self._models, self._space = models, space
        self._distributions: dict[Any, tuple[Any, str]] = {}
        _check(models.BaseModel.metadata.tables)

    @property
    def trials(self) -> Any:
        """One row a trial."""
        return self._models.TrialModel.__table__

    @property
    def parts(self) -> list[Any]:
        """What belongs to a trial: parameters, value, intermediate values, attributes."""
        return list(self.parts_of([], {}))

    def trial_of(self, row: Row, study: int) -> dict[str, Any]:
        """The row of a trial, its id left out."""
        from optuna.trial import TrialState

        # Before its fifth version Optuna kept local times.
        in_utc = hasattr(self._models.TrialModel, "_datetime_start_utc")
        here = (datetime.now(UTC) if in_utc else datetime.now()).replace(tzinfo=None)
        return {
            "number": row.number,
            "study_id": study,
            "state": TrialState[row.state.upper()],
            "datetime_start": here - timedelta(seconds=row.seconds),
            "datetime_complete": None if row.state == "running" else here,
        }

    def parts_of(self, rows: Iterable[Row], ids: Mapping[int, int]) -> Entries:
        """What belongs to trials; ``ids``: the database's id of each number."""
        models = self._models
        found: Entries = {
            models.TrialParamModel.__table__: (parameters := []),
            models.TrialValueModel.__table__: (losses := []),
            models.TrialIntermediateValueModel.__table__: (curves := []),
            models.TrialUserAttributeModel.__table__: (attributes := []),
        }
        finite = models.TrialValueModel.TrialValueType.FINITE
        for row in rows:
            own = {"trial_id": ids[row.number]}
            parameters += [own | self._parameter(path, value) for path, value in row.values.items()]
            if math.isfinite(row.loss) and row.state != "running":
                losses.append(own | {"objective": 0, "value": row.loss, "value_type": finite})
            curves += [own | self._step(epoch, value) for epoch, value in enumerate(row.curve, start=1)]
            attributes += [
                own | {"key": key, "value_json": json.dumps(to_json(value))}
                for key, value in row.attributes.items()
            ]
        return found

    def _step(self, epoch: int, value: float) -> dict[str, Any]:
        model = self._models.TrialIntermediateValueModel
        stored, kind = model.intermediate_value_to_stored_repr(value)
        return {"step": epoch, "intermediate_value": stored, "intermediate_value_type": kind}

    def _parameter(self, path: str, value: Any) -> dict[str, Any]:
        word = _word(value)
        distribution, text = self._distribution(path, word)
        return {
            "param_name": path,
            "param_value": float(distribution.to_internal_repr(word)),
            "distribution_json": text,
        }

    def _distribution(self, path: str, value: Any) -> tuple[Any, str]:
        """The range of a parameter; one that the value lies outside of is made to reach as far."""
        from optuna.distributions import distribution_to_json

        axis = self._space.axes.get(path)
        if isinstance(axis, Interval):
            inside = not isinstance(value, str) and axis.low <= value <= axis.high
        else:
            inside = axis is not None and value in map(_word, axis.values)
        key = path if inside else (path, value)
        if key not in self._distributions:
            made = _reaching(axis, value)
            self._distributions[key] = made, distribution_to_json(made)
        return self._distributions[key]


def _reaching(axis: Any, value: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(axis, Interval) and not isinstance(value, str):
        low, high = min(axis.low, value), max(axis.high, value)
        if axis.integer:
            return IntDistribution(int(low), int(high), log=axis.log)
        return FloatDistribution(low, high, log=axis.log)
    words = () if axis is None or isinstance(axis, Interval) else tuple(map(_word, axis.values))
    return CategoricalDistribution(words if value in words else (*words, value))


def _word(value: Any) -> Any:
    """A value that Optuna keeps in a choice; a list becomes its JSON."""
    return value if isinstance(value, str | int | float | None) else json.dumps(to_json(value))


def _check(tables: Mapping[str, Any]) -> None:
    for name, columns in COLUMNS.items():
        if name not in tables or {column.name for column in tables[name].columns} != columns:
            raise InputError(
                "unknown_optuna",
                f"The installed Optuna keeps trials in another way: its table {name!r} is not as expected.",
                {"package": "optuna"},
                "Install the version that is known to do: pip install 'optuna<6'.",
            )
