"""Every treatment of columns through the preparer: names, bits, training rows, and what serving needs."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.core.errors import InputError
from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe import build
from retemper.core.recipe_sections import DataOptions
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import Schema, infer
from retemper.procedure.prepare import prepare

N = 600
RANDOM = np.random.default_rng(19)
ROOMS = RANDOM.integers(1, 9, N).astype(float)
AREA = np.round(np.exp(RANDOM.normal(4, 1, N)), 3)
CITY = RANDOM.integers(0, 40, N)
EFFECT = RANDOM.normal(size=40)
COLUMNS: dict[str, Any] = {
    "area": AREA,
    "rooms": ROOMS,
    "age": [None if i % 5 == 0 else float(AREA[i] / 3 + i % 7) for i in range(N)],
    "noise": RANDOM.normal(size=N),
    "city": [f"c{k:02}" for k in CITY],
    "open": ["yes", "no"] * (N // 2),
    "day": [f"2024-{i % 12 + 1:02}-{i % 28 + 1:02}" for i in range(N)],
    "value": AREA / ROOMS / 20 + EFFECT[CITY] + 0.1 * RANDOM.normal(size=N),
    "dear": np.where(AREA / ROOMS > 15, "dear", "cheap"),
}
TREATMENTS: dict[str, dict[str, Any]] = {
    "median": {"missing": "median"},
    "mean": {"missing": "mean"},
    "constant": {"missing": "constant", "missing_constant": -1.0},
    "iterative": {"missing": "iterative"},
    "clip": {"outliers": "clip", "outlier_distance": 3.0},
    "constructed": {"constructed": ["log", "ratio", "product", "group_mean"]},
    "mutual_information": {"select": "mutual_information"},
    "permutation": {"select": "permutation", "select_columns": 3},
    "components": {"components": 2},
    "all": {
        "missing": "iterative",
        "outliers": "clip",
        "constructed": ["log", "ratio", "product", "group_mean"],
        "select": "mutual_information",
        "components": 2,
    },
}


def _fit(target: str = "value", **options: Any) -> tuple[Preparer, pl.DataFrame, Schema]:
    other = "dear" if target == "value" else "value"
    table = read(pl.DataFrame(COLUMNS).drop(other))
    schema = infer(table, DataOptions(target=target))
    return Preparer.fit(table.frame, schema, PrepareOptions(**options)), table.frame, schema


@pytest.mark.parametrize("target", ["value", "dear"])
@pytest.mark.parametrize("name", TREATMENTS)
def test_same_bits_from_json_and_in_any_batch(name: str, target: str) -> None:
    preparer, frame, _ = _fit(target, **TREATMENTS[name])
    dense = preparer.transform(frame).dense
    assert dense.shape == (N, preparer.width)
    assert preparer.encoded(preparer.transform(frame)).shape == (N, len(preparer.feature_names))
    assert np.isfinite(dense).all()
    back = Preparer.from_json(json.loads(json.dumps(preparer.to_json(), allow_nan=False)))
    assert back.transform(frame).dense.tobytes() == dense.tobytes()
    assert back.feature_names == preparer.feature_names and back.columns == preparer.columns
    parts = [preparer.transform(frame[start : start + 97]).dense for start in range(0, N, 97)]
    assert np.concatenate(parts).tobytes() == dense.tobytes()
    untreated = _fit(target)[0]
    assert dense.tobytes() != untreated.transform(frame).dense.tobytes() or name == "permutation"


def test_names_say_what_was_done() -> None:
    preparer, _, _ = _fit(**TREATMENTS["constructed"])
    new = preparer.number_names[len(preparer.raw_names) :]
    assert (
        {"area / rooms", "rooms / area"} & set(new)
        and "log(area)" in new
        and new[-1] == "mean of value by city"
    )
    assert set(new) <= set(preparer.feature_names)
    assert "share of dear=dear by city" in _fit("dear", constructed=["group_mean"])[0].number_names
    assert _fit(components=2)[0].number_names[-2:] == ["component 1", "component 2"]


def test_what_was_missing_is_still_told_after_it_is_filled_in() -> None:
    plain, frame, _ = _fit()
    for missing in ("median", "iterative", "constant"):
        filled = _fit(missing=missing)[0]
        column = filled.feature_names.index("age=(missing)")
        assert (filled.transform(frame).dense[:, column] == (np.arange(N) % 5 == 0)).all()
        assert filled.feature_names == plain.feature_names
        age = filled.feature_names.index("age")
        there = np.arange(N) % 5 != 0
        assert len(np.unique(filled.transform(frame).dense[~there, age])) > 1 or missing != "iterative"


def test_group_means_of_training_rows_do_not_know_their_own_target() -> None:
    preparer, frame, schema = _fit(constructed=["group_mean"])
    means = preparer.out_of_fold(frame, schema)
    assert means is not None and means.shape == (N, 1)
    column = preparer.feature_names.index("mean of value by city")
    trained = preparer.encoded(preparer.transform(frame, means))
    served = preparer.encoded(preparer.transform(frame))
    assert (trained[:, column] != served[:, column]).mean() > 0.9
    others = [k for k, name in enumerate(preparer.feature_names) if "mean of value" not in name]
    assert trained[:, others].tobytes() == served[:, others].tobytes()
    some = preparer.transform(frame[:50], means[:50])
    assert preparer.encoded(some).tobytes() == trained[:50].tobytes()
    assert _fit()[0].out_of_fold(frame, schema) is None


def test_serving_needs_only_the_columns_that_were_kept() -> None:
    preparer, frame, _ = _fit(select="mutual_information")
    assert "noise" not in preparer.columns and {"area", "rooms", "city"} <= set(preparer.columns)
    assert np.isfinite(preparer.transform(frame.drop("noise", "value")).dense).all()
    with pytest.raises(InputError, match="area"):
        preparer.transform(frame.drop("area"))
    assert len(_fit(select="mutual_information", select_columns=2)[0].columns) == 2


def test_trees_see_the_untreated_numbers() -> None:
    plain, frame, _ = _fit()
    treated = _fit(**{**TREATMENTS["all"], "select": "none"})[0]
    for ours, theirs in zip(treated.plain(frame), plain.plain(frame), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert len(plain.plain_owners) == sum(part.shape[1] for part in plain.plain(frame))


def test_choosing_by_the_target_needs_one() -> None:
    table = read(pl.DataFrame(COLUMNS).drop("value", "dear"))
    schema = infer(table, DataOptions())
    for options in ({"select": "permutation"}, {"constructed": ["ratio"]}, {"constructed": ["group_mean"]}):
        with pytest.raises(ValueError, match="target"):
            Preparer.fit(table.frame, schema, PrepareOptions(**options))  # type: ignore[arg-type]
    assert "log(area)" in Preparer.fit(table.frame, schema, PrepareOptions(constructed=["log"])).number_names


@pytest.mark.parametrize("outliers", ["drop", "isolation_forest"])
def test_rows_that_are_left_out_weigh_nothing(outliers: str) -> None:
    columns = {**COLUMNS, "noise": np.where(np.arange(N) == 7, 1e4, COLUMNS["noise"]), "area": ROOMS}
    table = read(pl.DataFrame(columns).drop("dear"))
    recipe = build({"data.target": "value", "prepare.outliers": outliers})
    schema = infer(table, recipe.data)
    train, validation = np.arange(500), np.arange(500, N)
    arrays = prepare(table.frame, schema, recipe, train, validation).arrays
    assert arrays.train.weight[7] == 0 and len(arrays.train.weight) == 500
    assert 0 < (arrays.train.weight == 0).sum() <= 5 and (arrays.validation.weight == 1).all()
    kept = prepare(table.frame, schema, build({"data.target": "value"}), train, validation).arrays
    assert (kept.train.weight == 1).all()


def test_numbers_that_training_never_saw() -> None:
    preparer, frame, _ = _fit(**TREATMENTS["all"])
    cells = pl.Series([0.0, -1e99, None, 1e99])
    strange = pl.DataFrame(dict.fromkeys(("area", "rooms", "age", "noise"), cells))
    others = frame[:4].drop("area", "rooms", "age", "noise").with_columns(city=pl.lit("new"))
    assert np.isfinite(preparer.transform(pl.concat([strange, others], how="horizontal")).dense).all()
