"""The function ``tune``: a pair of arrays needs no target, and a space that is left out is told."""

import numpy as np
import pytest

import retemper

X = np.random.default_rng(0).normal(size=(80, 3))
Y = np.where(X[:, 0] > 0, "a", "b")


def test_rows_as_a_pair_need_no_target(tmp_path):
    run = retemper.tune(
        (X, Y), space={"learning_rate": [0.001, 0.01]}, sampler="grid", folds=0, out=tmp_path / "run"
    )
    assert run.result["search"]["trials"] == 2
    assert set(run.model.predict(X[:5])) <= {"a", "b"}


def test_without_a_space_there_is_nothing_to_search(tmp_path):
    with pytest.raises(retemper.InputError, match="nothing to search"):
        retemper.tune((X, Y), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
