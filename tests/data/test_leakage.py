"""Leakage: every kind of planted leak is found, strong and honest columns are left alone."""

from typing import Any

import numpy as np
import pytest

from retemper.core.recipe_sections import DataOptions
from retemper.core.records import Finding, NotApplicable
from retemper.data.computed_target import formula
from retemper.data.leakage import leakage
from retemper.data.read import read
from retemper.data.schema import infer

N = 3000


def _finding(columns: dict[str, Any], **options: Any) -> Finding | None:
    table = read(columns)
    return leakage(table.frame, infer(table, DataOptions(target="y", **options)))


def _leaks(columns: dict[str, Any], **options: Any) -> dict[str, Any]:
    found = _finding(columns, **options)
    return {} if found is None else dict(found.evidence["columns"])


def _people(classes: bool) -> dict[str, Any]:
    """Columns that hang together and all say something of the target, as real ones do."""
    random = np.random.default_rng(3)
    wealth, health = random.normal(size=(2, N))
    columns = {
        "income": np.exp(wealth + 0.5 * random.normal(size=N)),
        "school": np.round(12 + 2 * wealth + random.normal(size=N)),
        "age": np.round(40 + 10 * health - 4 * wealth + 5 * random.normal(size=N)),
        "region": np.where(wealth + random.normal(size=N) > 0, "north", "south"),
        "sport": health + 0.4 * wealth + random.normal(size=N),
    }
    y = wealth + 0.6 * health + 0.5 * random.normal(size=N)
    return columns | {"y": np.where(y > 0.3, "yes", "no") if classes else 100 + 20 * y}


CLASSES, VALUES = _people(True), _people(False)
RANDOM = np.random.default_rng(4)
YES = CLASSES["y"] == "yes"
Y = VALUES["y"]
AMOUNT = RANDOM.exponential(50, N).round(2)

PLANTED_IN_CLASSES = {
    "5 % flipped": (YES ^ (RANDOM.random(N) < 0.05)).astype(int),
    "30 % flipped": np.where(YES ^ (RANDOM.random(N) < 0.3), "granted", "refused"),
    "noise of one standard deviation": YES + RANDOM.normal(0, 0.5, N),
    "an amount after the event": np.where(YES, AMOUNT, 0.0),
    "an amount for most events": np.where(YES ^ (RANDOM.random(N) < 0.05), AMOUNT, 0.0),
    "a date of the event": [
        f"2024-{1 + i % 12:02}-{1 + i % 28:02}" if e else None for i, e in enumerate(YES)
    ],
    "missing without the event": [float(a) if e else None for a, e in zip(AMOUNT, YES, strict=True)],
}
PLANTED_IN_VALUES = {
    "little noise": Y + RANDOM.normal(0, 1, N),
    "noise of .3 standard deviations": Y + RANDOM.normal(0, 0.3 * Y.std(), N),
    "noise of one standard deviation": Y + RANDOM.normal(0, Y.std(), N),
    "a ratio": Y * RANDOM.lognormal(0, 0.15, N),
    "with tax": 1.2 * Y + RANDOM.uniform(0, 2, N),
    "coarse": np.searchsorted(np.quantile(Y, np.linspace(0, 1, 12)[1:-1]), Y),
}


@pytest.mark.parametrize("kind", PLANTED_IN_CLASSES)
def test_planted_in_classes(kind: str) -> None:
    assert list(_leaks({**CLASSES, "leak": PLANTED_IN_CLASSES[kind]})) == ["leak"]


@pytest.mark.parametrize("kind", PLANTED_IN_VALUES)
def test_planted_in_values(kind: str) -> None:
    assert list(_leaks({**VALUES, "leak": PLANTED_IN_VALUES[kind]})) == ["leak"]


@pytest.mark.parametrize("columns", [CLASSES, VALUES], ids=["classes", "values"])
def test_silent_on_columns_that_hang_together(columns: dict[str, Any]) -> None:
    assert _finding(columns) is None


def test_a_strong_column_is_no_leak_where_the_others_are_as_strong() -> None:
    random = np.random.default_rng(0)
    size = random.lognormal(0, 0.5, N)
    columns = {name: size ** (1 / 3) * random.normal(1, 0.005, N) for name in ("length", "width", "depth")}
    price = size**1.7 * np.exp(0.05 * random.normal(size=N))
    assert _finding({**columns, "carat": size, "y": price}) is None


def test_columns_that_a_class_makes_are_no_leaks() -> None:
    random = np.random.default_rng(1)
    y = random.integers(0, 2, N)
    noisy = {f"x{i}": y + 1.5 * random.normal(size=N) for i in range(8)}
    assert _finding({**noisy, "y": y}) is None


def test_two_leaks_do_not_hide_each_other() -> None:
    flips = [YES ^ (np.random.default_rng(seed).random(N) < 0.1) for seed in (5, 6)]
    paid = np.where(YES, AMOUNT, 0.0)
    columns = {**CLASSES, "a": flips[0].astype(int), "b": flips[1].astype(int)}
    assert set(_leaks(columns)) == {"a", "b"}
    assert set(_leaks({**CLASSES, "paid": paid, "paid with tax": 1.2 * paid + AMOUNT * 0.01})) >= {"paid"}


def test_the_target_itself_is_an_error() -> None:
    for columns in (CLASSES, VALUES):
        found = _finding({**columns, "again": columns["y"]})
        assert found is not None and found.severity == "error" and found.confidence == 1.0
        assert found.evidence["columns"]["again"]["why"] == "identical"
    assert _leaks({**CLASSES, "code": YES * 7 + 1})["code"]["why"] == "copy"
    assert _leaks({**VALUES, "cents": Y**3})["cents"]["why"] == "copy"


def test_the_parts_of_a_sum_are_named() -> None:
    members = np.random.default_rng(2).integers(0, 500, N)
    guests = np.random.default_rng(7).integers(0, 90, N)
    leaks = _leaks({**VALUES, "members": members, "guests": guests, "y": members + guests})
    assert leaks["members"]["why"] == "computed" and leaks["guests"]["partners"] == ["members"]


def test_formulas() -> None:
    x = np.random.default_rng(0).uniform(1, 9, (200, 6))
    found = formula(x, x[:, 2] * x[:, 5])
    assert found is not None and (found.how, found.parts) == ("product", (2, 5))
    assert formula(x, x @ np.ones(6)) is None
    assert formula(x, x[:, 0] + x[:, 1] + 0.1 * np.random.default_rng(1).normal(size=200)) is None
    assert formula(x, 2 * x[:, 0]) is None, "one column alone is a copy, which is told elsewhere"


def test_columns_that_know_the_future() -> None:
    random = np.random.default_rng(0)
    y = np.zeros(N)
    for t in range(1, N):
        y[t] = 0.7 * y[t - 1] + random.normal()
    day = np.arange(N)
    honest = {"yesterday": np.r_[0, y[:-1]], "hint": np.r_[y[1:], 0] + 4 * random.normal(size=N)}
    series = {"day": day, "weather": y + random.normal(size=N) + np.sin(day), **honest, "y": y}
    assert _leaks(series, time="day") == {}
    planted = {
        "tomorrow": np.r_[y[1:], 0.0],
        "total": np.cumsum(y),
        "forecast": np.r_[y[1:], 0.0] + 0.3 * random.normal(size=N),
    }
    shuffled = random.permutation(N)
    for name, cells in planted.items():
        columns = {key: np.asarray(value)[shuffled] for key, value in {**series, name: cells}.items()}
        leaks = _leaks(columns, time="day")
        assert list(leaks) == [name] and leaks[name]["why"] == "future"


def test_the_class_of_the_next_row() -> None:
    random = np.random.default_rng(1)
    y = random.integers(0, 3, N)
    columns = {"a": random.normal(size=N), "b": random.integers(0, 3, N), "y": np.array(["u", "v", "w"])[y]}
    assert _leaks(columns) == {}
    leaks = _leaks({**columns, "next": np.r_[y[1:], 0]})
    assert leaks["next"]["how"] == "is the target 1 row later"


def test_not_applicable() -> None:
    table = read({"a": range(40), "b": [0.1 * i for i in range(40)], "y": ["u", "v"] * 20})
    with pytest.raises(NotApplicable, match="40 rows"):
        leakage(table.frame, infer(table, DataOptions(target="y")))
    with pytest.raises(NotApplicable, match="no target"):
        leakage(table.frame, infer(table, DataOptions()))
    texts = read({"t": [f"the film number {i} was good" for i in range(N)], "y": ["u", "v"] * (N // 2)})
    with pytest.raises(NotApplicable, match="no column"):
        leakage(texts.frame, infer(texts, DataOptions(target="y")))


def test_columns_of_mostly_zeros_know_no_future() -> None:
    random = np.random.default_rng(8)
    rare = np.where(random.random(N) < 0.05, random.integers(1, 40, N), 0)
    twin = np.where(random.random(N) < 0.9, rare, 0)
    assert "twin" not in {
        name for name, leak in _leaks({**VALUES, "y": rare, "twin": twin}).items() if leak["why"] == "future"
    }


def test_a_flipped_copy_among_columns_that_say_nothing() -> None:
    noise = {f"x{i}": np.random.default_rng(100 + i).normal(size=N) for i in range(4)}
    flipped = YES ^ (np.random.default_rng(9).random(N) < 0.1)
    assert list(_leaks({**noise, "leak": flipped.astype(int), "y": CLASSES["y"]})) == ["leak"]
    honest = YES + np.random.default_rng(10).normal(size=N)
    assert _leaks({**noise, "size": honest, "y": CLASSES["y"]}) == {}


def test_a_column_too_rare_to_be_linked_hides_no_leak() -> None:
    rare = np.where(np.arange(N) < 3, "x", "o")
    leak = PLANTED_IN_CLASSES["30 % flipped"]
    assert list(_leaks({**CLASSES, "rare": rare, "leak": leak})) == ["leak"]


def test_among_columns_without_any_link_a_leak_stands_out_by_its_score() -> None:
    random = np.random.default_rng(5)
    apart = {f"x{k}": random.normal(size=N) for k in range(6)}
    y = sum(apart.values()) + random.normal(size=N) > 0
    assert not _leaks({**apart, "y": y})
    for noise in (0.05, 0.15):
        leak = np.where(y ^ (random.random(N) < noise), "granted", "refused")
        assert list(_leaks({**apart, "leak": leak, "y": y})) == ["leak"]
    assert list(_leaks({**apart, "leak": y + random.normal(0, 0.25, N), "y": y})) == ["leak"]


@pytest.mark.parametrize("size", [1e60, 1e95])
def test_numbers_that_no_single_precision_holds(size: float) -> None:
    columns = _people(classes=False)
    columns["income"] = columns["income"] * size
    assert _leaks(columns) == {}
    assert "leak" in _leaks(columns | {"leak": 3 * columns["y"] - 1})
