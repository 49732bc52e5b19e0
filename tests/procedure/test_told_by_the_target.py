"""Group means hold targets: a network must not have seen those that judge it, however roundabout."""

import numpy as np
import polars as pl
import pytest

from retemper.data.told import told_by_folds
from retemper.procedure import train_long
from retemper.procedure.book import bags_of
from retemper.procedure.cross_fitting import dealt, folds_for
from retemper.training.arrays import pooled
from retemper.training.fold_files import load_versions

FOLDED = {
    "procedure.folds": 3,
    "procedure.members": 3,
    "training.epochs": 20,
    "training.batch_size": 32,
    "training.patience_epochs": 0,
    "model.width": 64,
    "prepare.constructed": ["group_mean"],
    "prepare.one_hot_levels": 8,
    "data.kinds": {"c": "category"},
    "training.optimizer.learning_rate": 0.01,
}


def _meaningless(rows: int = 600, levels: int = 120) -> pl.DataFrame:
    """Levels, a number and a target that have nothing to do with each other."""
    draw = np.random.default_rng(0)
    c = draw.integers(levels, size=rows)
    return pl.DataFrame(
        {"c": [f"l{k}" for k in c], "x": draw.normal(size=rows), "y": draw.choice(["a", "b"], rows)}
    )


@pytest.fixture(scope="module")
def meaningless(bench):
    return bench(_meaningless(), changes=FOLDED)


def test_a_category_without_meaning_does_not_look_useful(meaningless):
    desk, state = meaningless
    state, _ = desk.do(train_long, state)
    loss = bags_of(state, state.long)[0].loss
    assert loss > np.log(2) - 0.01, "rows that judge were told to the networks"


def test_a_folds_version_does_not_depend_on_its_targets(meaningless):
    _, state = meaningless
    preparer = state.ready[0]
    rows = np.concatenate([state.splits.train, state.splits.validation])
    frame = state.table.frame[rows]
    folds = (np.arange(len(rows)) % 3).astype(np.uint8)
    flipped = frame.with_columns(
        pl.when(pl.Series(folds == 1))
        .then(pl.col("y").replace({"a": "b", "b": "a"}))
        .otherwise("y")
        .alias("y")
    )
    one, other = (list(told_by_folds(preparer, given, state.schema, folds)) for given in (frame, flipped))
    same = [np.array_equal(a, b) for (_, a), (_, b) in zip(one, other, strict=True)]
    assert same == [False, True, False]
    columns, values = one[1]
    names = [preparer.feature_names[k] for k in columns]
    assert names == ["share of y=b by c", "share of y=b by c:place"] and np.isfinite(values).all()


def test_every_row_is_there_once_for_each_fold(meaningless):
    _, state = meaningless
    state = dealt(state, folds_for(state))
    versions, rows = load_versions(state.data_folder), pooled(state.ready[2])
    count = len(rows.y)
    assert versions is not None and len(versions.y) == 3 * count
    assert (state.folds == state.folds[0]).all(), "one draw for all bags"
    columns = next(
        told_by_folds(state.ready[0], state.table.frame[:60], state.schema, np.arange(60, dtype=np.uint8) % 2)
    )[0]
    others = np.setdiff1d(np.arange(rows.dense.shape[1]), columns)
    for fold in range(3):
        own = versions.dense[fold * count : (fold + 1) * count]
        assert np.array_equal(own[:, others], rows.dense[:, others])
        assert not np.array_equal(own[:, columns], rows.dense[:, columns])
