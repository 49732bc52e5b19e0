"""Label errors: rates near the truth, the right rows named, no alarm on clean tables, reasons where it can't judge."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from retemper.core.recipe_sections import DataOptions
from retemper.core.records import Finding, NotApplicable
from retemper.data import cross_check
from retemper.data.label_errors import LEAST_RATE, Suspects, _origin, find, finding, judge
from retemper.data.out_of_fold import OutOfFold, TreeRows, class_probabilities, folds
from retemper.data.read import read
from retemper.data.schema import Schema, infer


def _table(columns: Any) -> tuple[pl.DataFrame, Schema]:
    table = read(columns)
    return table.frame, infer(table, DataOptions(target="y"))


def _find(columns: Any) -> Finding | None:
    return find(*_table(columns))


def _bundled(name: str) -> pl.DataFrame:
    found = getattr(datasets, f"load_{name}")()
    columns = {f"x{k}": found.data[:, k] for k in range(found.data.shape[1])}
    return pl.DataFrame({**columns, "y": [f"class {v}" for v in found.target]})


def _made(classes: int, rows: int = 1000, seed: int = 0) -> pl.DataFrame:
    x, y = datasets.make_classification(
        rows,
        12,
        n_informative=9,
        n_classes=classes,
        n_clusters_per_class=1,
        class_sep=2.0,
        flip_y=0.0,
        random_state=seed,
    )
    return pl.DataFrame({**{f"x{k}": x[:, k] for k in range(12)}, "y": [f"c{v}" for v in y]})


def _overlapping(rows: int = 1500) -> pl.DataFrame:
    """Right labels of two classes that overlap: no model gets more than about 85 %."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(rows, 3))
    p = 1 / (1 + np.exp(-3 * x[:, 0] - x[:, 1]))
    return pl.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": np.where(draw.random(rows) < p, "u", "v")}
    )


def _mixed(rows: int = 2000) -> pl.DataFrame:
    """Numbers, categories and gaps; the classes overlap a little."""
    draw = np.random.default_rng(2)
    age, hours, job = draw.integers(18, 80, rows), draw.normal(40, 10, rows), draw.integers(8, size=rows)
    score = (age - 45) / 12 + (hours - 40) / 15 + 1.5 * (job % 3 == 0) - 0.8
    y = draw.random(rows) < 1 / (1 + np.exp(-6 * score))
    gaps = [None if gap else float(h) for gap, h in zip(draw.random(rows) < 0.05, hours, strict=True)]
    return pl.DataFrame(
        {"age": age, "hours": gaps, "job": [f"job {k}" for k in job], "y": np.where(y, ">50K", "<=50K")}
    )


def _matched(strata: int = 83) -> pl.DataFrame:
    """A case and two controls in each stratum: whoever knows the others' labels is led astray, and sure of it."""
    draw = np.random.default_rng(0)
    case = np.tile([1, 0, 0], strata)
    columns = {
        "stratum": np.repeat(np.arange(strata), 3),
        "age": np.repeat(draw.integers(21, 45, strata), 3),
        "parity": np.repeat(draw.integers(1, 7, strata), 3),
        "before": draw.binomial(2, np.where(case == 1, 0.5, 0.15)),
    }
    return pl.DataFrame({**columns, "y": [("control", "case")[k] for k in case]})


CLEAN = {
    "iris": lambda: _bundled("iris"),
    "wine": lambda: _bundled("wine"),
    "breast_cancer": lambda: _bundled("breast_cancer"),
    "digits": lambda: _bundled("digits"),
    "ten classes": lambda: _made(10),
    "three classes": lambda: _made(3, seed=4),
    "overlap": _overlapping,
    "mixed": _mixed,
    "matched cases": _matched,
    "diabetes": lambda: pl.DataFrame({"y": datasets.load_diabetes().target}).hstack(
        pl.DataFrame(datasets.load_diabetes().data)
    ),
    "friedman": lambda: _values(0),
}


def _values(wrong: int) -> pl.DataFrame:
    x, y = datasets.make_friedman1(1000, noise=1.0, random_state=0)
    y[:wrong] = y[:wrong] * 10
    return pl.DataFrame({**{f"x{k}": x[:, k] for k in range(10)}, "y": y})


@pytest.mark.parametrize("name", CLEAN)
def test_no_alarm_on_clean_tables(name: str) -> None:
    frame, schema = _table(CLEAN[name]())
    suspects = judge(frame, schema, 0)
    assert suspects.low < LEAST_RATE and (suspects.rate < 0.02 or name == "matched cases")
    assert finding(suspects, np.arange(frame.height)) is None


def _flipped(frame: pl.DataFrame, share: float) -> tuple[pl.DataFrame, np.ndarray[Any, Any]]:
    draw = np.random.default_rng(3)
    labels, codes = np.unique(frame["y"].to_numpy(), return_inverse=True)
    wrong = np.zeros(frame.height, dtype=bool)
    wrong[draw.permutation(frame.height)[: round(share * frame.height)]] = True
    codes[wrong] = (codes[wrong] + draw.integers(1, len(labels), wrong.sum())) % len(labels)
    return frame.with_columns(y=pl.Series(labels[codes])), wrong


def _judged(frame: pl.DataFrame, share: float) -> tuple[Suspects, np.ndarray[Any, Any]]:
    changed, wrong = _flipped(frame, share)
    return judge(*_table(changed), 0), wrong


@pytest.mark.parametrize("name", ["digits", "ten classes", "mixed"])
def test_flipped_labels_are_found(name: str) -> None:
    frame = CLEAN[name]()
    suspects, wrong = _judged(frame, 0.1)
    assert suspects.found and suspects.low <= 0.1 <= suspects.high
    assert wrong[suspects.flagged].mean() >= 0.8 and suspects.flagged[wrong].mean() >= 0.8
    labels = np.array(suspects.classes)
    right = frame["y"].to_numpy() == labels[suspects.suggested]
    assert right.mean() > 0.95, "taking every suggestion must undo most of the flips"


def test_the_rate_follows_the_noise() -> None:
    rates = [_judged(_made(4), share)[0].rate for share in (0.05, 0.2)]
    assert rates == pytest.approx([0.05, 0.2], abs=0.02)


def test_the_finding_names_the_rows() -> None:
    changed, wrong = _flipped(_made(4), 0.1)
    found = _find(changed)
    assert found is not None and found.code == "label_errors" and found.severity == "warning"
    json.dumps(found.evidence, allow_nan=False)
    first = found.evidence["surest"][0]
    assert wrong[first["row"] - 1] and first["given"] == changed["y"][first["row"] - 1]
    assert first["suggested"] != first["given"] and 0.9 < first["probability"] <= 1
    assert len(found.evidence["surest"]) == 50
    counts = found.evidence["classes"]
    assert sum(own["flagged"] for own in counts.values()) == found.evidence["flagged"]
    assert sum(own["given"] for own in counts.values()) == changed.height
    assert sum(own["suggested"] for own in counts.values()) == changed.height


def test_wrong_values_of_a_regression_target() -> None:
    frame, schema = _table(_values(40))
    suspects = judge(frame, schema, 0)
    assert suspects.found
    assert suspects.flagged[:40].mean() >= 0.8 and suspects.flagged[40:].mean() < 0.02
    found = finding(suspects, np.arange(frame.height))
    assert found is not None and found.remedies == ("drop", "down_weight")
    first = found.evidence["surest"][0]
    assert first["row"] <= 40 and first["given"] > 3 * first["suggested"]


def test_the_same_seed_finds_the_same() -> None:
    frame, schema = _table(_flipped(_made(3, 400), 0.1)[0])
    first, again, other = (judge(frame, schema, seed).wrong for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


def _copied(rows: int = 400, copies: int = 150) -> pl.DataFrame:
    """Labels by the toss of a coin; the first rows come twice."""
    draw = np.random.default_rng(5)
    once = pl.DataFrame(
        {"a": draw.normal(size=rows), "b": draw.normal(size=rows), "y": draw.choice(["u", "v"], rows)}
    )
    return pl.concat([once, once[:copies]])


def test_a_copy_tells_nothing_of_a_label() -> None:
    frame, schema = _table(_copied())
    numbers, given = frame.select("a", "b").to_numpy(), (frame["y"] == "v").to_numpy().astype(np.int64)
    none = np.zeros((frame.height, 0), np.int64)

    def sureness(origin: Any) -> float:
        forest = class_probabilities(TreeRows(numbers, none, origin), given, 2, OutOfFold(0))[0]
        return float(forest[np.arange(150), given[:150]].mean())

    known, told = sureness(None), sureness(_origin(frame, schema))
    assert known > 0.535, "the copies' labels are known by heart"
    assert told < 0.52, "a coin can't be foretold"


def test_copies_share_a_fold_and_rows_alike_by_chance_do_not() -> None:
    origin = _origin(*_table(_copied()))
    assert origin is not None and (origin[400:] == origin[:150]).all()
    fold = folds(np.zeros(550, np.int64), 0, origin)
    assert (fold[400:] == fold[:150]).all() and np.bincount(fold[:400]).tolist() == [100] * 4
    draw = np.random.default_rng(0)
    coarse = {name: draw.integers(3, size=600) for name in "abc"} | {"y": draw.choice(["u", "v"], 600)}
    assert _origin(*_table(coarse)) is None


def test_copies_make_no_class_large() -> None:
    frame = _made(3, 400)
    rare = frame[:4].with_columns(y=pl.lit("rare"))
    suspects = judge(*_table(pl.concat([frame, *[rare] * 4])), 0)
    assert (suspects.wrong[400:] == 0).all()


def test_small_classes_are_not_judged() -> None:
    frame = _made(3, 400)
    changed = frame.with_columns(y=pl.Series(["rare"] * 4 + frame["y"].to_list()[4:]))
    suspects = judge(*_table(changed), 0)
    assert (suspects.wrong[:4] == 0).all() and not suspects.flagged[:4].any()


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"x": np.arange(60.0) % 7, "y": ["a", "b"] * 30}, "60 rows"),
        ({"x": np.arange(400.0) % 7, "y": [f"c{k % 101}" for k in range(400)]}, "101 classes"),
        ({"x": np.arange(120.0) % 11, "y": ["a"] * 117 + ["b"] * 3}, "two classes"),
    ],
)
def test_not_applicable(columns: dict[str, Any], why: str) -> None:
    with pytest.raises(NotApplicable, match=why):
        _find(columns)


def test_without_target() -> None:
    table = read({"x": np.arange(200.0)})
    with pytest.raises(NotApplicable, match="no target"):
        find(table.frame, infer(table, DataOptions()))


def test_cleanlab_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    suspects, _ = _judged(_made(3, 400), 0.1)
    if find_spec("cleanlab"):
        assert 0.6 * suspects.flagged.sum() < suspects.cleanlab["agreed"] <= suspects.cleanlab["named"]
    monkeypatch.setattr(cross_check, "find_spec", lambda name: None)
    alone, _ = _judged(_made(3, 400), 0.1)
    assert "retemper[labels]" in alone.cleanlab["not_applicable"]
    assert (alone.wrong == suspects.wrong).all()
