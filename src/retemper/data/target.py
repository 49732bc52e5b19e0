"""The target as the network sees it, and the way back to the target's own labels and units."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.errors import InputError, nearest
from retemper.core.prepare_options import PrepareOptions
from retemper.core.records import Task
from retemper.data.cells import as_words, first_row, of_rows, tidy
from retemper.data.kinds import demanded_numbers
from retemper.data.rewritten import read_numbers
from retemper.data.roles import class_labels
from retemper.data.scaling import Scaler
from retemper.data.schema import Schema
from retemper.data.written_numbers import Style

Floats = NDArray[np.float64]
Label = bool | int | float | str
LARGEST = 1e60
"""Of a regression target: the variance of its squared errors is still a float64."""
UNIT_QUANTILE = 0.01
"""A target's logarithm is taken in units of this quantile of its sizes: nearly all values are beyond it."""


@dataclass(frozen=True)
class Target:
    """Labels and codes of a classification, or the scale of a regression.

    ``labels`` are the classes in their own type, in the order of the codes and of the network's outputs;
    ``classes`` are ``str(label)``. ``prior`` is the training rows' class frequencies, or (mean, standard
    deviation) of a regression target in its own units. With a ``log_unit`` s > 0 the network learns
    sign(y)·log(1 + |y|/s), scaled: a logarithm where |y| is large, defined for every y. ``written``: how its numbers
    are written where they are text, such as ``$1,200``; predictions are plain numbers.
    """

    name: str
    task: Task
    labels: tuple[Label, ...]
    prior: tuple[float, ...]
    scaler: Scaler
    log_unit: float = 0.0
    written: Style | None = None

    @classmethod
    def fit(cls, series: pl.Series, schema: Schema, options: PrepareOptions) -> Target:
        """Fit on the training rows' target.

        Args:
            series: the target's cells in the training rows.
            schema: names the target, the task and the classes.
            options: ``target_scaling`` and ``target``, for regression.

        Raises:
            ValueError: the schema has no target.
            InputError: a class of the schema has no row here, or a regression target holds what is no number or above
                1e60.

        >>> from retemper.data.schema import Column
        >>> schema = Schema((), Column("y", "category", 0, 2, ""), "classification", ("1", "2"))
        >>> target = Target.fit(pl.Series("y", [2, 1, 2, 2]), schema, PrepareOptions())
        >>> target.labels, target.prior, target.encode(pl.Series("y", ["2", "1.0"])).tolist()
        ((1, 2), (0.25, 0.75), [1, 0])
        """
        if schema.target is None or schema.task is None:
            raise ValueError("the schema has no target; infer it with a target")
        cells, style = _tidy(series), schema.target.written
        if schema.task == "regression":
            y = _numbers(cells, style)
            _refuse_huge(y, schema.target.name)
            unit = _log_unit(y) if options.target == "log" else 0.0
            scaler = Scaler.fit(_logarithm(y, unit)[:, None], options.target_scaling)
            prior = (float(y.mean()), float(y.std()))
            return cls(schema.target.name, "regression", (), prior, scaler, unit, style)
        labels: tuple[Label, ...] = tuple(class_labels(cells))
        words = zip(schema.classes, as_words(pl.Series(schema.classes)), strict=True)
        there = set(as_words(cells.unique()))
        absent = [label for label, word in words if word not in there]
        if absent:
            raise InputError(
                "class_not_in_train",
                f"The class {absent[0]!r} has no row in training.",
                {"column": schema.target.name},
                "Give more rows of this class, or split with split.method=stratified.",
            )
        if cells.dtype == pl.String:
            labels = (
                schema.classes
            )  # which spelling stands for a class does not depend on the rows that train
        unscaled = Scaler.fit(np.empty((1, 0)), "none")
        fitted = cls(schema.target.name, "classification", labels, (), unscaled)
        shares = np.bincount(fitted.encode(cells), minlength=len(labels)) / len(cells)
        return cls(fitted.name, fitted.task, labels, tuple(shares.tolist()), unscaled)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels as text; empty for regression."""
        return tuple(map(str, self.labels))

    def encode(self, series: pl.Series) -> NDArray[Any]:
        """Class codes, int64 [rows], or raw values, float64 [rows].

        Labels are compared as text, so that 1, "1" and 1.0 are one and the same.

        Raises:
            InputError: ``target_gaps``, ``unknown_class``, ``not_a_number`` or ``infinite_value``, with the row.
        """
        cells = _tidy(series)
        if cells.null_count():
            row = first_row(cells.is_null())
            raise InputError(
                "target_gaps",
                f"The target {self.name!r} is missing in {of_rows(cells.null_count())}, first in row {row}.",
                {"column": self.name, "row": row},
                "Fill the cells or take the rows out; NA, ? and none count as missing.",
            )
        if self.task == "regression":
            return _numbers(cells, self.written)
        words = as_words(cells)
        known = as_words(pl.Series([*self.labels]))
        codes = words.cast(pl.Enum(known), strict=False).to_physical()
        if codes.null_count():
            row = first_row(codes.is_null())
            raise InputError(
                "unknown_class",
                f"The class {words[row - 1]!r} was not in the training data; {nearest(words[row - 1], [*known])}",
                {"column": self.name, "row": row},
                "Correct the label, take the row out, or train again with rows of this class.",
            )
        return codes.to_numpy().astype(np.int64)

    def decode(self, codes: NDArray[np.int64]) -> NDArray[Any]:
        """The labels, in their own type, of class codes [rows].

        >>> Target("y", "classification", ("a", "b"), (), Scaler.fit(np.empty((1, 0)), "none")).decode(
        ...     np.array([1, 0])).tolist()
        ['b', 'a']
        """
        own: NDArray[Any] = np.array(self.labels)[codes]
        return own

    def scale(self, y: Floats) -> Floats:
        """A regression target [rows] as the network learns it."""
        return self.scaler.apply(_logarithm(np.asarray(y, dtype=np.float64), self.log_unit)[:, None])[:, 0]

    def unscale(self, z: Floats) -> Floats:
        """The way back from the network's output [rows] to the target's own units."""
        y = self.scaler.invert(np.asarray(z, dtype=np.float64)[:, None])[:, 0]
        if not self.log_unit:
            return y
        most = np.log1p(LARGEST / self.log_unit)  # an output far off must not become infinite
        power: Floats = np.sign(y) * self.log_unit * np.expm1(np.minimum(np.abs(y), most))
        return power

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {
            "name": self.name,
            "task": self.task,
            "labels": list(self.labels),
            "prior": list(self.prior),
            "scaler": self.scaler.to_json(),
            "log_unit": self.log_unit,
            "written": self.written and asdict(self.written),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Target:
        """The target that :meth:`to_json` wrote."""
        scaler = Scaler.from_json(data["scaler"])
        labels, prior = tuple(data["labels"]), tuple(data["prior"])
        written = data["written"] and Style(**data["written"])
        return cls(data["name"], data["task"], labels, prior, scaler, data["log_unit"], written)


def _log_unit(y: Floats) -> float:
    """The size in which a logarithm counts: the 1 % quantile of all sizes but 0; 1 where there are none."""
    sizes = np.abs(y[y != 0])
    return float(np.quantile(sizes, UNIT_QUANTILE)) if len(sizes) else 1.0


def _logarithm(y: Floats, unit: float) -> Floats:
    """sign(y)·log(1 + |y|/unit); y itself where the unit is 0.

    >>> _logarithm(np.array([0.0, 9.0, -99.0]), 1.0).round(3).tolist()
    [0.0, 2.303, -4.605]
    """
    if not unit:
        return y
    logs: Floats = np.sign(y) * np.log1p(np.abs(y) / unit)
    return logs


def _refuse_huge(y: Floats, name: str) -> None:
    if np.abs(y).max(initial=0.0) > LARGEST:
        row = int(np.abs(y).argmax())
        raise InputError(
            "huge_target",
            f"The target {name!r} holds {y[row]:.4g}: errors of that size can't be squared.",
            {"column": name},
            "Give the target in a larger unit, or correct the cell; logarithms may suit it better.",
        )


def _tidy(series: pl.Series) -> pl.Series:
    return tidy(series.to_frame()).to_series()


def _numbers(cells: pl.Series, style: Style | None) -> Floats:
    if style is not None:
        cells = read_numbers(cells.to_frame(), {cells.name: style}).to_series()
    return demanded_numbers(cells).to_numpy()
