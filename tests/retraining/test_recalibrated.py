"""Recalibration: each fold is judged by a shift that has not seen it."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from retemper.retraining.folds import NEVER
from retemper.retraining.past import Past
from retemper.retraining.recalibrated import recalibrated

from .made import TARGETS, ground_of, table


@pytest.mark.parametrize("target", TARGETS)
def test_a_row_has_no_say_in_what_is_said_of_it(target: str) -> None:
    rows = table(target, 120, 2)
    ground = ground_of(target, rows)
    for fold in (NEVER, 1):
        at = int(np.flatnonzero(ground.folds == fold)[0])
        labels = rows["y"].to_list()
        labels[at] = labels[at] + 50 if target == "numbers" else next(y for y in labels if y != labels[at])
        before, after = (
            recalibrated(replace(ground, new=own)) for own in (rows, rows.with_columns(y=pl.Series(labels)))
        )
        mine = ground.folds == fold
        np.testing.assert_array_equal(before.new[mine], after.new[mine])
        assert (before.new[~mine] != after.new[~mine]).any() == (fold != NEVER)


def test_another_level_of_the_target_is_learnt_from_rows() -> None:
    rows = table("numbers", 300, 2).with_columns(pl.col("y") * 1.2 + 40)
    ground = ground_of("numbers", rows)
    found = recalibrated(ground)
    was, now = (np.sqrt(ground.losses_new(own).mean()) for own in (ground.said_new, found.new))
    assert now < was / 4
    assert found.work == 0 and found.sound
    np.testing.assert_allclose(found.old, found.model.outputs(ground.past.judges))


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_judged_is_what_the_model_says(target: str) -> None:
    ground = ground_of(target)
    found = recalibrated(ground)
    never = ground.folds == NEVER
    np.testing.assert_allclose(found.new[never], found.model.outputs(ground.new.filter(never)), rtol=1e-6)
    assert len(found.model.parts) == len(ground.champion.parts)


def test_without_old_rows() -> None:
    ground = ground_of("classes", past=Past.none(table("classes", 120, 2)))
    assert recalibrated(ground).old.shape == (0, 3)
