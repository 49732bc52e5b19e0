"""The nested estimate: nothing of a fold is in what judges it, and where there is no estimate it says why."""

import copy
import json
import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from retemper.core.budget import decisions
from retemper.data.prepare import Preparer
from retemper.data.split import Splits
from retemper.procedure import calibrate, ensemble, nested, search_coarse, train_long
from retemper.procedure.nested_facts import not_nested
from retemper.procedure.outer_folds import outer_folds
from retemper.procedure.pace import Finished

SMALL = {
    "procedure.nested_rows": 400,
    "procedure.nested_folds": 3,
    "procedure.nested_repeats": 2,
    "procedure.nested_recipes": 2,
    "procedure.folds": 3,
    "data.clean": False,
}


def chosen(bench, frame, target="y", changes=None):
    """A run up to its choice."""
    desk, state = bench(frame, target, {**SMALL, **(changes or {})})
    for step in (search_coarse, train_long, ensemble, calibrate):
        state, _ = desk.do(step, state)
    return desk, state


@pytest.fixture(scope="module")
def classes(bench, tables):
    return chosen(bench, tables.two_classes(120), changes={"data.weight": "cost"})


@pytest.fixture(scope="module")
def estimate(classes):
    desk, state = classes
    return nested.run(desk.book, state)


def test_without_folds_the_search_s_networks_take_no_part(bench, tables):
    # They have learnt from the rows of every outer fold.
    desk, state = chosen(
        bench, tables.two_classes(120), changes={"procedure.folds": 0, "procedure.nested_repeats": 1}
    )
    assert state.trials and state.folds is None
    for outer in outer_folds(desk.book, state, 0):
        assert not outer.state.trials and not outer.state.candidates
    found = nested.run(desk.book, state)
    assert found["networks"] == 6 and np.isfinite(found["metrics"]["log_loss"]["value"])


def own_rows(state):
    return np.sort(np.concatenate([state.splits.train, state.splits.validation]))


def test_each_row_but_the_sealed_is_judged_once_a_repeat(classes):
    desk, state = classes
    draws = [outer_folds(desk.book, state, repeat) for repeat in range(2)]
    for outers in draws:
        judges = np.concatenate([outer.judges for outer in outers])
        np.testing.assert_array_equal(np.sort(judges), own_rows(state))
        for outer in outers:
            inner = own_rows(outer.state)
            assert not np.isin(inner, outer.judges).any() and outer.state.splits.n_test == 0
            np.testing.assert_array_equal(np.sort(np.append(inner, outer.judges)), own_rows(state))
    assert any(
        (a.judges != b.judges).any() for a, b in zip(*draws, strict=True) if len(a.judges) == len(b.judges)
    )
    assert state.splits.tests_read == 0


def test_preparation_and_folds_know_nothing_of_the_judges(classes):
    desk, state = classes
    outer = outer_folds(desk.book, state, 0)[0]
    rows = outer.state.splits.train
    alone = Preparer.fit(state.table.frame[rows], state.schema, state.recipe.prepare, is_tidy=True)
    assert outer.state.ready[0].to_json() == alone.to_json()
    spoilt = state.table.frame.with_columns(
        size=pl.when(pl.int_range(pl.len()).is_in(outer.judges.tolist())).then(1e6).otherwise("size")
    )
    again = outer_folds(desk.book, state.with_(table=replace(state.table, frame=spoilt)), 0)[0]
    for name in ("dense", "codes", "y", "weight"):
        for part in ("train", "validation"):
            left, right = (getattr(getattr(o.state.ready[2], part), name) for o in (outer, again))
            np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(outer.state.folds, again.state.folds)


def test_the_estimate_tells_the_figure_and_how_it_was_made(classes, estimate):
    _, state = classes
    assert estimate["metric"] == "log_loss" and {"accuracy", "roc_auc"} <= set(estimate["metrics"])
    score = estimate["metrics"]["log_loss"]
    assert score["low"] < score["value"] < score["high"]
    assert (estimate["rows"], estimate["folds"], estimate["repeats"]) == (len(own_rows(state)), 3, 2)
    assert estimate["networks"] == 2 * 3 * 2 * 3  # repeats, outer folds, recipes, inner folds
    assert estimate["optimism"] == pytest.approx(score["value"] - estimate["own"])
    assert f"{score['value']:.4g}" in estimate["message"] and f"{estimate['own']:.4g}" in estimate["message"]
    assert "the number of epochs planned" in estimate["not_nested"]
    json.dumps(estimate, allow_nan=False)


def test_a_table_that_was_prepared_anew_counts_as_treated(classes):
    _, state = classes
    told = "the treatments of columns"
    twin = copy.deepcopy(state.preparer)  # alike, arrays and all, but another one
    assert told not in not_nested(state.with_(baseline_preparer=state.preparer))
    assert told in not_nested(state.with_(baseline_preparer=twin))


def test_the_same_again_from_the_disk_and_trained_anew(classes, estimate):
    desk, state = classes
    jobs = sorted((desk.book.folder.checkpoints / "jobs").glob("nested.*"))
    trained = [(job / "done.safetensors").stat().st_mtime_ns for job in jobs]
    assert len(jobs) == 6 and nested.run(desk.book, state) == estimate
    assert trained == [(job / "done.safetensors").stat().st_mtime_ns for job in jobs]
    for job in jobs:
        (job / "done.safetensors").unlink()
    assert nested.run(desk.book, state) == estimate


def test_a_regression_is_judged_in_the_targets_unit(bench, tables):
    desk, state = chosen(
        bench, tables.prices(60), "price", {"data.drop": ["day"], "procedure.nested_repeats": 1}
    )
    found = nested.run(desk.book, state)
    assert found["metric"] == "rmse" and {"rmse", "mae", "r2"} == set(found["metrics"])
    assert 1 < found["metrics"]["rmse"]["value"] < 1000
    limited = desk.limited(900.0)
    assert nested.run(limited.book, state)["metrics"] == found["metrics"]
    # A name that the run itself decides by, decided once more, would make a replay another run.
    assert set(decisions(desk.book.folder.path / "log.jsonl")) == {"nested.begun", "nested.0"}


def test_a_class_with_one_row_left_teaches_and_is_never_judged(bench, tables):
    y = tables.three_classes(90)["y"].to_list()
    y[10] = y[20] = "rare"
    desk, state = bench(tables.three_classes(90).drop("home").with_columns(y=pl.Series(y)), changes=SMALL)
    others = np.setdiff1d(np.arange(90), [10, 20])
    splits = Splits.seal(np.append(others[20:], 10), others[10:20], np.append(others[:10], 20), "stratified")
    outers = outer_folds(desk.book, state.with_(splits=splits), 0)
    assert all(10 not in outer.judges and 10 in outer.state.splits.train for outer in outers)
    assert sum(len(outer.judges) for outer in outers) == 78


def test_a_group_is_judged_or_learnt_from_never_both(bench, tables):
    desk, state = bench(tables.three_classes(240), changes={**SMALL, "data.group": "home"})
    home = state.table.frame["home"].to_numpy()
    for outer in outer_folds(desk.book, state, 1):
        assert not set(home[outer.judges]) & set(home[own_rows(outer.state)])
        inner = outer.state.splits
        assert not set(home[inner.train]) & set(home[inner.validation])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"procedure.nested_rows": 0}, "procedure.nested_rows"),
        ({"procedure.nested_rows": 100}, "240 rows"),
        ({"data.time": "x"}, "split by time"),
        ({"data.group": "home", "procedure.nested_folds": 8}, "groups are too few"),
    ],
)
def test_where_it_does_not_apply_it_says_why(bench, tables, changes, why):
    desk, state = bench(tables.three_classes(240), changes={**SMALL, **changes})
    found = nested.run(desk.book, state)
    assert set(found) == {"left_out"} and why in found["left_out"]
    limited = desk.limited(60.0)
    assert nested.set_aside_s(state, limited.book.budget) == 0.0


def test_time_is_set_aside_and_what_it_does_not_allow_is_said(classes):
    desk, state = classes
    limited = desk.copy().limited(100.0)
    assert nested.set_aside_s(state, desk.book.budget) == 0.0
    kept = nested.set_aside_s(state, limited.book.budget)
    assert kept == pytest.approx(15.0)
    left = limited.book.budget.left_s()
    limited.book.budget.kept_s = kept
    assert limited.book.budget.left_s() == pytest.approx(left - kept, abs=0.5)
    limited.book.pace.finished = [Finished("any", 1e6, 1.0)]  # a machine on which nothing can be afforded
    found = nested.run(limited.book, state)
    assert found == {"left_out": "the time left does not allow for it"} and limited.book.budget.kept_s == 0.0


@pytest.mark.parametrize(("slow", "kept"), [(1e-12, 15.0), (1e6, 0.0)])
def test_time_that_can_not_suffice_goes_to_the_model(classes, slow, kept):
    desk, state = classes
    limited = desk.copy().limited(100.0)
    limited.book.budget.kept_s = nested.set_aside_s(state, limited.book.budget)
    limited.book.pace.finished = [Finished("any", slow, 1.0)]
    nested.give_back(limited.book, state)
    assert limited.book.budget.kept_s == kept


def test_trainings_that_patience_ends_count_for_what_they_take(classes):
    _, state = classes
    patience = state.recipe.training.patience_epochs
    planned = 10 * patience

    def ran(epochs, best):
        fits = [
            replace(own, fit=replace(own.fit, epochs=epochs, best_epoch=best)) for own in state.candidates
        ]
        return state.with_(long=tuple(replace(own, epochs=planned) for own in fits))

    assert nested.share_run(ran(2 * patience, patience)) == pytest.approx(0.2)
    assert nested.share_run(ran(2 * patience, 2 * patience - 1)) == 1.0  # a deadline ended it
    assert nested.share_run(state.with_(long=(), survivors=())) == 1.0


def test_a_replay_repeats_how_much_was_tried(classes):
    desk, state = classes
    replay = desk.replaying({"nested.0": 1, "nested.1": 0})
    found = nested.run(replay.book, state)
    assert (found["recipes"], found["repeats"]) == (1, 1)
    assert found["cut_short"] == "the time left does not allow for it"


def test_the_whole_procedure_writes_it_down(tmp_path, run_all, tables, slow):
    changes = {
        **SMALL,
        "procedure.nested_repeats": 1,
        "procedure.skip": [*slow, "search_coarse", "search_refine"],
    }
    done = run_all(tmp_path / "run", tables.two_classes(100), "y", {**changes, "procedure.understand": False})
    found = done.result["nested"]
    assert found["recipes"] == 1 and found["metrics"]["log_loss"]["value"] > 0
    assert (
        math.isfinite(found["optimism"])
        and "How good is it really?" in (done.path / "report.html").read_text()
    )
