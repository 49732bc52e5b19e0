"""New numbers from old ones: logarithms, ratios, products; which of them are worth having."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew
from sklearn.linear_model import Ridge

from retemper.core.seeds import generator
from retemper.data.features.goal import Codes, Goal, quantile_codes
from retemper.data.features.relevance import Information, sampled_rows
from retemper.data.scaling import Floats, Scaler, smooth_clip

Operation = Literal["log", "ratio", "product"]
LEAST_SKEW = 1.0
MOST_INPUTS = 16
MOST_GOALS = 4
PAIR_ROWS = 10_000
SEGMENTS, ROWS_A_SEGMENT = 24, 5
LEAST_GAIN = 0.01
SHUFFLES = 10
LEAST_ROWS = 64
RIDGE_STRENGTH = 0.1
RANKS = 256
SMALL = 1e-6
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
) -> dict[Built, float]:
    """Ratios and products that explain what an additive model leaves unexplained, each with its gain.

    The additive model is a ridge regression on a piecewise-linear function of each number, 24 segments at most, and
    the levels of each category. A candidate joins it as two columns, the clipped number and its rank; its gain is
    the share of the residual's variance that they take away in the half of a sample that nothing was fitted on (and the
    same with the halves exchanged). The best candidate's part is taken from the residual, and so on until the gain is
    below 1 %, or no larger than the best that any candidate has for residuals in ten random orders: of hundreds of
    candidates the luckiest gains several per cent in a few hundred rows.

    Args:
        x: numbers of the training rows [rows, F], NaN for missing; the 16 that tell most about the target take part.
        levels: codes of categories [rows, K].
        goal: the target of the same rows.
        operations: ``ratio``, ``product`` or both.
        most: how many at most.

    >>> a, b = np.random.default_rng(0).normal(5, 1, (2, 2000))
    >>> found = interactions(np.stack([a, b], 1), np.zeros((2000, 0), int), Goal("y", (), a / b), ["ratio"], 4)
    >>> [(built.name(["a", "b"]), gain > 0.5) for built, gain in found.items()]
    [('a / b', True)]
    """
    rows = sampled_rows(len(x), x.shape[1], PAIR_ROWS)
    x, levels, goal = x[rows], levels[rows], goal.taken(rows)
    inputs = np.arange(x.shape[1])
    if len(inputs) > MOST_INPUTS:
        target = goal.codes()
        told = np.array([Information.of(quantile_codes(column), target).nats for column in x.T])
        inputs = np.sort(np.argsort(-told, kind="stable")[:MOST_INPUTS])
    candidates = _candidates(x, [int(k) for k in inputs], operations)
    if not candidates or len(x) < LEAST_ROWS:
        return {}
    segments = int(np.clip(len(x) / (2 * ROWS_A_SEGMENT * len(inputs)), 4, SEGMENTS))
    base = [_segments(x[:, k], segments) for k in inputs] + [_one_hot(column) for column in levels.T]
    columns = np.stack([_columns(built.apply(x)) for built in candidates], axis=1)
    design, y = np.concatenate(base, axis=1), goal.columns(MOST_GOALS)[1]
    odd = np.arange(len(x)) % 2 == 1
    halves = [_Half.of(design, y, columns, learn) for learn in (odd, ~odd)]
    total = sum(half.loss for half in halves)
    least = max(LEAST_GAIN, _luckiest(halves) / total) if total > 0 else LEAST_GAIN
    chosen: dict[Built, float] = {}
    while len(chosen) < most and total > 0:
        gains = sum((half.gains() for half in halves), np.zeros(len(candidates))) / total
        best = int(np.argmax(gains))
        if candidates[best] in chosen or gains[best] < least:
            break
        chosen[candidates[best]] = float(gains[best])
        halves = [half.without(best) for half in halves]
    return chosen


@dataclass(frozen=True)
class _Half:
    """What the additive model of the learning rows leaves, there and in the held rows: of y [rows, G], and of the
    candidates' columns [rows, J, 2]; regressing one on the other is to fit both together (Frisch & Waugh 1933).
    """

    y: Floats
    columns: Floats
    held_y: Floats
    held_columns: Floats

    @classmethod
    def of(cls, design: Floats, y: Floats, columns: Floats, learn: NDArray[np.bool_]) -> _Half:
        flat = columns.reshape(len(y), -1)
        both = np.concatenate([y, flat], axis=1)
        model = Ridge(alpha=RIDGE_STRENGTH).fit(design[learn], both[learn])
        left = both - model.predict(design)
        y, columns = left[:, : y.shape[1]], left[:, y.shape[1] :].reshape(columns.shape)
        spread = y[learn].std(axis=0)
        y = y / np.where(spread > SMALL, spread, np.inf)
        return cls(y[learn], columns[learn], y[~learn], columns[~learn])

    @property
    def loss(self) -> float:
        """Σy² of the held rows."""
        return float(np.square(self.held_y).sum())

    @cached_property
    def weights(self) -> Floats:
        """Each candidate's least squares on the learning rows [J, 2, G]."""
        squares = np.einsum("rja,rjb->jab", self.columns, self.columns) + SMALL * len(self.y) * np.eye(2)
        return np.asarray(np.linalg.solve(squares, np.einsum("rja,rg->jag", self.columns, self.y)))

    def gains(self) -> Floats:
        """By how much each candidate lessens the loss of the held rows [J]."""
        w, c = self.weights, self.held_columns
        cross = np.einsum("rja,rg->jag", c, self.held_y)
        squares = np.einsum("rja,rjb->jab", c, c)
        return np.asarray(2 * (w * cross).sum((1, 2)) - np.einsum("jag,jab,jbg->j", w, squares, w))

    def shuffled(self, random: np.random.Generator) -> _Half:
        """The same with the residuals in another order, of which no candidate can know."""
        return replace(self, y=random.permutation(self.y), held_y=random.permutation(self.held_y))

    def without(self, best: int) -> _Half:
        """The same with one candidate's part taken from y."""
        w = self.weights[best]
        y, held_y = self.y - self.columns[:, best] @ w, self.held_y - self.held_columns[:, best] @ w
        return replace(self, y=y, held_y=held_y)


def _luckiest(halves: list[_Half]) -> float:
    """The largest gain of any candidate for shuffled residuals."""
    random = generator(0, "shuffled residuals")
    draws = [np.sum([half.shuffled(random).gains() for half in halves], axis=0) for _ in range(SHUFFLES)]
    return float(np.max(draws))


def _candidates(x: Floats, inputs: list[int], operations: Collection[str]) -> list[Built]:
    pairs = list(combinations(inputs, 2))
    found = [Built("product", a, b) for a, b in pairs] if "product" in operations else []
    if "ratio" in operations:
        # A number with both signs is no denominator: the ratio jumps where it crosses zero.
        steady = {k for k in inputs if _of_one_sign(x[:, k])}
        found += [Built("ratio", a, b) for a, b in pairs if b in steady]
        found += [Built("ratio", b, a) for a, b in pairs if a in steady]
    return found


def _of_one_sign(x: Floats) -> bool:
    return bool((x > 0).any() != (x < 0).any() and not (x == 0).any())


def _segments(x: Floats, count: int) -> Floats:
    """The basis [rows, count + 1] of piecewise-linear functions of a number, a step for missing cells included."""
    missing = np.isnan(x)
    values = np.unique(x[~missing])
    if len(values) > count + 1:
        values = np.unique(np.quantile(x[~missing], np.linspace(0, 1, count + 1)))
    if not len(values):
        return missing[:, None].astype(np.float64)
    place = np.interp(np.where(missing, values[0], x), values, np.arange(len(values)))
    steps = np.clip(place[:, None] - np.arange(max(1, len(values) - 1)), 0.0, 1.0)
    return np.column_stack([steps, missing])


def _one_hot(levels: Codes) -> Floats:
    """The 31 most frequent levels as columns of 0 and 1, and one column for the rest."""
    counts = np.bincount(levels)
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.eye(32)[np.minimum(rank, 31)[levels]]


def _columns(new: Floats) -> Floats:
    """A candidate as the network could use it [rows, 2]: standardised and clipped, and its rank; 0 where missing."""
    scaled = smooth_clip(Scaler.fit(new[:, None], "robust").apply(new[:, None]))[:, 0]
    codes = quantile_codes(new, RANKS)
    columns = np.column_stack([scaled, codes / RANKS - 0.5])
    return np.where(np.isnan(new)[:, None], 0.0, columns)
