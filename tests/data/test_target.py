"""The target: codes and labels, scaling and its way back, JSON, and every bad cell."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.core.errors import InputError
from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.target import Target

METHODS = ("zscore", "minmax", "robust", "quantile", "none")


def _fit(y: Any, scaling: str = "zscore", **options: Any) -> Target:
    table = read({"x": np.arange(len(y)) * 0.5, "y": y})
    schema = infer(table, DataOptions(target="y", **options))
    return Target.fit(table.frame["y"], schema, PrepareOptions(target_scaling=scaling))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("y", "labels", "classes"),
    [
        (["b", "a"] * 10, ("a", "b"), ("a", "b")),
        ([10, 9] * 10, (9, 10), ("9", "10")),
        ([True, False] * 10, (False, True), ("False", "True")),
        ([1.0, 0.0] * 10, (0.0, 1.0), ("0.0", "1.0")),
        (["TRUE", "false"] * 10, ("TRUE", "false"), ("TRUE", "false")),
    ],
)
def test_labels_keep_their_type(y: list[Any], labels: tuple[Any, ...], classes: tuple[str, ...]) -> None:
    target = _fit(y)
    assert (target.labels, target.classes, target.prior) == (labels, classes, (0.5, 0.5))
    codes = target.encode(pl.Series("y", y))
    assert codes.dtype == np.int64 and target.decode(codes).tolist() == y
    back = Target.from_json(json.loads(json.dumps(target.to_json(), allow_nan=False)))
    assert (back.labels, back.classes, back.prior) == (target.labels, target.classes, target.prior)
    assert [type(label) for label in back.labels] == [type(label) for label in labels]


def test_labels_are_compared_as_text() -> None:
    target = _fit([1, 2] * 10)
    for cells in ([2, 1], [2.0, 1.0], ["2", "1"]):
        assert target.encode(pl.Series("y", cells)).tolist() == [1, 0]


values = st.lists(st.floats(-1e12, 1e12), min_size=10, max_size=50).filter(lambda v: np.ptp(v) > 1e-3)


@given(values, st.sampled_from(METHODS))
@settings(max_examples=60, deadline=None)
def test_scaling_and_back(y: list[float], scaling: str) -> None:
    target = _fit(y, scaling, task="regression")
    raw = target.encode(pl.Series("y", y))
    z = target.scale(raw)
    assert np.isfinite(z).all()
    np.testing.assert_allclose(target.unscale(z), raw, rtol=1e-6, atol=1e-6 * np.abs(raw).max())
    back = Target.from_json(json.loads(json.dumps(target.to_json(), allow_nan=False)))
    assert (
        back.scale(raw).tobytes() == z.tobytes() and back.unscale(z).tobytes() == target.unscale(z).tobytes()
    )


def _log(y: Any) -> Target:
    table = read({"x": np.arange(len(y)) * 0.5, "y": y})
    schema = infer(table, DataOptions(target="y", task="regression"))
    return Target.fit(table.frame["y"], schema, PrepareOptions(target="log"))


def test_a_logarithm_makes_many_powers_of_ten_even_and_back() -> None:
    y = 10 ** np.random.default_rng(0).uniform(-3, 9, 400)
    target = _log(y)
    z = target.scale(y)
    # In float32, as the network's targets are kept, a logarithm still has the digits that count.
    np.testing.assert_allclose(target.unscale(z.astype(np.float32)), y, rtol=1e-5)
    assert (
        abs(np.median(z) - z.mean()) < 0.2
        and np.abs(z).max() < 2.5
        and target.prior[0] == pytest.approx(y.mean())
    )
    back = Target.from_json(json.loads(json.dumps(target.to_json(), allow_nan=False)))
    assert back.unscale(z).tobytes() == target.unscale(z).tobytes()
    assert back.scale(y).tobytes() == z.tobytes()


def test_a_logarithm_meets_what_it_has_not_seen() -> None:
    target = _log(10 ** np.random.default_rng(0).uniform(0, 6, 400))
    strange = np.array([0.0, -5.0, -1e9, 1e12])
    np.testing.assert_allclose(target.unscale(target.scale(strange)), strange, rtol=1e-9, atol=1e-9)
    assert np.isfinite(target.unscale(np.array([1e30, -1e30]))).all()
    assert (np.diff(target.scale(np.array([-10.0, -1, 0, 1, 10]))) > 0).all()


def test_one_missing_cell_is_one_row() -> None:
    with pytest.raises(InputError, match="missing in 1 row, first in row 2"):
        _fit(["a", "b"] * 10).encode(pl.Series("y", ["a", None]))
    with pytest.raises(InputError, match="missing in 2 rows, first in row 1"):
        _fit(["a", "b"] * 10).encode(pl.Series("y", [None, None, "b"]))


def test_prior_of_a_regression() -> None:
    target = _fit([1.5, 2.5, 3.5, 4.5] * 10, task="regression")
    assert target.prior == pytest.approx((3.0, np.sqrt(1.25)))
    assert target.scale(np.array([3.0])).item() == pytest.approx(0)
    assert (target.labels, target.classes) == ((), ())


@pytest.mark.parametrize(
    ("y", "cells", "code", "row"),
    [
        (["a", "b"] * 10, ["a", "c"], "unknown_class", 2),
        (["a", "b"] * 10, ["a", None], "target_gaps", 2),
        (["a", "b"] * 10, ["?", "a"], "target_gaps", 1),
        (np.arange(30) * 0.5, ["1", "x"], "not_a_number", 2),
        (np.arange(30) * 0.5, [1.0, np.inf], "infinite_value", 2),
        (np.arange(30) * 0.5, [1.0, np.nan], "target_gaps", 2),
    ],
)
def test_bad_cells(y: Any, cells: list[Any], code: str, row: int) -> None:
    with pytest.raises(InputError) as caught:
        _fit(y).encode(pl.Series("y", cells, strict=False))
    assert caught.value.code == code and caught.value.where["row"] == row  # type: ignore[index,call-overload]


def test_a_class_without_training_rows_is_refused() -> None:
    table = read({"x": np.arange(20) * 0.5, "y": ["a", "b"] * 10})
    schema = infer(table, DataOptions(target="y"))
    with pytest.raises(InputError) as caught:
        Target.fit(pl.Series("y", ["a"] * 5), schema, PrepareOptions())
    assert caught.value.code == "class_not_in_train"


def test_a_schema_without_target_is_refused() -> None:
    schema = infer(read({"x": np.arange(20) * 0.5}), DataOptions())
    with pytest.raises(ValueError, match="no target"):
        Target.fit(pl.Series("y", ["a"]), schema, PrepareOptions())


def test_a_target_whose_errors_cannot_be_squared_is_refused() -> None:
    values = [0.5 * k for k in range(40)]
    assert _fit([*values, 1e50]).prior[1] > 0
    with pytest.raises(InputError) as caught:
        _fit([*values, -1e100])
    assert caught.value.code == "huge_target" and "-1e+100" in caught.value.message


def test_spellings_of_one_label_are_one_class() -> None:
    y = ["1", "1.0", "2", "u"] * 10
    target = _fit(y)
    assert target.labels == target.classes == ("1", "2", "u") and target.prior == (0.5, 0.25, 0.25)
    assert target.encode(pl.Series("y", y)).tolist() == [0, 0, 1, 2] * 10
    # Whichever rows train, the class is called the same.
    table = read({"x": np.arange(40) * 0.5, "y": y})
    schema = infer(table, DataOptions(target="y"))
    late = Target.fit(table.frame["y"].filter(table.frame["y"] != "1"), schema, PrepareOptions())
    assert late.labels == ("1", "2", "u")
    assert _fit(["1.0", "2.0", "u"] * 10).labels == ("1.0", "2.0", "u")
