"""A search within outer folds: nothing of a fold is in what it judges, and the same comes out however it is made."""

import json
import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from retemper.core.budget import Budget, decisions, now
from retemper.core.errors import InputError, Interrupted
from retemper.core.progress import SilentReporter
from retemper.core.run_folder import RunFolder
from retemper.data.read import append, read
from retemper.procedure import nested_search, search, sequence
from retemper.procedure.outer_folds import outer_rows
from retemper.procedure.part import part_of

RATE = "training.optimizer.learning_rate"
SPACE = {RATE: [0.003, 0.1], "model.width": [4, 16]}
TUNE = {
    "tune.space": SPACE,
    "tune.sampler": "grid",
    "tune.trials": 4,
    "tune.folds": 2,
    "tune.epochs": 4,
    "tune.nested": 3,
}


def classes(x, draw):
    return np.where(x[:, 0] + 0.5 * draw.normal(size=len(x)) > 0, "a", "b")


def coin(x, draw):
    return np.where(draw.random(len(x)) < 0.5, "a", "b")


def searched(bench, frame, target="y", **changes):
    """The bench, the state from which the search began, and the one with its choice."""
    desk, before = bench(frame, target, TUNE | changes)
    state, _ = desk.do(search, before)
    return desk, before, state


def elsewhere(desk, place, **changes):
    """The bench's book in a new folder."""
    folder = RunFolder.create(place, "t")
    folder.close()
    return replace(desk.book, folder=folder, **changes)


@pytest.fixture(scope="module")
def whole(bench, tables):
    return searched(bench, tables.numbers_only(150, 0, classes))


@pytest.fixture(scope="module")
def estimate(whole):
    desk, before, state = whole
    return nested_search.run(desk.book, before, state)


def own_rows(state):
    return np.sort(np.concatenate([state.splits.train, state.splits.validation]))


def test_the_estimate_tells_the_figure_and_what_was_chosen(whole, estimate):
    _, before, state = whole
    assert estimate["metric"] == "log_loss" and {"accuracy", "roc_auc"} <= set(estimate["metrics"])
    score = estimate["metrics"]["log_loss"]
    assert score["low"] < score["value"] < score["high"]
    assert (estimate["rows"], estimate["folds"], estimate["trials"]) == (len(own_rows(before)), 3, 12)
    assert estimate["networks"] == 3 * 2
    assert estimate["corrected"]["apparent"] == pytest.approx(state.chosen[0][0].loss, rel=1e-6)
    parts = [own["score"] * own["rows"] for own in estimate["choices"]]
    assert sum(parts) / estimate["rows"] == pytest.approx(score["value"]), "each row counts once"
    assert [own["values"][RATE] for own in estimate["choices"]] == estimate["stability"][RATE]["values"]
    assert estimate["stability"]["model.width"]["own"] == state.search["best"]["model.width"]
    assert f"{score['value']:.4g}" in estimate["message"] and "The folds chose" in estimate["message"]
    assert before.splits.tests_read == 0
    json.dumps(estimate, allow_nan=False)


def test_what_trains_is_gone_when_a_fold_is_judged_and_the_run_s_own_stays(whole, estimate):
    desk = whole[0]
    parts = sorted((desk.book.folder.checkpoints / "nested" / "checkpoints").iterdir())
    assert [part.name for part in parts] == ["0", "1", "2"]
    for part in parts:
        assert (part / "judged.safetensors").is_file() and not (part / "checkpoints" / "jobs").exists()
        assert not list((part / "checkpoints").glob("arrays.*"))
        assert len((part / "checkpoints" / "trials.jsonl").read_text().splitlines()) == 4
    assert any(desk.book.folder.jobs.glob("search.*"))


def test_nothing_of_a_fold_reaches_what_it_judges(whole, tmp_path):
    desk, before, _ = whole
    outer = outer_rows(before, 3)[0]
    inside = pl.int_range(pl.len()).is_in(outer.judges.tolist())
    frame = before.table.frame
    flipped = pl.when(pl.col("y") == "a").then(pl.lit("b")).otherwise(pl.lit("a"))
    spoilt = {
        "as it is": frame,
        "labels": frame.with_columns(pl.when(inside).then(flipped).otherwise("y").alias("y")),
        "numbers": frame.with_columns(pl.when(inside).then(1e6).otherwise("a").alias("a")),
    }
    found = {}
    for name, own in spoilt.items():
        book = elsewhere(desk, tmp_path / name)
        state = before.with_(table=replace(before.table, frame=own))
        found[name] = nested_search._searched(part_of(book, "0"), state, outer)
    one, labels, numbers = found.values()
    for other in (labels, numbers):
        assert (other.choice.values, other.choice.promised) == (one.choice.values, one.choice.promised)
    np.testing.assert_array_equal(labels.judged.outputs, one.judged.outputs)
    assert not np.array_equal(numbers.judged.outputs, one.judged.outputs)
    assert labels.choice.score > one.choice.score


def test_a_column_that_tells_the_target_of_the_fold_alone_does_not_help(bench, tables):
    frame = tables.numbers_only(240, 5, coin)
    desk, before = bench(frame, changes=TUNE)
    outer = outer_rows(before, 3)[1]
    tells = np.random.default_rng(0).normal(size=frame.height)
    tells[outer.judges] = np.where(frame["y"].to_numpy()[outer.judges] == "a", 2.0, -2.0)
    desk, before = bench(frame.with_columns(b=pl.Series(tells)), changes=TUNE)
    (again,) = [own for own in outer_rows(before, 3) if own.fold == outer.fold]
    np.testing.assert_array_equal(again.judges, outer.judges)
    found = nested_search._searched(part_of(desk.book, "0"), before, outer)
    assert found.choice.score > 0.6, "it is learnt from rows where it tells nothing"


def test_on_noise_the_best_of_many_flatters_itself_and_the_nested_figure_does_not(bench, tables):
    changes = {
        "tune.space": {
            RATE: {"low": 1e-3, "high": 0.3, "log": True},
            "model.dropout": {"low": 0, "high": 0.5},
        },
        "tune.sampler": "random",
        "tune.trials": 48,
        "tune.epochs": 3,
        "tune.widenings": 0,
        "tune.batch": 48,
        "prepare.bins": 4,
        "training.batch_size": 16,
    }
    own, nested = [], []
    for seed in range(2):
        desk, before, state = searched(bench, tables.numbers_only(100, seed, coin), seed=seed, **changes)
        found = nested_search.run(desk.book, before, state)
        own.append(state.search["optimism"]["apparent"])
        nested.append(found["metrics"]["log_loss"]["value"])
    chance = math.log(2)
    assert np.mean(own) < chance - 0.01, "chosen among 48 by the rows that judge"
    assert np.mean(nested) > chance, "nothing can be told of a coin"


def test_an_interrupted_estimate_goes_on_where_it_was(whole, estimate, tmp_path):
    desk, before, state = whole
    book = elsewhere(desk, tmp_path / "run")

    class Stops:
        def note(self, text):
            raise Interrupted("stopped", "stop", None, "resume")

        def progress(self, fraction, text):
            pass

    with pytest.raises(Interrupted):
        nested_search.run(replace(book, reporter=Stops()), before, state)
    parts = book.folder.checkpoints / "nested" / "checkpoints"
    first = (parts / "0" / "judged.safetensors").stat().st_mtime_ns
    assert nested_search.run(book, before, state) == estimate
    assert (parts / "0" / "judged.safetensors").stat().st_mtime_ns == first
    # What is damaged is made again, from the journal's trials.
    (parts / "1" / "judged.safetensors").write_bytes(b"half")
    assert nested_search.run(book, before, state) == estimate


def test_any_number_of_workers_comes_to_the_same(whole, estimate, tmp_path):
    desk, before, state = whole
    assert nested_search.run(elsewhere(desk, tmp_path / "run", workers=2), before, state) == estimate


def test_a_limited_run_is_repeated_without_a_clock(whole, estimate, tmp_path):
    desk, before, state = whole
    limited = elsewhere(desk, tmp_path / "limited")
    limited = replace(limited, budget=Budget(900.0, now(), log=limited.folder.log))
    assert nested_search.run(limited, before, state) == estimate
    made = decisions(limited.folder.log_path)
    assert {f"nested.{fold}.begun" for fold in range(3)} <= set(made)
    assert all(name.startswith("nested.") for name in made), "the run's own decisions keep their names"
    cut = {**made, "nested.2.begun": False}
    again = elsewhere(desk, tmp_path / "again", budget=Budget(None, 0.0, made=cut, strict=True))
    found = nested_search.run(again, before, state)
    assert found["cut_short"] == nested_search.NO_TIME
    assert found["choices"] == estimate["choices"][:2] and found["rows"] < found["of_rows"]


def test_the_time_is_shared_by_the_folds(whole, tmp_path):
    desk, before, state = whole
    book = elsewhere(desk, tmp_path / "run")
    book = replace(book, budget=Budget(1000.0, now(), kept_s=100.0, log=book.folder.log))
    left = book.budget.left_s()
    assert nested_search.set_aside_s(before, book.budget) == pytest.approx(left * 3 / 4, rel=0.01)
    for parts in (3, 2, 1):
        assert part_of(book, "x", parts).budget.left_s() == pytest.approx(left / parts, rel=0.01)
    over = replace(book, budget=Budget(1.0, now() - 10))
    assert nested_search.run(over, before, state) == {"left_out": nested_search.NO_TIME}
    assert nested_search.set_aside_s(before, Budget(None, 0.0)) == 0.0


def test_a_regression_whose_preparation_is_searched_is_judged_in_the_target_s_unit(bench, tables):
    space = {"prepare.target_scaling": ["zscore", "robust"], RATE: [0.03]}
    desk, before, state = searched(bench, tables.prices(90).drop("day"), "price", **{"tune.space": space})
    found = nested_search.run(desk.book, before, state)
    assert set(found["metrics"]) == {"rmse", "mae", "r2"} and 1 < found["metrics"]["rmse"]["value"] < 1000
    assert found["choices"][0]["promised"] == pytest.approx(found["metrics"]["rmse"]["value"], rel=0.6)


def test_groups_are_searched_or_judge_never_both(bench, tables):
    frame = tables.three_classes(240).with_columns(home=pl.Series([f"h{k % 24}" for k in range(240)]))
    desk, before, state = searched(bench, frame, **{"data.group": "home", "tune.folds": 0})
    home = before.table.frame["home"].to_numpy()
    for outer in outer_rows(before, 3):
        inner = np.concatenate([outer.splits.train, outer.splits.validation])
        assert not set(home[outer.judges]) & set(home[inner])
    found = nested_search.run(desk.book, before, state)
    assert found["rows"] == len(own_rows(before)) and found["networks"] == 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"data.time": "x"}, "nested_by_time"),
        ({"data.group": "home", "tune.folds": 5}, "too_few_groups"),
        ({"tune.folds": 50, "tune.nested": 2}, "too_few_rows"),
    ],
)
def test_what_can_not_be_nested_is_refused_before_anything_trains(bench, tables, changes, code):
    _, state = bench(tables.three_classes(200), changes=TUNE | changes)
    with pytest.raises(InputError) as caught:
        nested_search.check(state)
    assert caught.value.code == code and caught.value.hint
    nested_search.check(state.with_(recipe=state.recipe.with_changes({"tune.nested": 0})))


def test_one_outer_fold_is_refused(recipe_of):
    with pytest.raises(InputError, match="one outer fold leaves no row"):
        recipe_of("y", {"tune.nested": 1})


def tuned(path, table, recipe, test_rows=0, reporter=None):
    """A whole run of ``tune``."""
    with RunFolder.create(path, "t") as folder:
        reporter = reporter or SilentReporter()
        return sequence.run(table, recipe, folder, Budget(None, 0.0), reporter, test_rows, search_alone=True)


def test_the_whole_search_writes_it_down_beside_a_test_of_the_user_s_own(tmp_path, recipe_of, tables):
    frame = tables.two_classes(150)
    table = append(read(frame.head(120), "y"), read(frame.tail(30), "y"))
    whole = tuned(tmp_path / "whole", table, recipe_of("y", TUNE), 30)
    found = whole["nested"]
    assert found["rows"] == found["of_rows"] == 120 and whole["rows"]["test"] == 30
    assert found["corrected"] == whole["search"]["optimism"]
    page = (tmp_path / "whole" / "report.html").read_text()
    assert "What each search chose" in page and "four ways" in page
    flipped = pl.when(pl.col("y") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes"))
    other = append(read(frame.head(120), "y"), read(frame.tail(30).with_columns(y=flipped), "y"))
    assert tuned(tmp_path / "other", other, recipe_of("y", TUNE), 30)["nested"] == found, "the test is sealed"
    plain = tuned(tmp_path / "plain", table, recipe_of("y", {**TUNE, "tune.nested": 0}), 30)
    assert plain["nested"] == {} and plain["metrics"] == whole["metrics"], (
        "the model is that of the plain search"
    )


def test_rows_that_are_too_few_are_told_before_anything_trains(tmp_path, recipe_of, tables):
    table = read(tables.two_classes(60), "y")
    with pytest.raises(InputError, match="too few for 3 outer folds"):
        tuned(tmp_path / "run", table, recipe_of("y", {**TUNE, "tune.folds": 20}))
    assert not (tmp_path / "run" / "checkpoints" / "arrays").exists()


def test_of_many_rows_a_sample_judges_and_little_time_means_fewer_resamples(whole, tmp_path, monkeypatch):
    desk, before, state = whole
    monkeypatch.setattr("retemper.procedure.baselines.MOST_ROWS", 20)
    monkeypatch.setattr(nested_search, "SECONDS_A_CELL", 1e-2)
    book = elsewhere(desk, tmp_path / "run")
    made = {}
    book = replace(
        book, budget=Budget(900.0, now(), log=lambda event: made.update({event["name"]: event["value"]}))
    )
    state = state.with_(recipe=state.recipe.with_changes({"procedure.bootstrap": 5000}))
    found = nested_search.run(book, before, state)
    assert found["rows"] == 60 and [own["rows"] for own in found["choices"]] == [20] * 3
    assert 100 <= made["nested.resamples"] < 5000
