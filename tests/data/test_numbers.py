"""Numbers: scaling by its formulas, and places among bins."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import infer

RANDOM = np.random.default_rng(3)


def _fit(columns: dict[str, Any], **options: Any) -> tuple[Preparer, pl.DataFrame]:
    table = read(columns)
    return Preparer.fit(table.frame, infer(table, DataOptions()), PrepareOptions(**options)), table.frame


def _number(values: Any, **options: Any) -> tuple[Preparer, pl.DataFrame]:
    return _fit({"x": values}, **options)


def test_places_among_the_bins_of_distinct_values() -> None:
    preparer, _ = _number(
        [0.0] * 90 + [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0], bins=4, scaling="none"
    )
    found = preparer.transform(pl.DataFrame({"x": [-5.0, 0.0, 0.5, 3.0, 6.0, 99.0, None]})).dense
    assert found.tolist() == [
        [-5.0, 0.0],
        [0.0, 0.0],
        [0.5, 0.5],
        [3.0, 2.5],
        [6.0, 3.5],
        [99.0, 4.0],
        [0.0, 0.0],
    ]


def test_bins_are_bounded() -> None:
    assert _number(np.arange(1000.0) ** 1.5, bins=48)[0].code.bins == [48]
    assert _number([1.0, 2.0, 5.0] * 40, bins=48)[0].code.bins == [2]
    assert _number(np.arange(100) * 0.5, number_embedding="none")[0].code.bins == [0]
    wide = {f"x{i}": RANDOM.normal(size=50) for i in range(30)}
    assert set(_fit(wide, embedding_inputs=120)[0].code.bins) == {4}
    assert set(_fit(wide, embedding_inputs=16)[0].code.bins) == {2}


def test_scaling_formulas() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 10.0] * 4)
    expected = {
        "zscore": (values - 4) / values.std(),
        "minmax": (values - 1) / 9,
        "none": values,
        "robust": (values - 3) / 2 / np.sqrt(1 + ((values - 3) / 6) ** 2),
    }
    for method, wanted in expected.items():
        preparer, frame = _number(values, scaling=method, number_embedding="none")
        np.testing.assert_allclose(preparer.transform(frame).dense[:, 0], wanted, rtol=1e-6)


def test_quantile_scaling_makes_a_normal_distribution() -> None:
    preparer, frame = _number(RANDOM.exponential(size=5000), scaling="quantile", number_embedding="none")
    found = preparer.transform(frame).dense[:, 0]
    assert abs(found.mean()) < 0.02 and abs(found.std() - 1) < 0.03
    assert np.isfinite(preparer.transform(pl.DataFrame({"x": [-1e99, 1e99]})).dense).all()


def test_robust_scaling_takes_the_range_where_quartiles_are_equal() -> None:
    preparer, _ = _number([0.0] * 90 + [5.0] * 9 + [10.0], number_embedding="none")
    found = preparer.transform(pl.DataFrame({"x": [10.0]})).dense.item()
    assert found == pytest.approx(1 / np.sqrt(1 + 1 / 9), rel=1e-6)


@pytest.mark.parametrize("values", [RANDOM.normal(size=5000) ** 3, RANDOM.integers(0, 9, 5000) * 1e90])
def test_places_are_those_of_linear_interpolation_between_the_edges(values: Any) -> None:
    preparer, _ = _number(values, bins=256)
    edges = preparer.code.edges[0]
    x = np.concatenate([edges, values, values[:999] * 1.7])
    found = preparer.transform(pl.DataFrame({"x": x})).dense[:, 1]
    wanted = np.interp(x, edges, np.arange(len(edges)))
    assert np.array_equal(found, wanted.astype(np.float32))


def test_edges_as_close_as_numbers_get() -> None:
    preparer, _ = _number([0.0, 5e-324, 1e-323, 1.0] * 30, scaling="none")
    found = preparer.transform(pl.DataFrame({"x": [0.0, 5e-324, 1e-323, 1.0, None]})).dense[:, 1]
    assert found.tolist() == [0.0, 1.0, 2.0, 3.0, 0.0]
