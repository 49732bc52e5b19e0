"""Missing numbers, filled in: by one value a column, or by what the other columns say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from retemper.data.features.relevance import sampled_rows
from retemper.data.scaling import Floats

Method = Literal["median", "mean", "constant", "iterative"]
ROUNDS = 4
MOST_COLUMNS, MOST_INPUTS = 64, 16
LEAST_PRESENT = 20
RIDGE_STRENGTH = 1.0


@dataclass(frozen=True)
class Linear:
    """A column (standardised) as a weighted sum of others."""

    column: int
    inputs: tuple[int, ...]
    weights: tuple[float, ...]
    intercept: float


@dataclass(frozen=True)
class Imputer:
    """What takes the place of NaN in each column of numbers.

    ``median``, ``mean`` and ``constant`` are one value a column. ``iterative`` starts at the mean and then, in four
    rounds, sets each missing cell to a ridge regression's prediction from the 16 columns that correlate most with
    its own (chained equations: van Buuren & Groothuis-Oudshoorn 2011, "mice"; without their random draws). A
    prediction never leaves the training range. The 64 columns with the most gaps have regressions; others keep
    the mean.

    ``fill`` [F]; ``scale``, ``low``, ``high`` [F] belong to the regressions ``steps``, which are done in order.
    """

    fill: Floats
    scale: Floats
    low: Floats
    high: Floats
    steps: tuple[Linear, ...] = ()

    @classmethod
    def fit(cls, x: Floats, method: Method, constant: float = 0.0) -> Imputer:
        """Fit on training rows.

        Args:
            x: numbers [rows, F], NaN for missing; a column may be all NaN.
            method: see the class.
            constant: for ``constant``, in the columns' own units.

        >>> x = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, np.nan]] * 50)
        >>> Imputer.fit(x, "mean").apply(x)[3].round(1).tolist()
        [4.0, 4.0]
        >>> Imputer.fit(x, "iterative").apply(np.array([[2.5, np.nan]])).round(1).tolist()
        [[2.5, 5.0]]
        """
        missing = np.isnan(x)
        present = (~missing).sum(axis=0)
        low = np.where(missing, np.inf, x).min(axis=0, initial=np.inf)
        high = np.where(missing, -np.inf, x).max(axis=0, initial=-np.inf)
        low, high = (np.where(present > 0, bound, 0.0) for bound in (low, high))
        if method == "constant":
            fill = np.full(x.shape[1], constant)
        else:
            middle = np.median if method == "median" else np.mean
            columns = [column[~gap] for column, gap in zip(x.T, missing.T, strict=True)]
            fill = np.array([middle(values) if len(values) else 0.0 for values in columns], dtype=np.float64)
        scale = np.ones(x.shape[1])
        if method != "iterative":
            return cls(fill, scale, low, high)
        spread = np.sqrt(np.where(missing, 0.0, np.square(x - fill)).sum(axis=0) / np.maximum(1, present))
        scale = np.where(spread > 1e-12 * np.abs(fill), spread, 1.0)
        start = cls(fill, scale, low, high)
        rows = sampled_rows(len(x), x.shape[1])
        return cls(fill, scale, low, high, _chained(start, x[rows], missing[rows]))

    def apply(self, x: Floats) -> Floats:
        """x [rows, F] without NaN; cells that are there stay as they are, to the bit."""
        missing = np.isnan(x)
        filled = np.where(missing, self.fill, x)
        touched = {step.column for step in self.steps if missing[:, step.column].any()}
        if not touched:
            return filled
        z = self._standard(x)
        for step in self.steps:
            if step.column in touched:
                gaps = np.flatnonzero(missing[:, step.column])
                z[gaps, step.column] = self._predicted(step, z[gaps])
        for column in touched:
            gaps = missing[:, column]
            filled[gaps, column] = z[gaps, column] * self.scale[column] + self.fill[column]
        return filled

    def _standard(self, x: Floats) -> Floats:
        z: Floats = np.nan_to_num((x - self.fill) / self.scale, nan=0.0)
        return z

    def _predicted(self, step: Linear, z: Floats) -> Floats:
        # A sum row by row, never a matrix product: its last bits would depend on how many rows come together.
        inputs = np.ascontiguousarray(z[:, list(step.inputs)])
        y = (inputs * np.array(step.weights)).sum(axis=1) + step.intercept
        k = step.column
        bounds = ((bound[k] - self.fill[k]) / self.scale[k] for bound in (self.low, self.high))
        return np.asarray(np.clip(y, *bounds))

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        vectors = {name: getattr(self, name).tolist() for name in _VECTORS}
        steps = [
            {
                "column": s.column,
                "inputs": list(s.inputs),
                "weights": list(s.weights),
                "intercept": s.intercept,
            }
            for s in self.steps
        ]
        return {**vectors, "steps": steps}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Imputer:
        """The imputer that :meth:`to_json` wrote."""
        fill, scale, low, high = (np.array(data[name], dtype=np.float64) for name in _VECTORS)
        steps = [
            Linear(s["column"], tuple(s["inputs"]), tuple(s["weights"]), s["intercept"])
            for s in data["steps"]
        ]
        return cls(fill, scale, low, high, tuple(steps))


_VECTORS = ("fill", "scale", "low", "high")


def _chained(start: Imputer, x: Floats, missing: NDArray[np.bool_]) -> tuple[Linear, ...]:
    z = start._standard(x)
    gaps = missing.sum(axis=0)
    usable = np.flatnonzero((gaps > 0) & (len(x) - gaps >= LEAST_PRESENT))
    most = usable[np.argsort(-gaps[usable], kind="stable")[:MOST_COLUMNS]]
    order = most[np.argsort(gaps[most], kind="stable")]  # the surest first
    inputs = {int(k): own for k in order if (own := _partners(z, missing, int(k)))}
    steps = []
    for _ in range(ROUNDS):
        for k, partners in inputs.items():
            there = ~missing[:, k]
            model = Ridge(alpha=RIDGE_STRENGTH).fit(z[there][:, partners], z[there, k])
            step = Linear(k, tuple(partners), tuple(model.coef_.tolist()), float(model.intercept_))
            steps.append(step)
            z[missing[:, k], k] = start._predicted(step, z[missing[:, k]])
    return tuple(steps)


def _partners(z: Floats, missing: NDArray[np.bool_], k: int) -> list[int]:
    """The columns that correlate most with column k over the rows where both are there."""
    together = (~missing) & ~missing[:, [k]]
    rows = together.sum(axis=0)
    correlation = np.abs(z[:, k] @ (z * together)) / np.maximum(1, rows)
    correlation[rows < LEAST_PRESENT] = 0.0
    correlation[k] = 0.0
    best = np.argsort(-correlation, kind="stable")[:MOST_INPUTS]
    return [int(j) for j in best if correlation[j] > 0]
