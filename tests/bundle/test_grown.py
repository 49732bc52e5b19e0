"""A model grows by what it is shown, keeps the rest, and refuses what it can't take."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.bundle.grown import grown
from retemper.bundle.load import load
from retemper.core.errors import InputError
from retemper.core.recipe_sections import DataOptions
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.unlearnt import Unlearnt
from retemper.evaluation.conformal import Intervals, Quantiles, fit_intervals
from retemper.evaluation.costs import Costs
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import features_of
from retemper.evaluation.threshold import Threshold


def wider(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with two new columns, a new level, and a fifth of them in a new class."""
    rows, draw = len(frame), np.random.default_rng(5)
    late = pl.int_range(pl.len()) % 5 == 0
    label = {pl.String: "new", pl.Int64: 7}.get(frame["y"].dtype)  # type: ignore[call-overload]
    return frame.with_columns(
        income=pl.Series(draw.normal(size=rows)),
        shop=pl.Series(draw.choice(["p", "q"], rows)),
        kind=pl.when(late).then(pl.lit("z")).otherwise("kind"),
        y=pl.when(late).then(pl.lit(label)).otherwise("y") if label is not None else pl.col("y"),
    )


def both(frame: pl.DataFrame) -> pl.DataFrame:
    """Old rows, then rows of now."""
    return pl.concat([frame, wider(frame)], how="diagonal_relaxed")


def test_a_grown_model_is_saved_and_serves_old_and_new_rows(
    table: Any, model_for: Any, tmp_path: Path
) -> None:
    frame = table()
    larger = grown(model_for(frame, 1.7), both(frame)).model
    again = load(larger.save(tmp_path))
    for rows in (frame, wider(frame)):
        assert np.array_equal(again.outputs(rows), larger.outputs(rows))
    assert again.schema == larger.schema and again.preparer.optional == ("income", "shop")
    assert again.classes == ("may be", "no", "yes", "new") and again.shape.late == larger.shape.late != ()
    assert not Unlearnt.of(again.preparer, [frame, wider(frame)]).unknown_levels


def test_what_was_added_is_said_and_the_rest_is_as_it_was(table: Any, model_for: Any) -> None:
    frame = table(target="integers")
    model = model_for(frame)
    found = grown(model, both(frame))
    assert found.added.to_json() == {
        "classes": {"7": 0.1},
        "levels": {"kind": ["z"], "city": ["city 6"]},  # rare among the old rows, not among all
        "columns": {"income": "number", "shop": "category"},
        "gone": [],
        "given_up": [],
    }
    target = found.model.target_codec
    assert target.labels == (2, 10, 7) and abs(sum(target.prior) - 1) < 1e-12 and min(target.prior) > 0.09
    assert set(found.model.predict(wider(frame)).tolist()) <= {2, 10}
    assert [own.name for own in found.model.schema.columns][-2:] == ["income", "shop"]
    assert found.model.schema.classes == ("2", "10", "7") and model.classes == ("2", "10")


def test_nothing_new_changes_nothing(table: Any, model_for: Any) -> None:
    frame = table()
    model = model_for(frame)
    assert grown(model, frame).model is model and not grown(model, frame.drop("y")).added
    rare = frame.with_columns(kind=pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("z")).otherwise("kind"))
    assert not grown(model, rare).added  # of a level with fewer rows than min_level_rows nothing is learnt
    constant = frame.with_columns(source=pl.lit("a file"), place=pl.lit(None, pl.String))
    assert not grown(model, constant).added


@pytest.mark.parametrize("target", ["numbers", "booleans"])
def test_without_new_classes_outputs_are_the_same(table: Any, model_for: Any, target: str) -> None:
    frame = table(target=target)
    model = model_for(frame)
    larger = grown(model, both(frame)).model
    np.testing.assert_allclose(larger.outputs(frame), model.outputs(frame), rtol=1e-6)
    assert larger.target_codec is model.target_codec and larger.recipe is model.recipe


def test_a_column_that_never_varied_may_begin_to(table: Any, model_for: Any) -> None:
    frame = table().with_columns(land=pl.lit("NO"))
    model = model_for(frame)
    now = frame.with_columns(land=pl.Series(["NO", "SE"] * 100))
    found = grown(model, pl.concat([frame, now]))
    assert found.added.columns == {"land": "category"} and "land" not in model.preparer.columns
    assert [own.name for own in found.model.schema.columns].count("land") == 1
    np.testing.assert_allclose(found.model.outputs(now), model.outputs(now), rtol=1e-6)


@pytest.mark.parametrize("told_by", ["rows", "schema"])
def test_a_column_that_was_missing_before_may_be_gone(table: Any, model_for: Any, told_by: str) -> None:
    frame = table()
    model, now = model_for(frame), frame.drop("age")
    rows = now if told_by == "rows" else pl.concat([frame, now], how="diagonal")
    schema = infer(read(now), DataOptions(target="y")) if told_by == "schema" else None
    found = grown(model, rows, schema)
    assert found.added.gone == ("age",) and found.findings[0].code == "columns_gone"
    missing = frame.with_columns(age=pl.lit(None, pl.Int64))
    assert np.array_equal(found.model.outputs(now), model.outputs(missing))
    assert ("age" in [own.name for own in found.model.schema.columns]) == (told_by == "schema")
    back = grown(found.model, frame)  # when it comes back it is the column it was
    assert not back.added and "age" in [own.name for own in back.model.schema.columns]
    assert np.array_equal(back.model.outputs(frame), model.outputs(frame))


def test_what_can_not_be_taken_is_refused(table: Any, model_for: Any) -> None:
    words, integers = table(), table(target="integers")
    cases = [
        (words, words.drop("size"), "column_gone"),
        (words, words.drop("kind"), "column_gone"),
        (integers, words, "class_of_another_type"),
        (table(target="booleans"), integers, "class_of_another_type"),
    ]
    for old, rows, code in cases:
        with pytest.raises(InputError) as caught:
            grown(model_for(old), rows)
        assert caught.value.code == code


def test_a_loss_over_one_output_becomes_cross_entropy_with_its_options(table: Any, model_for: Any) -> None:
    frame = table(target="integers")
    loss = {"name": "binary_cross_entropy", "label_smoothing": 0.05}
    model = model_for(frame, **{"training.loss": loss, "decision.metric": "f1", "decision.positive": 2})
    larger = grown(model, both(frame)).model
    assert larger.recipe.training.loss.name == "cross_entropy"
    assert larger.recipe.get("training.loss.label_smoothing") == 0.05
    assert larger.recipe.decision.metric == "none" and larger.recipe.decision.positive is None
    known = larger.predict_proba(frame)[:, :2]
    before = model.predict_proba(frame)  # of three networks, which are not all equally sure
    np.testing.assert_allclose(known / known.sum(axis=1, keepdims=True), before, atol=0.01)


def test_of_the_decision_costs_stay_and_what_held_for_two_classes_goes(table: Any, model_for: Any) -> None:
    frame = table(target="integers")
    decided = Decision(Threshold(1, 0.2), Quantiles.of([0.1] * 30), None, 0.9, Costs(((0, 1), (9, 0))))
    found = grown(replace(model_for(frame), decision=decided), both(frame))
    assert found.added.given_up == ("threshold", "prediction sets")
    decision = found.model.decision
    assert decision.threshold is None and decision.sets is None
    assert decision.costs == Costs(((0, 1, 1), (9, 0, 1), (1, 1, 0)))
    assert len(found.model.predict(wider(frame))) == 200
    kept = grown(replace(model_for(frame), decision=decided), both(frame).drop("y")).model.decision
    assert kept == decided


def test_intervals_follow_their_inputs(table: Any, model_for: Any) -> None:
    frame = table(target="numbers")
    model = model_for(frame)
    inputs = model.preparer.encoded(model.preparer.transform(frame))
    residual = np.random.default_rng(0).normal(size=200) * (1 + 5 * (frame["kind"] == "u").to_numpy())
    features = features_of(inputs, model.outputs(frame), np.zeros(200))
    intervals: Intervals = fit_intervals(residual, features, 0.9, 0, kinds=("boosted",))[0]
    model = replace(model, decision=Decision(intervals=intervals))
    larger = grown(model, both(frame)).model
    before, after = (each.predict_interval(frame) for each in (model, larger))
    np.testing.assert_allclose(after, before, rtol=1e-5)
    assert np.ptp(before[:, 1] - before[:, 0]) > 1
