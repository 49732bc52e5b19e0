"""Wide tables: what tells nothing is left out where a linear model predicts held-out rows better without it."""

import numpy as np
import polars as pl
import pytest

from retemper.procedure import data_check, screen


def wide(target, rows=160, columns=screen.WIDE_COLUMNS + 20, seed=0):
    x = np.random.default_rng(seed).normal(size=(rows, columns))
    return pl.DataFrame({f"c{k}": x[:, k] for k in range(columns)} | {"y": target(x)})


def test_columns_that_tell_no_more_than_noise_are_left_out_of_a_wide_table(bench, recipe_of):
    desk, state = bench(wide(lambda x: 3 * x[:, 7] - 3 * x[:, 11]), changes={"data.clean": False})
    assert len(state.ready[0].columns) == screen.WIDE_COLUMNS + 20
    state, step = desk.do(data_check, state.with_(recipe=recipe_of("y")))
    kept = state.ready[0].columns
    assert {"c7", "c11"} <= set(kept) and len(kept) < 20
    assert state.ready[2].train.dense.shape[1] < 60 and state.recipe.prepare.select == screen.SELECT
    record = step.evidence["screened"]
    assert record["verdict"] == "kept" and record["after"] < 0.5 * record["before"]
    assert (
        record["kept_columns"] == len(kept) and f"{record['columns'] - len(kept):,} columns" in step.message
    )
    assert not screen.is_wide(state), "nobody chooses twice"


def test_columns_stay_where_the_linear_model_needs_them_all(bench):
    """Each of all columns tells a little: what is left of a choice predicts worse."""
    _, state = bench(wide(lambda x: x.mean(axis=1), rows=900))
    assert len(state.ready[0].columns) == screen.WIDE_COLUMNS + 20
    assert state.recipe.prepare.select == "none"


@pytest.mark.parametrize("changes", [{"data.clean": False}, {"prepare.select": "permutation"}])
def test_what_the_recipe_says_stands(bench, changes):
    _, state = bench(wide(lambda x: x[:, 7], rows=60), changes=changes)
    assert state.recipe.prepare.select == changes.get("prepare.select", "none")
