"""Preparing: bounds, layout, JSON to the same bits, and every bad cell at prediction."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.core.errors import InputError
from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions, SplitOptions
from retemper.data.check import check
from retemper.data.inputs import Inputs
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import Schema, infer
from retemper.data.split import split

N = 200
RANDOM = np.random.default_rng(1)
METHODS = ("robust", "zscore", "minmax", "quantile", "none")
COLUMNS: dict[str, Any] = {
    "age": RANDOM.integers(17, 90, N),
    "gain": np.where(RANDOM.random(N) < 0.9, 0.0, RANDOM.exponential(1000, N)),
    "hours": [None if i % 10 == 0 else float(i % 50) for i in range(N)],
    "job": [None if i % 7 == 0 else f"job{i % 5}" for i in range(N)],
    "city": [f"city{i % 80}" for i in range(N)],
    "member": ["yes", "no"] * (N // 2),
    "day": [datetime(2024, 1, 1) + timedelta(hours=7 * i) for i in range(N)],
    "note": [f"this film number {i} was {'good' if i % 2 else 'bad'}" for i in range(N)],
    "id": range(N),
    "same": [1] * N,
    "y": RANDOM.normal(size=N) + np.arange(N) % 2,
}


def _fit(columns: dict[str, Any] = COLUMNS, **options: Any) -> tuple[Preparer, pl.DataFrame, Schema]:
    table = read(pl.DataFrame(columns, strict=False))
    schema = infer(table, DataOptions(target="y" if "y" in columns else None))
    options = {"min_level_rows": 2, **options}
    return Preparer.fit(table.frame, schema, PrepareOptions(**options)), table.frame, schema


def _back(preparer: Preparer) -> Preparer:
    return Preparer.from_json(json.loads(json.dumps(preparer.to_json(), allow_nan=False)))


def _same(a: Inputs, b: Inputs) -> bool:
    kinds = a.categories.dtype == b.categories.dtype
    return kinds and a.dense.tobytes() == b.dense.tobytes() and np.array_equal(a.categories, b.categories)


@pytest.mark.parametrize("scaling", METHODS)
def test_layout_and_round_trip(scaling: str) -> None:
    preparer, frame, _ = _fit(scaling=scaling, one_hot_levels=10, bins=8)
    inputs = preparer.transform(frame)
    assert inputs.dense.dtype == np.float32 and inputs.categories.dtype == np.uint8
    assert inputs.dense.shape == (N, preparer.width)
    assert np.isfinite(inputs.dense).all()
    assert preparer.cardinalities == (82,) and preparer.one_hot == (6, 2)
    assert inputs.categories.shape == (N, 3)
    assert set(preparer.columns) == {"age", "gain", "hours", "job", "city", "member", "day", "note"}
    assert preparer.feature_names[:3] == ["age", "gain", "hours"]
    assert _same(inputs, _back(preparer).transform(frame))
    assert _back(preparer).feature_names == preparer.feature_names


def test_blocks() -> None:
    preparer, frame, schema = _fit(bins=8)
    inputs = preparer.transform(frame, preparer.out_of_fold(frame, schema))
    names = preparer.feature_names
    dense = preparer.encoded(inputs)
    assert dense.shape == (N, len(names)) and dense.dtype == np.float32
    places = [i for i, name in enumerate(names) if name.endswith(":place")]
    assert places == list(range(preparer.n_numbers, preparer.n_numbers + len(places)))
    assert dense[:, places].min() == 0.0
    assert dense[:, places].max(axis=0).tolist() == [n for n in preparer.bins if n]
    assert preparer.n_inputs == len(names) - len(places) + sum(preparer.bins)
    plain = [i for i in range(len(names)) if i not in places]
    assert np.array_equal(preparer.encoded(inputs, places=False), dense[:, plain])
    hours = [i for i in places if names[i].startswith("hours:")]
    assert (dense[::10, hours] == 0).all() and (dense[::10, 2] == 0).all()
    assert dense[:, names.index("hours=(missing)")].tolist() == [float(i % 10 == 0) for i in range(N)]
    assert dense[:, names.index("job=(missing)")].tolist() == [float(i % 7 == 0) for i in range(N)]
    one_hot = [i for i, name in enumerate(names) if name.startswith("job=")]
    assert (dense[:, one_hot].sum(axis=1) == 1).all()
    assert not any(name.startswith(("id", "same", "y")) for name in names)


finite = st.floats(-1e99, 1e99, allow_nan=False)


@given(
    st.lists(st.one_of(st.none(), finite), min_size=12, max_size=60),
    st.lists(st.one_of(st.none(), finite), min_size=1, max_size=10),
    st.sampled_from(METHODS),
)
@settings(max_examples=60, deadline=None)
def test_any_numbers(train: list[float | None], new: list[float | None], scaling: str) -> None:
    table = read(
        pl.DataFrame(
            {"x": pl.Series(train, dtype=pl.Float64), "c": ["u", "v"] * 6 + ["w"] * (len(train) - 12)}
        )
    )
    schema = infer(table, DataOptions(kinds={"x": "number"}))
    preparer = Preparer.fit(table.frame, schema, PrepareOptions(scaling=scaling))  # type: ignore[arg-type]
    frame = pl.DataFrame({"x": pl.Series(new, dtype=pl.Float64), "c": ["w"] * len(new)})
    inputs = preparer.transform(frame)
    assert np.isfinite(inputs.dense).all()
    places = inputs.dense[:, 1 : 1 + preparer.code.n_places]
    assert ((places >= 0) & (places <= preparer.bins[0])).all()
    if scaling == "robust":
        assert (np.abs(inputs.dense[:, 0]) <= 3).all()
    assert _same(inputs, _back(preparer).transform(frame))


words = st.one_of(st.none(), st.text(max_size=4), st.integers(0, 9).map(str))


@given(
    st.lists(words, min_size=12, max_size=60),
    st.lists(words, min_size=1, max_size=10),
    st.sampled_from([0, 64]),
)
@settings(max_examples=60, deadline=None)
def test_any_categories(train: list[str | None], new: list[str | None], one_hot: int) -> None:
    table = read(pl.DataFrame({"c": pl.Series(train, dtype=pl.String), "x": np.arange(len(train)) * 0.5}))
    schema = infer(table, DataOptions(kinds={"c": "category"}))
    preparer = Preparer.fit(table.frame, schema, PrepareOptions(one_hot_levels=one_hot))
    frame = pl.DataFrame({"c": pl.Series(new, dtype=pl.String), "x": [1.0] * len(new)})
    inputs = preparer.transform(frame)
    assert np.isfinite(inputs.dense).all() and _same(inputs, _back(preparer).transform(frame))
    levels = preparer.plain(frame)[1]
    assert (levels >= 0).all() and (levels < preparer.levels[0].cardinality).all()
    assert inputs.categories.shape == (len(new), 1)
    assert (inputs.categories < (preparer.cardinalities or (preparer.one_hot[0] + 1,))[0]).all()
    ones = preparer.encoded(inputs)[:, preparer.width :].sum(axis=1)
    if one_hot:
        assert (ones == (inputs.categories[:, 0] > 0)).all()


def test_missing_unknown_and_rare_levels() -> None:
    cells = ["u"] * 50 + ["v"] * 40 + ["rare"] * 2 + [None] * 8
    preparer, _, _ = _fit({"c": cells, "x": np.arange(100) * 0.5}, min_level_rows=3)
    assert preparer.feature_names[-4:] == ["c=(missing)", "c=(unknown)", "c=u", "c=v"]
    frame = pl.DataFrame({"c": ["v", "rare", "new", None, "NA"], "x": [1.0] * 5})
    assert preparer.plain(frame)[1][:, 0].tolist() == [3, 1, 1, 0, 0]
    assert preparer.transform(frame).categories.tolist() == [[4], [2], [2], [1], [1]]
    assert preparer.encoded(preparer.transform(frame))[:, -4:].argmax(axis=1).tolist() == [3, 1, 1, 0, 0]
    seen, _, _ = _fit({"c": cells[:90] + ["u"] * 10, "x": np.arange(100) * 0.5})
    assert seen.transform(frame).categories.tolist() == [[2], [0], [0], [0], [0]]
    assert not seen.encoded(seen.transform(frame[1:]))[:, -2:].any(), "a level that was not seen"


@pytest.mark.parametrize(("levels", "dtype"), [(200, np.uint8), (300, np.int16)])
def test_codes_are_kept_in_few_bytes(levels: int, dtype: Any) -> None:
    cells = [f"level {k % levels}" for k in range(3 * levels)]
    preparer, frame, _ = _fit({"c": cells, "x": np.arange(3 * levels) * 0.5})
    codes = preparer.transform(frame).categories
    assert codes.dtype == dtype and np.array_equal(codes[:, 0], preparer.plain(frame)[1][:, 0])


def test_levels_are_compared_as_text() -> None:
    preparer, _, _ = _fit({"c": [1, 2, 3, 4] * 25, "x": np.arange(100) * 0.5})
    as_category = Preparer.fit(
        pl.DataFrame({"c": [1, 2, 3, 4] * 25}),
        infer(read({"c": [1, 2, 3, 4] * 25}), DataOptions(kinds={"c": "category"})),
        PrepareOptions(),
    )
    for cells in ([4, 1], [4.0, 1.0], ["4", "1"], ["4.0", " 1 "]):
        assert as_category.plain(pl.DataFrame({"c": cells}))[1][:, 0].tolist() == [5, 2]
        assert preparer.plain(pl.DataFrame({"c": cells, "x": [0, 0]}))[0][:, 0].tolist() == [4.0, 1.0]


def test_booleans_in_any_spelling() -> None:
    preparer, _, _ = _fit({"c": ["yes", "no"] * 50, "x": np.arange(100) * 0.5})
    for cells in ([True, False], ["True", "FALSE"], [1, 0], ["Y", "n"], [1.0, 0.0]):
        assert preparer.plain(pl.DataFrame({"c": cells, "x": [0, 0]}))[1][:, 0].tolist() == [3, 2]


def test_dates_become_parts_that_vary() -> None:
    preparer, frame, _ = _fit(
        {"d": [f"2024-01-{i % 28 + 1:02}" for i in range(100)]}, number_embedding="none"
    )
    assert preparer.feature_names == [
        "d:elapsed_days",
        "d:day",
        "d:weekday",
        "d:weekday_sin",
        "d:weekday_cos",
    ]
    assert preparer.plain(frame)[0][1, :3].tolist() == [1.0, 2.0, 2.0]
    other = pl.DataFrame({"d": [datetime(2024, 1, 2), None]})
    assert preparer.plain(other)[0][0, :3].tolist() == [1.0, 2.0, 2.0]
    assert np.isnan(preparer.plain(other)[0][1]).all()
    assert preparer.plain(pl.DataFrame({"d": ["02.01.2024"]}))[0][0, 1] == 2.0


def test_text_keeps_the_words_that_tell() -> None:
    preparer, frame, _ = _fit()
    words = preparer.texts[0].words
    assert {"good", "bad"} <= set(words)
    weights = preparer.transform(frame).dense[:, -len(words) :]
    lengths = np.sqrt(np.square(weights).sum(axis=1))
    assert np.allclose(lengths[lengths > 0], 1, atol=1e-5)
    assert preparer.plain(frame)[0].shape == (N, len(preparer.raw_names) + len(words))
    empty = frame.with_columns(note=pl.lit(None, pl.String))
    assert np.isfinite(preparer.transform(empty).dense).all()


def test_text_without_words() -> None:
    cells = [f"{i % 7} ! {i} ?" for i in range(100)]
    table = read({"t": cells, "x": np.arange(100) * 0.5})
    preparer = Preparer.fit(
        table.frame, infer(table, DataOptions(kinds={"t": "text"})), PrepareOptions(min_level_rows=90)
    )
    assert preparer.texts[0].words == () and np.isfinite(preparer.transform(table.frame).dense).all()


def test_further_columns_are_ignored_and_types_convert() -> None:
    preparer, frame, _ = _fit()
    wanted = preparer.transform(frame)
    as_text = frame.with_columns(pl.col("age", "gain", "hours").cast(pl.String), extra=pl.lit([1]))
    assert _same(preparer.transform(as_text.select(reversed(as_text.columns))), wanted)
    assert preparer.transform(frame.head(1)).dense.tobytes() == wanted.dense[:1].tobytes()
    assert preparer.transform(frame.clear()).dense.shape == (0, preparer.width)


BAD: dict[str, tuple[pl.Expr, str, str, int]] = {
    "text as number": (pl.Series("age", ["5", "old"] * 100), "not_a_number", "age", 2),  # type: ignore[dict-item]
    "infinite": (pl.lit(float("inf")).alias("gain"), "infinite_value", "gain", 1),
    "no date": (pl.lit("soon").alias("day"), "not_a_date", "day", 1),
    "date as number": (pl.lit(datetime(2024, 1, 1)).alias("age"), "not_a_number", "age", 0),
    "list": (pl.lit([1, 2]).alias("job"), "unsupported_type", "job", 0),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_cells_at_prediction(name: str) -> None:
    preparer, frame, _ = _fit()
    cells, code, column, row = BAD[name]
    with pytest.raises(InputError) as caught:
        preparer.transform(frame.with_columns(cells))
    assert caught.value.code == code and isinstance(caught.value.where, dict)
    assert caught.value.where["column"] == column and caught.value.where.get("row", 0) == row


def test_absent_column_at_prediction() -> None:
    preparer, frame, _ = _fit()
    with pytest.raises(InputError, match="did you mean ages") as caught:
        preparer.transform(frame.rename({"age": "ages"}))
    assert caught.value.code == "missing_column" and caught.value.where["column"] == "age"  # type: ignore[index,call-overload]


@pytest.mark.parametrize("name", ["*", "^.*$", "count", "rows", "level", "", "a b\n", "<script>", "y\0"])
def test_any_column_name(tmp_path: Path, name: str) -> None:
    columns = {name: ["u", "v"] * 50, "x": np.arange(100) * 0.5, "y": ["a", "b"] * 50}
    table = read(pl.DataFrame(columns))
    schema = infer(table, DataOptions(target="y", kinds={name: "category"}))
    check(table, schema)
    split(table, schema, SplitOptions(), 0)
    preparer = Preparer.fit(table.frame, schema, PrepareOptions())
    assert preparer.transform(table.frame).dense.shape == (100, preparer.width)
    table.frame.write_parquet(tmp_path / "0.parquet")
    assert read(tmp_path).frame.equals(table.frame)


def test_only_what_was_fitted_counts() -> None:
    preparer, frame, schema = _fit()
    again = Preparer.fit(frame, schema, PrepareOptions(min_level_rows=2))
    changed = frame.with_columns(pl.col("age") * 1000, job=pl.lit("new"))
    preparer.transform(changed)
    assert json.dumps(preparer.to_json()) == json.dumps(again.to_json())


def test_placeholders_are_emptied_the_same_way_when_serving() -> None:
    age = [*range(18, 98), *[-999] * 8]
    preparer, frame, _ = _fit({"age": age, "x": np.arange(88) * 0.5}, placeholders="missing")
    numbers = preparer.plain(frame)[0]
    assert np.isnan(numbers[80:, 0]).all() and not np.isnan(numbers[:80, 0]).any()
    served = _back(preparer).transform(pl.DataFrame({"age": [-999, 30], "x": [1.0, 1.0]}))
    assert served.dense[0, preparer.feature_names.index("age=(missing)")] == 1
    kept, _, _ = _fit({"age": age, "x": np.arange(88) * 0.5})
    assert kept.plain(frame)[0][80, 0] == -999


@pytest.mark.parametrize("select", ["none", "mutual_information", "permutation"])
def test_a_date_that_is_one_day_or_missing(select: str) -> None:
    table = read({"day": [datetime(2024, 1, 1), None] * 20, "y": [0.5 * k for k in range(40)]})
    schema = infer(table, DataOptions(target="y"))
    options = PrepareOptions(select=select)  # type: ignore[arg-type]
    preparer = Preparer.fit(table.frame, schema, options)
    assert preparer.feature_names == ["day:elapsed_days", "day:elapsed_days=(missing)"]
    assert preparer.transform(table.frame[:2]).dense.tolist() == [[0.0, 0.0], [0.0, 1.0]]
    with pytest.raises(InputError, match="Nothing in the training rows") as caught:
        Preparer.fit(table.frame.filter(table.frame["day"].is_not_null()), schema, options)
    assert caught.value.code == "no_features"
