"""Trials as rows of Optuna's tables, so that many can be written at once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from retemper.core.records import to_json
from retemper.search.space import Interval, Space

Entries = dict[str, list[dict[str, Any]]]
"""Rows by the name of their table."""
State = Literal["running", "complete", "pruned", "fail"]
REVISION = "v3.2.0.a"
"""Optuna's name of these tables, the same since its version 3.2."""
IN_UTC = 5
"""Optuna keeps times in UTC since this version, and as the clock on the wall says before."""
COLUMNS = {
    "trials": ("number", "study_id", "state", "datetime_start", "datetime_complete"),
    "trial_params": ("trial_id", "param_name", "param_value", "distribution_json"),
    "trial_values": ("trial_id", "objective", "value", "value_type"),
    "trial_intermediate_values": ("trial_id", "step", "intermediate_value", "intermediate_value_type"),
    "trial_user_attributes": ("trial_id", "key", "value_json"),
}
"""The tables that are written to here, and their columns but the key, which the database gives."""
PARTS = tuple(COLUMNS)[1:]
"""What belongs to a trial: parameters, value, intermediate values, attributes."""


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
    """How a study's trials look in Optuna's tables.

    Args:
        space: the ranges of the parameters.

    >>> tables = Tables(Space({"rate": Interval(0.0, 1.0)}))
    >>> entries = tables.parts_of([Row(0, {"rate": 0.25}, "complete", 0.5)], {0: 7})
    >>> entries["trial_values"]
    [{'trial_id': 7, 'objective': 0, 'value': 0.5, 'value_type': 'FINITE'}]
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._distributions: dict[Any, tuple[Any, str]] = {}

    def trial_of(self, row: Row, study: int) -> dict[str, Any]:
        """The row of a trial."""
        from optuna.version import __version__

        in_utc = int(__version__.partition(".")[0]) >= IN_UTC
        here = (datetime.now(UTC) if in_utc else datetime.now()).replace(tzinfo=None)
        return {
            "number": row.number,
            "study_id": study,
            "state": row.state.upper(),
            "datetime_start": _written(here - timedelta(seconds=row.seconds)),
            "datetime_complete": None if row.state == "running" else _written(here),
        }

    def parts_of(self, rows: Iterable[Row], ids: Mapping[int, int]) -> Entries:
        """What belongs to trials; ``ids``: the database's id of each number."""
        found: Entries = {name: [] for name in PARTS}
        parameters, losses, curves, attributes = found.values()
        for row in rows:
            own = {"trial_id": ids[row.number]}
            parameters += [own | self._parameter(path, value) for path, value in row.values.items()]
            if math.isfinite(row.loss) and row.state != "running":
                losses.append(own | {"objective": 0, "value": row.loss, "value_type": "FINITE"})
            curves += [own | _step(epoch, value) for epoch, value in enumerate(row.curve, start=1)]
            attributes += [
                own | {"key": key, "value_json": json.dumps(to_json(value))}
                for key, value in row.attributes.items()
            ]
        return found

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


def _step(epoch: int, value: float) -> dict[str, Any]:
    kept = value if math.isfinite(value) else None
    kind = {"inf": "INF_POS", "-inf": "INF_NEG", "nan": "NAN"}.get(str(float(value)), "FINITE")
    return {"step": epoch, "intermediate_value": kept, "intermediate_value_type": kind}


def _written(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="microseconds")


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
