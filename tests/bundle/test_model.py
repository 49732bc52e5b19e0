"""Rows in, predictions out: whatever the rows come in, in any order, one or none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from retemper.core.errors import InputError
from retemper.data.frame import FrameOnDisk
from retemper.data.read import read


@pytest.mark.parametrize(
    ("target", "labels", "kind"),
    [
        ("words", ["may be", "no", "yes"], "U"),
        ("integers", [2, 10], "i"),
        ("booleans", [False, True], "b"),
    ],
)
def test_labels_keep_their_type_and_order(
    table: Any, model_for: Any, target: str, labels: list[Any], kind: str
) -> None:
    frame = table(target=target)
    model = model_for(frame)
    assert model.classes == tuple(map(str, labels)) and model.target == "y"
    predicted, probabilities = model.predict(frame), model.predict_proba(frame)
    assert predicted.dtype.kind == kind and predicted.tolist() == [labels[k] for k in probabilities.argmax(1)]
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-12)
    shown = model.prediction_frame(frame)
    assert shown.columns == ["prediction", *(f"probability_{label}" for label in labels)]
    assert shown["prediction"].to_list() == predicted.tolist()
    assert np.array_equal(shown.drop("prediction").to_numpy(), probabilities)


def test_a_regression_answers_in_the_targets_units(table: Any, model_for: Any) -> None:
    frame = table(target="numbers")
    model = model_for(frame)
    predicted = model.predict(frame)
    assert predicted.shape == (200,) and predicted.dtype == np.float64 and 20 < predicted.mean() < 180
    assert model.prediction_frame(frame).to_dict(as_series=False) == {"prediction": predicted.tolist()}
    with pytest.raises(InputError) as caught:
        model.predict_proba(frame)
    assert caught.value.code == "no_probabilities"


@pytest.mark.parametrize("target", ["words", "numbers"])
def test_the_model_is_the_weighted_mean_of_its_networks(table: Any, model_for: Any, target: str) -> None:
    frame = table(target=target)
    model = model_for(frame)
    single = [replace(model, parts=(replace(part, weight=1.0),)).outputs(frame) for part in model.parts]
    mean = np.einsum("m,m...->...", [part.weight for part in model.parts], single)
    np.testing.assert_allclose(model.outputs(frame), mean, rtol=1e-6)


def test_the_temperature_divides_the_logarithms(table: Any, model_for: Any) -> None:
    frame = table()
    plain = model_for(frame).outputs(frame)
    warm = plain ** (1 / 2.5)
    np.testing.assert_allclose(
        model_for(frame, temperature=2.5).outputs(frame), warm / warm.sum(1, keepdims=True), rtol=1e-9
    )


@pytest.mark.parametrize("target", ["words", "numbers"])
def test_a_row_has_its_prediction_in_any_company(
    table: Any, model_for: Any, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table(target=target)
    model = model_for(frame)
    outputs = model.outputs(frame)
    order = np.random.default_rng(1).permutation(frame.height)
    assert np.array_equal(model.outputs(frame[order]), outputs[order])
    alone = np.concatenate([model.outputs(frame[row]) for row in range(40)])
    assert np.array_equal(alone, outputs[:40])
    monkeypatch.setattr("retemper.bundle.chunks.CHUNK_ROWS", 33)
    assert np.array_equal(model.outputs(frame), outputs)


@pytest.mark.parametrize("target", ["words", "integers", "numbers"])
def test_no_rows(table: Any, model_for: Any, target: str) -> None:
    frame = table(target=target)
    model = model_for(frame)
    none = frame[:0]
    assert model.predict(none).shape == (0,) and model.predict(none).dtype == model.predict(frame).dtype
    assert model.outputs(none).shape == (0, *model.outputs(frame).shape[1:])
    assert model.prediction_frame(none).schema == model.prediction_frame(frame).schema


def test_rows_in_any_form(table: Any, model_for: Any, tmp_path: Path) -> None:
    frame = table()
    model = model_for(frame)
    expected = model.predict_proba(frame)
    frame.write_csv(tmp_path / "rows.csv")
    frame.write_parquet(tmp_path / "rows.parquet")
    forms = [
        frame.drop("y"),
        frame.lazy(),
        frame.with_columns(extra=pl.lit("?")).select(["y", *reversed(frame.columns[:-1]), "extra"]),
        frame.to_dict(as_series=False),
        pd.DataFrame(frame.to_dict(as_series=False)),
        tmp_path / "rows.csv",
        str(tmp_path / "rows.parquet"),
    ]
    for form in forms:
        np.testing.assert_allclose(model.predict_proba(form), expected, rtol=1e-6, err_msg=str(type(form)))


def test_arrays(model_for: Any) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 4)).round(3)
    frame = pl.DataFrame(x, schema=[f"x{k}" for k in range(4)])
    model = model_for(frame.with_columns(y=pl.Series(draw.normal(size=60))))
    assert np.array_equal(model.predict(x), model.predict(frame))
    assert np.array_equal(model.predict(x[:1]), model.predict(x)[:1])


def test_missing_and_unknown_cells_are_taken_and_absent_columns_are_not(table: Any, model_for: Any) -> None:
    frame = table()
    model = model_for(frame)
    odd = frame.with_columns(
        size=pl.lit(None, pl.Float64), kind=pl.lit("never seen"), city=pl.lit("?"), open=pl.lit(None)
    )
    assert np.isfinite(model.predict_proba(odd)).all()
    for column in ("size", "city"):
        with pytest.raises(InputError) as caught:
            model.predict(frame.drop(column))
        assert caught.value.code == "missing_column" and caught.value.where["column"] == column
    with pytest.raises(InputError) as caught:
        model.predict(frame.with_columns(size=pl.lit("large")))
    assert caught.value.code == "not_a_number"


def test_a_bad_cell_is_told_by_its_row_in_the_whole_table(
    table: Any, model_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table()
    model = model_for(frame)
    monkeypatch.setattr("retemper.bundle.chunks.CHUNK_ROWS", 64)
    cells = frame["size"].cast(pl.String).to_list()
    cells[150] = "large"
    with pytest.raises(InputError, match="row 151 is 'large'") as caught:
        model.outputs(frame.with_columns(pl.Series("size", cells)))
    assert caught.value.where == {"column": "size", "row": 151}


def test_rows_on_disk_are_read_once(
    table: Any, model_for: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    frame = table()
    model = model_for(frame)
    monkeypatch.setattr("retemper.bundle.chunks.CHUNK_ROWS", 64)
    monkeypatch.setattr("retemper.data.parts.LARGE_BYTES", 0)
    monkeypatch.setenv("RETEMPER_CACHE", str(tmp_path / "cache"))
    frame.write_csv(tmp_path / "new.csv")
    rows = []
    own = FrameOnDisk._read
    monkeypatch.setattr(FrameOnDisk, "_read", lambda *place: rows.append(place[3]) or own(*place))
    assert np.array_equal(model.outputs(read(tmp_path / "new.csv").frame), model.outputs(frame))
    assert sum(rows) == frame.height
