"""The matrix of scores: every batch keeps its row and its column, whoever gave the old rows."""

from dataclasses import replace

import numpy as np
import pytest

from retemper.bundle.memory.record import Memory
from retemper.retraining.forgetting import forgotten, so_far, unjudged
from retemper.retraining.past import OldRows, Past

from .made import champion, ground_of, past_of, table

MATRIX = ((0.9,), (0.8, 0.7))


def test_a_model_without_a_memory_was_trained_once_nobody_knows_how_well() -> None:
    model = champion("classes")
    assert so_far(replace(model, memory=None)) == so_far(model) == ((None,),)
    assert model.memory is not None
    known = replace(model, memory=replace(model.memory, matrix=MATRIX))
    assert so_far(known) == MATRIX


def test_a_batch_that_nothing_judged_leaves_what_was_known() -> None:
    assert unjudged(MATRIX) == ((0.9,), (0.8, 0.7), (0.8, 0.7, None))


@pytest.mark.parametrize("target", ["classes", "numbers"])
def test_each_batch_is_judged_by_its_own_rows(target: str) -> None:
    rows = table(target, 160, 5)
    old = OldRows(rows, seen=np.arange(160) < 80, batch=np.arange(160) % 2)
    past = Past.of(old, 0)
    ground = ground_of(target, past=past)
    after = ground.said_new, ground.said_old
    told, matrix = forgotten(ground, MATRIX, after)
    assert matrix[:2] == MATRIX and [len(row) for row in matrix] == [1, 2, 3]
    assert tuple(map(tuple, told["matrix"])) == matrix
    assert told["batches"] == ["training", "batch 1", "batch 2"] and past.batch is not None
    # The champion stays: it is worth what it was.
    assert matrix[2][:2] == MATRIX[1] and told["backward_transfer"] == pytest.approx(-0.05)
    worse = ground.said_old[np.random.default_rng(0).permutation(len(ground.y_old))]
    told, moved = forgotten(ground, MATRIX, (ground.said_new, worse))
    unknown = forgotten(ground, ((None,), (None, None)), (ground.said_new, worse))[1]
    for batch in (0, 1):
        own = past.batch == batch
        y, sides = ground.y_old[own], (ground.said_old[own], worse[own])
        then, now = (
            np.sqrt(np.mean((y - said) ** 2)) if target == "numbers" else np.mean(said.argmax(axis=1) == y)
            for said in sides
        )
        assert moved[2][batch] == pytest.approx(MATRIX[1][batch] + now - then) and now != then
        assert unknown[2][batch] == pytest.approx(now)
    was = [MATRIX[0][0], MATRIX[1][1]]
    fallen = [now - then for now, then in zip(moved[2][:2], was, strict=True) if now is not None]
    assert told["backward_transfer"] == pytest.approx(np.mean(fallen))


def test_a_share_stays_a_share() -> None:
    old = OldRows(table("classes", 160, 5), seen=np.arange(160) < 80, batch=np.zeros(160, dtype=np.int64))
    ground = ground_of("classes", past=Past.of(old, 0))
    right = np.eye(3)[ground.y_old]
    assert forgotten(ground, ((0.99,),), (ground.said_new, right))[1][1][0] == 1.0


def test_old_rows_of_no_known_batch_are_told_as_one_and_end_no_matrix() -> None:
    ground = ground_of("classes", past=past_of("classes"))
    told, matrix = forgotten(ground, MATRIX, (ground.said_new, ground.said_old))
    assert told["batches"] == ["old rows", "new rows"] and told["backward_transfer"] == 0.0
    assert matrix[:2] == MATRIX and matrix[2][:2] == (None, None)
    assert matrix[2][2] == told["matrix"][1][1]


def test_a_matrix_with_gaps_says_what_it_can() -> None:
    gaps = ((None,), (None, 0.7))
    old = OldRows(table("classes", 160, 5), seen=np.arange(160) < 80, batch=np.ones(160, dtype=np.int64))
    ground = ground_of("classes", past=Past.of(old, 0))
    told, matrix = forgotten(ground, gaps, (ground.said_new, ground.said_old))
    assert matrix[2][0] is None and matrix[2][1] is not None
    assert told["backward_transfer"] == 0.0
    # What a model remembers of it comes back as it was.
    memory = ground.champion.memory
    assert memory is not None
    kept = replace(memory, matrix=matrix)
    files = {key: content for key, (_, content) in kept.files().items()}
    assert Memory.from_json(kept.to_json(), files).matrix == matrix
