"""Constructed numbers: what they are, and that only useful ones are found."""

import json
from typing import Any

import numpy as np
import pytest

from retemper.data.features.construct import Built, interactions, logarithms
from retemper.data.features.goal import Goal

RANDOM = np.random.default_rng(7)
N = 3000
X = np.column_stack([RANDOM.uniform(1, 10, (N, 3)), RANDOM.normal(size=N)])
LEVELS = RANDOM.integers(0, 5, (N, 1))
NOISE = RANDOM.normal(size=N)
BOTH = ("ratio", "product")


def _found(y: Any, x: Any = X, most: int = 4) -> list[str]:
    labels = tuple(map(str, range(int(y.max()) + 1))) if y.dtype.kind == "i" else ()
    built = interactions(x, LEVELS[: len(x)], Goal("y", labels, y), BOTH, most)
    return [own.name([f"x{k}" for k in range(x.shape[1])]) for own in built]


def test_what_is_not_finite_is_missing() -> None:
    x = np.array([[4.0, 2.0], [1.0, 0.0], [-3.0, 1e100], [np.nan, 1.0]])
    assert (
        Built("ratio", 0, 1).apply(x)[:2].tolist()[0] == 2.0
        and np.isnan(Built("ratio", 0, 1).apply(x)[[1, 3]]).all()
    )
    assert np.isnan(Built("log", 0).apply(x)[2:]).all() and Built("log", 0).apply(x)[0] == np.log(4)
    assert Built("log", 1, shift=1.0).apply(x)[1] == 0.0
    assert np.isnan(Built("product", 1, 1).apply(x)[2]) and Built("product", 0, 1).apply(x)[0] == 8.0


def test_names_and_json() -> None:
    built = Built("product", 0, 1)
    assert built.name(["width", "height"]) == "width × height"
    assert Built(**json.loads(json.dumps(built.to_json()))) == built


@pytest.mark.parametrize(
    ("y", "wanted"),
    [
        (X[:, 0] * X[:, 1], "x0 × x1"),
        (X[:, 2] / X[:, 0] + 0.05 * NOISE, "x2 / x0"),
        (3 * X[:, 1] + 4 * X[:, 0] * X[:, 3] + NOISE, "x0 × x3"),
        ((X[:, 0] > X[:, 1]).astype(np.int64), "x0 / x1"),
    ],
)
def test_planted_pairs_are_found_first(y: Any, wanted: str) -> None:
    first = _found(y)[0]
    assert first == wanted or set(first.split(" / ")) == set(wanted.split(" / "))


@pytest.mark.parametrize(
    "y",
    [
        NOISE,
        np.log(X[:, 0]) + X[:, 3] ** 3 + np.sin(X[:, 1]) + 0.5 * NOISE,
        LEVELS[:, 0] * 3.0 + X[:, 0] + NOISE,
        np.ones(N),
        RANDOM.integers(0, 12, N),
    ],
    ids=["noise", "additive", "levels", "constant", "classes at random"],
)
def test_nothing_is_found_where_nothing_is(y: Any) -> None:
    assert _found(y) == []


def test_no_more_than_wanted_and_nothing_from_few_rows_or_columns() -> None:
    y = X[:, 0] * X[:, 1] + X[:, 1] * X[:, 2] + X[:, 2] / X[:, 0] * 5
    assert len(_found(y, most=1)) == 1 and len(_found(y)) >= 2
    assert _found(X[:20, 0] * X[:20, 1], X[:20]) == []
    assert _found(X[:, 0], X[:, :1]) == []
    assert interactions(X, LEVELS, Goal("y", (), X[:, 2] / X[:, 0]), ["product"], 4)


def test_a_denominator_never_crosses_zero() -> None:
    y = X[:, 0] / X[:, 3]
    assert not any(name.endswith("/ x3") for name in _found(np.clip(y, -50, 50)))


def test_gaps_are_no_obstacle() -> None:
    x = X.copy()
    x[RANDOM.random(x.shape) < 0.1] = np.nan
    assert _found(X[:, 0] * X[:, 1], x)[0] == "x0 × x1"


def test_logarithms_of_long_tails_only() -> None:
    tail = np.exp(RANDOM.normal(0, 1.5, N))
    x = np.column_stack([X[:, 0], tail, -tail, np.where(tail < 1, 0, tail), tail * 0 + 3, np.full(N, np.nan)])
    found = logarithms(x, 5)
    assert {(own.first, own.shift) for own in found} == {(1, 0.0), (3, 1.0)}
    assert len(logarithms(x, 1)) == 1 and logarithms(x, 0) == ()


def test_a_column_without_a_number_is_no_part_of_a_pair() -> None:
    y = X[:, 0] / X[:, 1]
    x = np.column_stack([X[:, :2], np.full(N, np.nan)])
    assert _found(y, x)[0] in ("x0 / x1", "x1 / x0") and not any("x2" in name for name in _found(y, x))
