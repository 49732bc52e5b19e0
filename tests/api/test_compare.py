"""Two models compared: their rows, classes, weights, groups, slices and costs."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import retemper
from retemper.core.errors import InputError
from retemper.retraining.gate_models import cost_of, paired_rows


def table(rows, seed, noise=0.5, labels=("no", "yes")):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    y = x[:, 0] + x[:, 1] + noise * random.normal(size=rows) > 0
    day = pl.date_range(pl.date(2026, 1, 1), pl.date(2026, 1, 1) + pl.duration(days=rows - 1), eager=True)
    return pl.DataFrame(
        {
            "a": x[:, 0],
            "b": x[:, 1],
            "city": np.where(x[:, 2] > 0, "Rome", "Oslo"),
            "when": day.cast(pl.String),
            "w": random.integers(0, 3, rows),
            "who": np.arange(rows) // 4,
            "y": np.where(y, labels[1], labels[0]),
        }
    )


def fitted(frame, **roles):
    """A small network of the columns, as it would come out of a run with these roles."""
    network = retemper.NetClassifier(hidden_units=8, learning_rate=0.02, epochs=15, random_state=0)
    model = network.fit(frame.drop("w", "who", "y"), frame["y"]).model_
    codec, schema = model.target_codec, replace(model.schema, **roles)
    return replace(model, target_codec=replace(codec, name="y"), schema=schema)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of two models: one trained on noise, one on the truth."""
    folder = tmp_path_factory.mktemp("compare")
    blurred = table(300, 1).with_columns(pl.col("y").shuffle(seed=0))
    roles = {"weight": "w", "group": "who"}
    weak = fitted(blurred, **roles).save(folder / "weak")
    return weak, fitted(table(300, 2), **roles).save(folder / "sound")


def test_a_better_model_is_promoted_from_its_folder_and_the_verdict_repeats(models, tmp_path):
    new, old = table(800, 3), table(400, 4)
    new.write_csv(tmp_path / "new.csv")
    found = retemper.compare(*models, tmp_path / "new.csv", old=old, slices=["city", "when", "a"])
    assert found.verdict == "promote", found.reason
    names = [test.name for test in found.tests]
    assert {"better_on_new", "accuracy_on_new", "calibration", "cost", "not_worse_on_old"} <= set(names)
    assert {"slice: city is Rome", "slice: city is Oslo"} <= set(names)
    assert sum("when" in name for name in names) == 8 and sum(" a " in f" {name} " for name in names) == 8
    assert found.not_tested == {}
    again = retemper.compare(*models, new, old=old, slices=["city", "when", "a"])
    assert json.dumps(again.to_json()) == json.dumps(found.to_json())


def test_the_worse_model_is_kept_out_and_a_model_against_itself(models):
    back = retemper.compare(models[1], models[0], table(800, 3))
    assert back.verdict == "keep" and "worse" in back.reason
    same = retemper.compare(models[0], models[0], table(200, 3))
    assert same.verdict == "keep" and [t.name for t in same.tests if not t.passed] == ["better_on_new"]


def test_weights_and_groups_count_where_the_data_have_them(models):
    weak, sound = (retemper.load(folder) for folder in models)
    frame = table(400, 5)
    rows, slices = paired_rows(weak, sound, frame, ["city"])
    weighted = frame.filter(pl.col("w") > 0)
    assert rows.rows == weighted.height == len(slices["city is Rome"])
    assert slices["city is Rome"].tolist() == (weighted["city"] == "Rome").to_list()
    assert len(np.unique(rows.group)) == weighted["who"].n_unique()
    plain, _ = paired_rows(weak, sound, frame.drop("w", "who"))
    assert plain.rows == 400 and plain.group is None and (plain.weight == 1).all()


def test_a_challenger_may_know_a_class_more(models):
    extra = pl.concat(
        [table(300, 6), table(100, 7, labels=("maybe", "maybe")).with_columns(a=pl.col("a") + 9)]
    )
    wide = fitted(extra)
    weak = retemper.load(models[0])
    rows, _ = paired_rows(weak, wide, extra.drop("w"))
    k = wide.classes.index("maybe")
    assert (rows.outputs[0][:, k] == 0).all() and rows.outputs[0].shape == rows.outputs[1].shape
    others = [wide.classes.index(name) for name in weak.classes]
    assert np.array_equal(rows.outputs[0][:, others], weak.predict_proba(extra))
    assert set(np.unique(rows.called[0])) <= set(others)
    found = retemper.compare(weak, wide, extra.drop("w"))
    assert found.tests[0].difference > 1, "a class that the champion can't say costs it 36 nats a row"


def test_the_cost_counts_all_networks(models):
    weak = retemper.load(models[0])
    twice = replace(weak, parts=weak.parts * 7)
    assert cost_of(twice) == pytest.approx(7 * cost_of(weak))
    found = retemper.compare(weak, twice, table(200, 3))
    cost = next(test for test in found.tests if test.name == "cost")
    assert cost.difference == pytest.approx(-6) and not cost.passed
    assert next(
        t for t in retemper.compare(weak, twice, table(200, 3), cost_ratio=8).tests if t.name == "cost"
    ).passed


@pytest.mark.parametrize(
    ("change", "options", "code"),
    [
        (lambda frame: frame.drop("y"), {}, "missing_target"),
        (lambda frame: frame, {"slices": ["town"]}, "unknown_column"),
        (lambda frame: frame, {"margin": 1}, "bad_gate_option"),
        (lambda frame: frame, {"alpha": 0}, "bad_gate_option"),
        (lambda frame: frame, {"metric": "rmse"}, "unknown_metric"),
        (lambda frame: frame.with_columns(y=pl.lit("perhaps")), {}, "unknown_class"),
    ],
)
def test_mistakes_are_named(models, change, options, code):
    with pytest.raises(InputError) as caught:
        retemper.compare(*models, change(table(60, 3)), **options)
    assert caught.value.code == code


def test_models_of_different_targets_are_refused(models):
    x = np.linspace(-1, 1, 60)[:, None]
    other = retemper.NetRegressor(hidden_units=4, epochs=1, random_state=0).fit(x, x[:, 0]).model_
    with pytest.raises(InputError, match="different targets"):
        retemper.compare(models[0], other, table(60, 3))
