"""What the recipe does to cells is in the step's evidence, counted in training rows; --no-clean leaves them be."""

from __future__ import annotations

import polars as pl

from retemper.procedure.treat import cleaned_by


def test_what_the_recipe_does_is_counted_in_training_rows(bench, tables):
    frame = tables.prices(300).with_columns(
        x=pl.when(pl.int_range(300) % 10 == 0).then(-999.0).otherwise("x"),
    )
    _, state = bench(frame, "price", {"prepare.placeholders": "missing"})
    (change,) = cleaned_by(state)
    expected = int((state.table.frame["x"][state.splits.train] == -999).sum())
    assert (change["column"], change["cells"], change["after"]) == ("x", expected, "missing")


def test_nothing_is_done_by_default(bench, tables):
    _, state = bench(tables.prices(300), "price")
    assert cleaned_by(state) == []
