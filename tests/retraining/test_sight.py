"""Rows as a preparer shows them, the champion's or one that is fitted anew."""

import numpy as np
import polars as pl

from retemper.retraining.sight import arrays_of, refitted, weights_of

from .made import champion, table


def test_a_regression_learns_in_the_target_s_own_scale() -> None:
    model, rows = champion("numbers"), table("numbers", 50, 3)
    arrays = arrays_of(model, rows)
    assert arrays.y.dtype == np.float32
    np.testing.assert_allclose(arrays.y, model.target_codec.scale(rows["y"].to_numpy()), rtol=1e-6)


def test_a_class_is_learnt_by_its_code() -> None:
    model, rows = champion("classes"), table("classes", 50, 3)
    names = np.array(model.classes)[arrays_of(model, rows).y]
    assert names.tolist() == rows["y"].to_list()


def test_rows_without_the_weights_column_count_alike() -> None:
    model, rows = champion("classes", data__weight="w"), table("classes", 10, 3)
    assert weights_of(model, rows).tolist() == [1.0] * 10
    assert weights_of(model, rows.with_columns(w=pl.lit(0.5))).tolist() == [0.5] * 10


def test_fitted_anew_the_numbers_and_the_target_have_a_scale_of_today() -> None:
    model = champion("numbers")
    rows = table("numbers", 200, 3).with_columns(p=pl.col("p") * 50 + 1000, y=pl.col("y") + 5000)
    fresh = refitted(model, rows)
    old, new = (np.median(own.preparer.transform(rows).dense[:, 0]) for own in (model, fresh))
    assert abs(new) < 0.1 and old > 1
    assert abs(float(fresh.target_codec.scale(rows["y"].to_numpy()).mean())) < 1e-6
    assert fresh.parts == () and fresh.schema == model.schema


def test_fitted_anew_no_column_is_told_by_the_target() -> None:
    model = champion("numbers", prepare__constructed=("log", "group_mean"))
    fresh = refitted(model, table("numbers", 200, 3))
    assert fresh.recipe.prepare.constructed == ["log"]
    assert (fresh.recipe.prepare.text_scores, fresh.recipe.prepare.select) == (False, "none")


def test_fitted_anew_rows_may_lack_what_they_might_lack_before() -> None:
    model = champion("classes")
    rows = table("classes", 200, 3)
    fresh = refitted(model, rows)
    assert set(fresh.preparer.optional) == set(model.preparer.optional)
