"""New numbers from old ones: logarithms, ratios, products; which of them are worth having."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew
from sklearn.linear_model import Ridge

from retemper.data.features.goal import Codes, Goal, quantile_codes
from retemper.data.features.relevance import Information, sampled_rows
from retemper.data.scaling import Floats

Operation = Literal["log", "ratio", "product"]
LEAST_SKEW = 1.0
MOST_INPUTS = 16
MOST_GOALS = 4
BASE_BINS = 16
LEAST_GAIN = 0.01
LARGEST = 1e100


@dataclass(frozen=True)
class Built:
    """A number worked out from one or two others: ln(a + shift), a/b or a·b; not finite counts as missing."""

    operation: Operation
    first: int
    second: int = -1
    shift: float = 0.0

    def name(self, numbers: list[str]) -> str:
        """For example ``log(price)``, ``price / rooms``, ``width × height``.

        >>> Built("log", 0, shift=1.0).name(["price"]), Built("ratio", 0, 1).name(["price", "rooms"])
        ('log(1 + price)', 'price / rooms')
        """
        a = numbers[self.first]
        if self.operation == "log":
            return f"log(1 + {a})" if self.shift else f"log({a})"
        return f"{a} {'/' if self.operation == 'ratio' else '×'} {numbers[self.second]}"

    def apply(self, x: Floats) -> Floats:
        """The new number [rows] from the numbers [rows, F]."""
        a = x[:, self.first]
        with np.errstate(all="ignore"):
            if self.operation == "log":
                new = np.log(a + self.shift)
            elif self.operation == "ratio":
                new = a / x[:, self.second]
            else:
                new = a * x[:, self.second]
            return np.where(np.abs(new) <= LARGEST, new, np.nan)

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``Built(**data)`` is the way back."""
        return asdict(self)


def logarithms(x: Floats, most: int) -> tuple[Built, ...]:
    """Logarithms of numbers, never negative, whose long right tail they take away.

    The skewness is above 1, and that of the logarithm is less than half of it; ln(1 + x) where there are zeros.
    The most skewed come first.

    Args:
        x: numbers of the training rows [rows, F], NaN for missing.
        most: how many at most.

    >>> logarithms(np.exp(np.linspace(0, 8, 100))[:, None], 4)
    (Built(operation='log', first=0, second=-1, shift=0.0),)
    """
    x = x[sampled_rows(len(x), x.shape[1])]
    found = []
    for k, column in enumerate(x.T):
        present = column[~np.isnan(column)]
        if len(present) < 3 or present.min() < 0 or np.ptp(present) <= 0:
            continue
        shift = 1.0 if present.min() == 0 else 0.0
        logs = np.log(present + shift)
        before = float(skew(present)) if np.ptp(present) < 1e50 else np.inf
        if before > LEAST_SKEW and np.ptp(logs) > 0 and abs(float(skew(logs))) < before / 2:
            found.append((before, Built("log", k, shift=shift)))
    found.sort(key=lambda entry: -entry[0])
    return tuple(built for _, built in found[:most])


def interactions(
    x: Floats, levels: NDArray[np.int64], goal: Goal, operations: Collection[str], most: int
) -> tuple[Built, ...]:
    """Ratios and products that explain what an additive model leaves unexplained.

    The additive model is a ridge regression on 16 bins of each number and the levels of each category, fitted on one
    half of a sample and judged on the other. A candidate's gain is the share of the residual's variance that its
    32 bins explain, again on the other half. The best is taken, its part is taken from the residual, and so on
    until the gain is below 1 %.

    Args:
        x: numbers of the training rows [rows, F], NaN for missing; the 16 that tell most about the target take part.
        levels: codes of categories [rows, K].
        goal: the target of the same rows.
        operations: ``ratio``, ``product`` or both.
        most: how many at most.

    >>> a, b = np.random.default_rng(0).normal(5, 1, (2, 2000))
    >>> interactions(np.stack([a, b], 1), np.zeros((2000, 0), int), Goal("y", (), a / b), ["ratio"], 4)
    (Built(operation='ratio', first=0, second=1, shift=0.0),)
    """
    rows = sampled_rows(len(x), x.shape[1])
    x, levels, goal = x[rows], levels[rows], goal.taken(rows)
    coded = [quantile_codes(column, BASE_BINS) for column in x.T]
    inputs = np.arange(x.shape[1])
    if len(inputs) > MOST_INPUTS:
        target = goal.codes()
        told = np.array([Information.of(codes, target).nats for codes in coded])
        inputs = np.sort(np.argsort(-told, kind="stable")[:MOST_INPUTS])
    candidates = _candidates(x, [int(k) for k in inputs], operations)
    if not candidates or len(x) < 2 * BASE_BINS:
        return ()
    codes = [quantile_codes(built.apply(x)) for built in candidates]
    half = np.arange(len(x)) % 2 == 1
    base = [coded[k] for k in inputs] + [_few(column) for column in levels.T]
    residual = _residual(base, goal.columns(MOST_GOALS)[1], half)
    chosen: list[Built] = []
    total = float(np.square(residual).sum())
    while len(chosen) < most and total > 0:
        parts = [_explained(own, residual, half) for own in codes]
        left = [float(np.square(residual - part).sum()) for part in parts]
        best = int(np.argmin(left))
        before = float(np.square(residual).sum())
        if candidates[best] in chosen or before - left[best] < LEAST_GAIN * total:
            break
        chosen.append(candidates[best])
        residual = residual - parts[best]
    return tuple(chosen)


def _candidates(x: Floats, inputs: list[int], operations: Collection[str]) -> list[Built]:
    pairs = list(combinations(inputs, 2))
    found = [Built("product", a, b) for a, b in pairs] if "product" in operations else []
    if "ratio" in operations:
        # A number with both signs is no denominator: the ratio jumps where it crosses zero.
        steady = {k for k in inputs if np.nanmin(x[:, k]) > 0 or np.nanmax(x[:, k]) < 0}
        found += [Built("ratio", a, b) for a, b in pairs if b in steady]
        found += [Built("ratio", b, a) for a, b in pairs if a in steady]
    return found


def _few(levels: Codes) -> Codes:
    """The 31 most frequent levels, and one code for the rest."""
    counts = np.bincount(levels)
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.minimum(rank, 31)[levels]


def _residual(base: list[Codes], y: Floats, half: NDArray[np.bool_]) -> Floats:
    design = np.concatenate([np.eye(int(codes.max()) + 1)[codes] for codes in base], axis=1)
    residual = np.empty_like(y)
    for learn, held in ((half, ~half), (~half, half)):
        model = Ridge(alpha=1.0).fit(design[learn], y[learn])
        residual[held] = y[held] - model.predict(design[held]).reshape(-1, y.shape[1])
    spread = residual.std(axis=0)
    return np.asarray(residual / np.where(spread > 0, spread, 1.0))


def _explained(codes: Codes, residual: Floats, half: NDArray[np.bool_]) -> Floats:
    """The mean of the residual in each row's bin, over the rows of the other half."""
    size = int(codes.max()) + 1
    part = np.empty_like(residual)
    for learn, held in ((half, ~half), (~half, half)):
        rows = np.bincount(codes[learn], minlength=size)
        for g in range(residual.shape[1]):
            sums = np.bincount(codes[learn], residual[learn, g], size)
            part[held, g] = (sums / np.maximum(rows, 1))[codes[held]]
    return part
