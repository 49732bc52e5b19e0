"""retemper.drift as a person calls it."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import polars as pl
import pytest

import retemper
from retemper.core.errors import InputError
from retemper.data.frame import FrameOnDisk
from retemper.data.read import read

WORDS = ["one", "two", "three", "four"]
CONTRACT = Path(__file__).resolve().parents[1] / "contract" / "decision.schema.json"


def _rows(draws, rows, shift=0.0, flipped=False, second=0.5):
    y = draws.random(rows) < second
    x = draws.normal(size=rows) + 2 * y + shift
    told = ~y if flipped else y
    words = draws.choice(["u", "v"], rows)
    return pl.DataFrame({"x": x, "z": draws.normal(size=rows), "w": words, "y": np.where(told, "yes", "no")})


@pytest.fixture(scope="module")
def model():
    draws = np.random.default_rng(0)
    rows = _rows(draws, 400)
    network = retemper.NetClassifier(hidden_units=8, learning_rate=0.03, epochs=15, random_state=0)
    return network.fit(rows.drop("y"), rows["y"]).model_


@pytest.fixture(scope="module")
def before():
    return _rows(np.random.default_rng(1), 600)


def _now(rows=200, **changes):
    return _rows(np.random.default_rng(4), rows, **changes)


def test_the_same_again_is_no_drift(model, before):
    found = retemper.drift(before, _now(), model=model, target="y")
    assert not found.detected and found.kinds == () and found.drifted == ()
    assert set(found.families) == {
        "categories", "classifier", "concept", "mmd", "new_categories", "numbers", "predictions", "prior",
    }  # fmt: skip
    assert dict(found.not_applicable) == {"missingness": "no column has both missing and other cells"}
    assert found.rows == {"reference": 600, "current": 200}


def test_a_shifted_input_is_covariate_drift(model, before):
    found = retemper.drift(before.drop("y"), _now(shift=0.8).drop("y"), model=model)
    assert found.detected and found.kinds == ("covariate",)
    assert {"x", "probability_yes", "prediction"} == {column.name for column in found.drifted}
    assert found.columns[0].adjusted_p <= found.columns[-1].adjusted_p
    assert "covariate" in found.sentence() and dict(found.not_applicable)["prior"]


def test_other_labels_of_the_same_inputs_are_concept_drift(model, before):
    found = retemper.drift(before, _now(flipped=True), model=model, target="y")
    assert found.kinds == ("concept",)


def test_a_shifted_input_alone_is_no_concept_drift(model, before):
    draws = np.random.default_rng(3)
    pool = _rows(draws, 4000)
    moved = pool.filter(pl.Series(draws.random(4000) < 1 / (1 + np.exp(-2 * (pool["z"].to_numpy() - 1)))))[
        :300
    ]
    found = retemper.drift(before, moved, model=model, target="y")
    assert found.detected and "concept" not in found.kinds


def test_other_shares_of_the_classes_are_prior_drift(model, before):
    found = retemper.drift(before, _now(second=0.8), model=model, target="y")
    assert "prior" in found.kinds


def test_a_regression_s_residuals_show_concept_drift():
    draws = np.random.default_rng(0)
    x = draws.normal(size=(900, 2))
    y = x[:, 0] + 0.1 * draws.normal(size=900)
    network = retemper.NetRegressor(hidden_units=8, learning_rate=0.03, epochs=15, random_state=0).fit(
        x[:300], y[:300]
    )
    model = network.model_
    first, second = (column.name for column in model.schema.features())

    def rows(of, goal):
        return {first: x[of, 0], second: x[of, 1], model.target: goal[of]}

    old, new = slice(300, 700), slice(700, 900)
    assert not retemper.drift(rows(old, y), rows(new, y), model=model).detected
    found = retemper.drift(rows(old, y), rows(new, y + 0.5 * (x[:, 1] > 0)), model=model)
    assert "concept" in found.kinds and "covariate" not in found.kinds
    assert "prediction" in {column.name for column in found.columns}


def test_the_result_fits_the_contract(model, before):
    schema = json.loads(CONTRACT.read_text())["properties"]["drift"]
    for now in (_now(), _now(shift=1.0), _now(rows=12)):
        told = json.loads(json.dumps(retemper.drift(before, now, model=model, target="y").to_json()))
        jsonschema.validate(told, schema)
        assert told["p_value"] == min(
            1.0, min(f["p_value"] for f in told["families"].values()) * len(told["families"])
        )


def test_adjusted_p_values_agree_with_the_whole(before):
    found = retemper.drift(before, _now(shift=0.5))
    own = {name: family.p_value for name, family in found.families.items()}
    assert found.p_value == pytest.approx(min(1.0, min(own.values()) * len(own)))
    for name in ("numbers", "categories"):
        of_family = [column for column in found.columns if column.family == name]
        assert min(c.adjusted_p for c in of_family) == pytest.approx(min(1.0, own[name] * len(own)))
        assert all(column.adjusted_p >= column.p_value for column in of_family)


def test_the_seed_alone_fixes_the_result(before):
    assert retemper.drift(before, _now(), seed=3) == retemper.drift(before, _now(), seed=3)
    assert retemper.drift(before, _now(), seed=3) != retemper.drift(before, _now(), seed=4)


def test_pandas_files_and_folders_are_read(before, tmp_path):
    before.write_csv(tmp_path / "before.csv")
    now = pd.DataFrame(_now(shift=0.5).to_dict(as_series=False))
    found = retemper.drift(tmp_path / "before.csv", now, target="y")
    assert found.p_value == retemper.drift(before, _now(shift=0.5), target="y").p_value


def test_large_files_stay_on_disk_and_say_the_same(before, model, tmp_path, monkeypatch):
    before.write_csv(tmp_path / "before.csv")
    _now().write_csv(tmp_path / "now.csv")
    both = tmp_path / "before.csv", tmp_path / "now.csv"
    in_memory = retemper.drift(*both, model=model)
    monkeypatch.setattr("retemper.data.parts.LARGE_BYTES", 0)
    monkeypatch.setenv("RETEMPER_CACHE", str(tmp_path / "cache"))
    assert isinstance(read(both[0]).frame, FrameOnDisk)
    assert retemper.drift(*both, model=model) == in_memory


def test_dates_and_texts_are_columns_with_an_order():
    draws = np.random.default_rng(0)

    def rows(count, year, words):
        days = [datetime(year, 1, 1) + timedelta(days=int(day)) for day in draws.integers(0, 300, count)]
        lengths = words + draws.integers(0, 5, count)
        return {"day": days, "text": [" ".join(draws.choice(WORDS, length)) for length in lengths]}

    found = retemper.drift(rows(200, 2020, 4), rows(100, 2021, 12))
    assert {column.name for column in found.drifted} == {"day", "text"}


def test_columns_that_one_side_lacks_are_said(before):
    found = retemper.drift(before, _now().drop("z").with_columns(extra=pl.lit(1)))
    assert dict(found.not_applicable)["z"] == "the current rows do not have it"
    assert dict(found.not_applicable)["extra"] == "the reference does not have it"
    assert "z" not in {column.name for column in found.columns}


def test_a_model_that_lacks_a_column_says_so(model, before):
    found = retemper.drift(before, _now().drop("z"), model=model)
    assert "'z'" in dict(found.not_applicable)["model"]
    assert "predictions" not in found.families and "concept" not in found.families


def test_an_all_missing_column_is_missingness_and_said(before):
    now = _now().with_columns(z=pl.lit(None, dtype=pl.Float64))
    found = retemper.drift(before, now)
    assert found.detected and found.families["missingness"].p_value < 1e-6
    assert "every cell of the current rows is missing" in dict(found.not_applicable)["z"]
    assert ("z", "numbers") not in {(column.name, column.family) for column in found.columns}


def test_what_is_left_out_is_not_compared(before):
    now = _now().with_columns(x=pl.col("x") + 5)
    assert retemper.drift(before, now).detected
    assert not retemper.drift(before, now, leave_out=("x",)).detected


def test_labels_that_come_late_are_left_out_row_by_row(model, before):
    now = _now().with_columns(y=pl.when(pl.int_range(pl.len()) < 150).then("y"))
    found = retemper.drift(before, now, model=model, target="y")
    assert not found.detected and "prior" in found.families


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"alpha": 0.0}, "bad_option"),
        ({"alpha": 1.0}, "bad_option"),
        ({"seed": -1}, "bad_option"),
        ({"target": "yy"}, "missing_column"),
        ({"leave_out": ("xx",)}, "missing_column"),
    ],
)
def test_mistakes_are_refused(before, change, code):
    with pytest.raises(InputError) as error:
        retemper.drift(before, _now(), **change)
    assert error.value.code == code and len(error.value.hint) > 3


def test_sources_that_can_t_be_compared_are_refused(before):
    with pytest.raises(InputError, match="no column in common"):
        retemper.drift(before, {"other": [1, 2, 3]})
    with pytest.raises(InputError, match="1 row"):
        retemper.drift(before, before[:1])
    with pytest.raises(InputError) as error:
        retemper.drift(before, _now().with_columns(x=pl.lit("far")))
    assert error.value.code == "different_types"
