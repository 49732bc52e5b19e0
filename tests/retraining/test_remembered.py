"""What the model in force remembers: rows as far as they may be kept, each batch under its own number."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.api.retrain_inputs import before_of
from retemper.bundle.memory.kept import Kept
from retemper.bundle.memory.record import Memory
from retemper.bundle.model import Model
from retemper.core.recipe_sections import KeepOptions
from retemper.retraining.before import Before, drift_of
from retemper.retraining.folds import NEVER
from retemper.retraining.options import RetrainOptions
from retemper.retraining.remembered import Learnt, remembering

from .made import champion, table


def before(model: Model, new: pl.DataFrame, **more: Any) -> Before:
    return before_of(model, new, more.pop("old", None), RetrainOptions(**more))


def memory_of(model: Model) -> Memory:
    assert model.memory is not None
    return model.memory


def kept_of(model: Model) -> Kept:
    kept = memory_of(model).kept
    assert kept is not None
    return kept


def promoted(start: Before, matrix: Any) -> Model:
    """The champion as if it had won as a challenger of its own."""
    ground = start.ground()
    learnt = Learnt(ground.folds != NEVER, ground, ground.said_new, 5e6)
    return remembering(start, ground, start.grown.model, learnt, matrix)


def keeping(rows: int = 60) -> Model:
    """A champion that keeps so many rows."""
    start = before(champion("classes"), table("classes", 120, 2), old=table("classes", 160, 5), keep_old=rows)
    return promoted(start, ((None,), (None, 0.5)))


def test_batches_are_numbered_as_the_matrix_is() -> None:
    model = keeping()
    assert set(kept_of(model).batch.tolist()) == {0, 1}
    # The second batch leaves no row; the third one is the third all the same.
    none = replace(model, memory=replace(memory_of(model), matrix=((None,), (None, 0.5), (None, 0.5, 0.4))))
    start = before(none, table("classes", 90, 7))
    after = remembering(start, start.ground(), none, None, ((None,),) * 4)
    assert set(kept_of(after).batch.tolist()) <= {0, 1, 3} and 3 in kept_of(after).batch


def test_what_was_learnt_is_known_and_what_was_not_is_unseen() -> None:
    start = before(champion("classes"), table("classes", 120, 2), old=table("classes", 160, 5), keep_old=60)
    model, ground = promoted(start, ((None,), (None, 0.5))), start.ground()
    memory = memory_of(model)
    taught = ground.new.filter(pl.Series(ground.folds != NEVER))
    assert memory.trained.seen(taught, model.schema).all()
    assert memory.trained.seen(ground.taught_old(), model.schema).all()
    assert memory.trained.seen(ground.new, model.schema).mean() < 0.95
    assert memory.work is not None and memory.work.multiply_adds == 5e6
    assert memory.work.rows == taught.height + ground.taught_old().height
    assert memory.standing["accuracy"].rows == 120


@pytest.mark.parametrize("labels", [True, False])
def test_fewer_rows_are_kept_from_now_on_where_the_user_says_so(labels: bool) -> None:
    model = keeping(60)
    assert kept_of(model).frame.height == 60
    new = table("classes", 90, 7)
    for most in (10, 0):
        start = before(model, new if labels else new.drop("y"), keep_old=most)
        after = remembering(start, None, model, None, memory_of(model).matrix)
        assert after.recipe.keep.rows == most
        held = memory_of(after).kept
        assert (0 if held is None else held.frame.height) == most


def test_a_model_without_memory_that_is_to_keep_nothing_stays_as_it_is() -> None:
    model = replace(champion("classes"), memory=None)
    assert remembering(before(model, table("classes", 90, 7)), None, model, None, ((None,),)) is model


@pytest.mark.parametrize("wanted", [True, False])
def test_sketches_are_as_the_user_wanted_whatever_the_last_batch_allowed(wanted: bool) -> None:
    model = champion("classes")
    model = replace(model, recipe=model.recipe.replaced(keep=KeepOptions(sketches=wanted)))
    few = promoted(before(model, table("classes", 30, 2)), ((None,), (None, 0.5)))
    assert memory_of(few).sketches is None
    more = promoted(before(few, table("classes", 90, 3)), ((None,), (None, 0.5), (None, None, 0.5)))
    assert (memory_of(more).sketches is not None) == wanted


def test_a_column_that_came_and_went_again_is_no_fault() -> None:
    wide = table("classes", 120, 2).with_columns(more=pl.int_range(pl.len()) * 1.5)
    first = promoted(before(champion("classes"), wide), ((None,), (None, 0.5)))
    assert "more" in [column.name for column in first.schema.columns]
    start = before(first, table("classes", 90, 3))
    again = promoted(start, ((None,), (None, 0.5), (None, None, 0.5)))
    sketches = memory_of(again).sketches
    assert sketches is not None
    assert {own.name for own in sketches.grid.columns} == {"p", "q", "kind"}
    # Drift is told by what there is, whether the column is back or not.
    for rows in (table("classes", 90, 4), wide):
        assert drift_of(before(again, rows)).p_value is not None


def test_rows_of_a_group_make_an_interval_wider() -> None:
    rows = table("classes", 120, 2).with_columns(g=pl.int_range(pl.len()) // 12)
    # Nearly the same row twelve times; copies to the digit would count once.
    alike = pl.concat([rows[::12]] * 12).sort("g").with_columns(pl.col("p") + 1e-6 * pl.int_range(120))
    grouped = champion("classes", 1, data__group="g")
    plain = replace(grouped, schema=replace(grouped.schema, group=None))
    widths = []
    for model in (grouped, plain):
        start = before(model, alike)
        ground = start.ground()
        learnt = Learnt(np.ones(120, dtype=bool), ground, ground.said_new, 1.0)
        found = remembering(start, ground, model, learnt, ((None,), (None, 0.5)))
        own = memory_of(found).standing["log_loss"]
        assert own.low is not None and own.high is not None
        widths.append(own.high - own.low)
    assert widths[0] > 2 * widths[1]
