"""The target of the training rows as the choice of features sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.data.cells import as_words
from retemper.data.kinds import demanded_numbers
from retemper.data.scaling import Floats
from retemper.data.schema import Schema

Codes = NDArray[np.int64]
TARGET_BINS = 16
BINS = 32


@dataclass(frozen=True)
class Goal:
    """What features are chosen and fitted for.

    ``values`` are class codes, int64 [rows], in the order of ``labels``, or the numbers of a regression (then
    ``labels`` is empty), float64 [rows].
    """

    name: str
    labels: tuple[str, ...]
    values: NDArray[Any]

    @classmethod
    def of(cls, frame: pl.DataFrame, schema: Schema) -> Goal | None:
        """The target's column of training rows; None where the schema or the frame has none."""
        if schema.target is None or schema.target.name not in frame.columns:
            return None
        cells = frame[schema.target.name]
        if schema.task == "regression":
            return cls(schema.target.name, (), demanded_numbers(cells).to_numpy())
        words = as_words(cells)
        labels = words.unique().sort()
        codes = words.cast(pl.Enum(labels)).to_physical().to_numpy().astype(np.int64)
        return cls(schema.target.name, tuple(labels), codes)

    def taken(self, rows: Codes) -> Goal:
        """Some of the rows."""
        return Goal(self.name, self.labels, self.values[rows])

    def columns(self, most: int) -> tuple[list[str], Floats]:
        """Numbers to average: the target, the second of two classes, or up to ``most`` frequent classes, as 0 and 1.

        Returns:
            what an average is called, and float64 [rows, columns].

        >>> Goal("y", ("a", "b"), np.array([0, 1, 1])).columns(4)[0]
        ['share of y=b']
        """
        if not self.labels:
            return [f"mean of {self.name}"], self.values[:, None].astype(np.float64)
        counts = np.bincount(self.values, minlength=len(self.labels))
        chosen = np.sort(np.argsort(-counts, kind="stable")[:most]) if len(self.labels) > 2 else [1]
        names = [f"share of {self.name}={self.labels[code]}" for code in chosen]
        return names, (self.values[:, None] == np.array(chosen)).astype(np.float64)

    def averaged(self, names: Sequence[str]) -> Floats:
        """The numbers [rows, names] that :meth:`columns` calls so, whatever is frequent among these rows.

        >>> Goal("y", ("a", "b", "c"), np.array([0, 2])).averaged(["share of y=c"]).ravel().tolist()
        [0.0, 1.0]
        """
        if not self.labels:
            return self.values[:, None].astype(np.float64)
        code = {f"share of {self.name}={label}": code for code, label in enumerate(self.labels)}
        wanted = np.array([code.get(name, -1) for name in names])
        return np.asarray(self.values[:, None] == wanted, dtype=np.float64)

    def codes(self, bins: int = TARGET_BINS) -> Codes:
        """Codes [rows] for counting: quantile bins of a number; classes, the rarest beyond 32 taken together."""
        if not self.labels:
            return quantile_codes(self.values, bins)
        counts = np.bincount(self.values, minlength=len(self.labels))
        rank = np.empty(len(counts), dtype=np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        return np.asarray(np.minimum(rank, BINS - 1)[self.values])


def quantile_codes(x: Floats, bins: int = BINS) -> Codes:
    """The bin of each number, int64 [rows], below ``bins``; missing ones (NaN) have the code ``bins``.

    Few distinct values have a bin each. Otherwise the edges are quantiles of the rows; where these coincide (a column
    of mostly zeros would be one bin), quantiles of the distinct values make up the number.

    >>> quantile_codes(np.array([1.0, 2.0, 3.0, 4.0, np.nan]), 4).tolist()
    [0, 1, 2, 3, 4]
    """
    missing = np.isnan(x)
    present = x[~missing]
    distinct = np.unique(present)
    if len(distinct) > bins:
        edges = np.unique(_inner_quantiles(present, bins - 1))
        more = _inner_quantiles(distinct, bins - 1 - len(edges))
        distinct = np.unique(np.concatenate([distinct[:1], edges, more]))
    codes = np.searchsorted(distinct[1:], x, side="right").astype(np.int64)
    codes[missing] = bins
    return codes


def _inner_quantiles(values: Floats, count: int) -> Floats:
    found: Floats = np.quantile(values, np.linspace(0, 1, count + 2)[1:-1], method="higher")
    return found
