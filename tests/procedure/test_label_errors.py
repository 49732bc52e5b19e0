"""Treating wrong labels: kept where it pays, never with --no-clean, never on a clean table, within its time."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from retemper.core.records import to_json
from retemper.data.label_errors import judge
from retemper.doctor.proof import Proof
from retemper.procedure import label_errors
from retemper.procedure.label_errors import run, treated
from retemper.training import arrays

UNTREATED = {"training.optimizer.learning_rate": 5e-3, "data.clean": False}
"""So that the state comes out of ``data_check`` with its labels as given, and small networks learn in seconds."""


def bands(share, rows=700):
    """Three bands of x + z; a share of the labels is moved to another band."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=(2, rows))
    true = np.digitize(x + z, [-0.7, 0.7])
    wrong = draw.random(rows) < share
    y = np.where(wrong, (true + draw.integers(1, 3, rows)) % 3, true)
    return pl.DataFrame({"x": x, "z": z, "y": [f"band {k}" for k in y]}), wrong


def prepared(bench, frame, target="y"):
    """A bench and a state to be treated."""
    own, state = bench(frame, target, UNTREATED)
    return own, state.with_(recipe=state.recipe.with_changes({"data.clean": True}))


@pytest.fixture(scope="module")
def noisy(bench):
    """A bench and the state of a table with 15 % of wrong labels, and which rows are wrong."""
    frame, wrong = bands(0.15)
    return *prepared(bench, frame), wrong


@pytest.fixture(scope="module")
def done(noisy):
    bench, state, _ = noisy
    return _run(bench, state)


@pytest.fixture(scope="module")
def suspects(noisy):
    _, state, _ = noisy
    seen = np.sort(np.concatenate([state.splits.train, state.splits.validation]))
    return judge(state.table.frame[seen], state.schema, state.recipe.seed)


@pytest.fixture
def judged(suspects, monkeypatch):
    """Finding is no test's business here: the suspects are those of the first look."""
    monkeypatch.setattr(label_errors, "judge", lambda *given: suspects)


def _run(bench, state):
    book = bench.book
    book.pool.folder = book.folder.checkpoints / "jobs"
    result = run(book, state)
    json.dumps(to_json(result[2]), allow_nan=False)
    return result


def test_a_treatment_that_pays_is_kept(noisy, done):
    _, before, wrong = noisy
    state, finding, facts = done
    assert finding.code == "label_errors" and finding.outcome.verdict == "kept"
    assert finding.outcome.remedy == facts["treatment"] in ("drop", "fix", "down_weight")
    assert finding.outcome.after < finding.outcome.before and finding.outcome.low > 0
    assert set(facts["tried"]) == {"drop", "fix", "down_weight"}
    train, was = state.arrays.train, before.arrays.train
    changed = (train.y != was.y) | (train.weight < 0.5 * was.weight)
    found = wrong[state.splits.train]
    assert found[changed].mean() > 0.8 and changed[found].mean() > 0.8
    assert (train.dense == was.dense).all()


def test_what_is_kept_is_what_later_steps_train_on(done):
    state, _, _ = done
    stored = arrays.load(state.data_folder)
    assert (stored.train.weight == state.arrays.train.weight).all()
    assert (stored.train.y == state.arrays.train.y).all()
    assert (stored.validation.weight == state.arrays.validation.weight).all()


def test_all_contenders_are_judged_by_the_same_weighted_validation_rows(noisy, done):
    bench, before, wrong = noisy
    weights = []
    for name in ("untreated", "drop", "fix", "down_weight"):
        stored = arrays.load(bench.book.folder.checkpoints / f"arrays.labels.{name}")
        assert (stored.validation.y == before.arrays.validation.y).all()
        weights.append(stored.validation.weight)
    assert all((own == weights[0]).all() for own in weights)
    doubted = wrong[before.splits.validation]
    assert weights[0][doubted].mean() < 0.3 < 0.8 < weights[0][~doubted].mean()
    untreated = arrays.load(bench.book.folder.checkpoints / "arrays.labels.untreated").train
    assert (untreated.y == before.arrays.train.y).all() and (untreated.weight == 1).all()


def test_rows_are_those_of_the_table(noisy, done):
    _, state, wrong = noisy
    surest = done[1].evidence["surest"]
    labels = state.table.frame["y"]
    assert all(row["given"] == labels[row["row"] - 1] for row in surest)
    assert np.mean([wrong[row["row"] - 1] for row in surest]) > 0.9


def test_the_sealed_rows_are_not_looked_at(noisy, done):
    bench, state, _ = noisy
    seen = np.concatenate([state.splits.train, state.splits.validation])
    sealed = ~np.isin(np.arange(state.table.frame.height), seen)
    absurd = state.table.frame.with_columns(
        x=pl.when(pl.Series(sealed)).then(1e9).otherwise("x"),
        y=pl.when(pl.Series(sealed)).then(pl.lit("band 0")).otherwise("y"),
    )
    again = _run(bench, state.with_(table=replace(state.table, frame=absurd)))
    assert again[1] == done[1]


def test_no_clean_reports_and_does_nothing(noisy, judged):
    bench, state, _ = noisy
    kept = state.with_(recipe=state.recipe.with_changes({"data.clean": False}))
    after, finding, facts = _run(bench, kept)
    assert after is kept
    assert finding.outcome.verdict == "not_tried" and "data.clean" in facts["message"]


def test_a_clean_table_is_left_alone(bench):
    own, state = prepared(bench, bands(0.0)[0])
    after, finding, facts = _run(own, state)
    assert after is state and finding is None and facts["low"] < facts["warning_from"]


def test_too_few_rows_are_not_applicable(bench, tables):
    own, state = prepared(bench, tables.two_classes(110))
    after, finding, facts = _run(own, state)
    assert after is state and finding is None and "fewer than" in facts["not_applicable"]


def test_with_little_time_it_is_left_out_and_told(noisy):
    bench, state, _ = noisy
    after, finding, facts = _run(bench.limited(20.0), state)
    assert after is state and finding is None and "too little" in facts["not_applicable"]


def test_a_replay_decides_the_same_without_a_clock(noisy):
    bench, state, _ = noisy
    replay = bench.replaying({"label_errors.seconds_and_rows": [1.0, 0]})
    assert "too little" in _run(replay, state)[2]["not_applicable"]


def test_trainings_that_time_cut_short_prove_nothing(noisy, judged, monkeypatch):
    bench, state, _ = noisy
    real = type(bench.book).train

    def cut(self, jobs, seconds, tell=True):
        results = real(self, jobs, seconds, tell)
        return [replace(own, stopped=3) if own.job.name.endswith("untreated") else own for own in results]

    monkeypatch.setattr(type(bench.book), "train", cut)
    after, finding, facts = _run(bench, state)
    assert after is state and finding.outcome.verdict == "not_tried"
    assert facts["cut_short"] == ["untreated"] and facts["treatment"] is None


def test_no_gain_no_treatment(noisy, judged, monkeypatch):
    bench, state, _ = noisy
    monkeypatch.setattr(label_errors, "_loss", lambda judged, outputs: 0.5)
    after, finding, facts = _run(bench, state)
    assert after is state and finding.outcome.verdict == "reverted" and facts["treatment"] is None


def test_a_gain_that_costs_accuracy_is_turned_down(noisy, judged, monkeypatch):
    bench, state, _ = noisy
    losses = iter([[1.0, 1.01, 0.99, 1.0], *[[0.5, 0.51, 0.49, 0.5]] * 3])
    monkeypatch.setattr(label_errors, "_losses", lambda judged, result: next(losses))
    rows = len(state.splits.validation)
    marks = iter([np.ones(rows), *(np.repeat([0.0, 1.0], [lost, rows - lost]) for lost in (20, 30, 40))])
    monkeypatch.setattr(label_errors, "_right", lambda judged, result: next(marks))
    after, finding, facts = _run(bench, state)
    assert after is state and finding.outcome.verdict == "reverted" and facts["treatment"] is None
    assert "accuracy falls from 1.0000 to" in facts["message"]
    own = [own["accuracy"] for own in facts["tried"].values()]
    assert own == sorted(own, reverse=True) and own[0] < facts["untreated_accuracy"] == pytest.approx(1)


def test_a_row_or_two_that_change_by_chance_turn_nothing_down():
    proof = Proof(True, "Kept: the gain is beyond seed noise.", 0.1, 0.05, 0.15, 1.0, 0.9)
    shares, before = np.full(100, 0.01), np.ones(100)
    one, back = before.copy(), before.copy()
    one[:4] = 0
    swapped = before.copy()
    swapped[:3], back[:2] = 0, 0
    assert not label_errors._guarded(proof, before, one, shares).kept
    assert label_errors._guarded(proof, back, np.roll(swapped, 50), shares).kept, "2 gained, 3 lost"
    assert label_errors._guarded(proof, None, None, shares).kept, "values have no accuracy"


def test_every_flagged_row_is_named(noisy, done):
    _, state, wrong = noisy
    named = np.array(done[2]["flagged_rows"]) - 1
    assert len(named) == done[2]["flagged"] > 50, "more than the surest ones"
    assert (
        wrong[named].mean() > 0.8 and np.isin(named, np.r_[state.splits.train, state.splits.validation]).all()
    )


def test_each_treatment_changes_what_it_says():
    train = arrays.SplitArrays(
        np.zeros((3, 1), np.float32),
        np.zeros((3, 0), np.int64),
        np.array([0, 1, 2]),
        np.full(3, 2, np.float32),
    )
    suspects = label_errors.Suspects(
        "classification",
        ("a", "b", "c"),
        np.array([0, 1, 2]),
        np.array([0, 1, 0]),
        np.array([0.0, 0.25, 1.0]),
        np.array([False, False, True]),
        0.1,
        0.05,
        0.2,
        2,
    )
    assert treated(train, suspects, "drop").weight.tolist() == [2, 2, 0]
    assert treated(train, suspects, "fix").y.tolist() == [0, 1, 0]
    assert treated(train, suspects, "down_weight").weight.tolist() == [2, 1.5, 0]


def test_wrong_values_of_a_regression(bench, tables):
    frame = tables.numbers_only(700, 0, lambda x, draw: 300 + 80 * x[:, 0] + 10 * draw.normal(size=len(x)))
    wrong = np.arange(700) % 12 == 0
    frame = frame.with_columns(y=pl.when(pl.Series(wrong)).then(pl.col("y") * 10).otherwise("y"))
    own, state = prepared(bench, frame)
    after, finding, facts = _run(own, state)
    assert set(facts["tried"]) == {"drop", "down_weight"} and finding.outcome.verdict == "kept"
    light = after.arrays.train.weight < 0.5
    assert (light == wrong[state.splits.train]).mean() > 0.97
