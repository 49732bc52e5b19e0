"""Understanding a run's model: rows are asked of networks that have not seen them, and the record is as documented."""

import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from retemper.core.records import Step
from retemper.evaluation.held_out import HeldOut
from retemper.procedure import calibrate, ensemble, sample_sizes, train_long, understand
from retemper.procedure.answer_time import AnswerTime, answer_time
from retemper.procedure.test_once import held_out_outputs
from retemper.procedure.unseen import held_out_rows

NUMBER = {"value", "low", "high"}


def trained(bench, frame, target, changes):
    desk, state = bench(frame, target, {"procedure.members": 2, "training.epochs": 3, **changes})
    for step in (train_long, ensemble, calibrate):
        state, _ = desk.do(step, state)
    return desk, state


def asked(desk, state):
    """The record, as a step of the bench makes it."""
    step = SimpleNamespace(run=lambda book, own: (own, Step("", "pass", "", understand.run(book, own))))
    return desk.do(step, state)[1].evidence


@pytest.fixture(scope="module")
def folded(bench, tables):
    """Two classes, weights, three folds."""
    return trained(bench, tables.two_classes(600), "y", {"procedure.folds": 3, "data.weight": "cost"})


@pytest.fixture(scope="module")
def validated(bench, tables):
    """A regression with dates, judged by its validation rows."""
    return trained(bench, tables.prices(330), "price", {"procedure.folds": 0, "split.validation": 0.4})


@pytest.fixture(scope="module")
def records(folded, validated):
    return [asked(desk, state) for desk, state in (folded, validated)]


@pytest.mark.parametrize("case", ["folded", "validated"])
def test_every_row_is_answered_by_networks_that_have_not_seen_it(case, request):
    _, state = request.getfixturevalue(case)
    held, rows = held_out_rows(state)
    (y, _), outputs = held_out_outputs(state)
    assert held.rows == len(rows) == len(y)
    assert held.y == pytest.approx(y, rel=1e-5)
    assert held.outputs() == pytest.approx(outputs, abs=1e-3 * np.abs(outputs).max())
    some = np.array([5, 2, 17, 40])
    assert held.take(some).outputs() == pytest.approx(held.outputs()[some], abs=1e-4 * np.abs(outputs).max())


def test_no_test_row_is_looked_at(folded, records):
    _, state = folded
    assert state.splits.tests_read == 0
    _, rows = held_out_rows(state)
    assert len(rows) == len(state.splits.train) + len(state.splits.validation)
    assert {own["row"] - 1 for own in records[0]["surprising"]["largest"]} <= set(rows.tolist())


def test_the_record_is_plain_and_has_every_part(records):
    for record in records:
        json.dumps(record, allow_nan=False)
        assert set(record) == {
            "metric", "rows", "networks", "importance", "dependence", "slices", "surprising", "more_data",
        }  # fmt: skip
    assert [record["metric"] for record in records] == ["log_loss", "rmse"]


def test_importance_finds_the_columns_that_made_the_target(records):
    classes, prices = (record["importance"]["columns"] for record in records)
    assert prices[0]["column"] == "x" and prices[0]["used"]
    assert {"size", "age", "city"} == {own["column"] for own in classes}
    assert classes[0]["column"] == "size" and classes[0]["used"]
    assert all(set(own["rise"]) == NUMBER for own in classes)


def test_dependence_follows_importance_and_reads_dates(records):
    classes, prices = records
    order = [own["column"] for own in classes["importance"]["columns"]]
    assert [own["column"] for own in classes["dependence"]["columns"]] == order
    size = next(own for own in classes["dependence"]["columns"] if own["column"] == "size")
    assert size["grid"][-1] is None and size["curves"][0]["output"] == "yes"
    assert size["curves"][0]["mean"][-2] > size["curves"][0]["mean"][0]
    day = next(own for own in prices["dependence"]["columns"] if own["column"] == "day")
    assert day["grid"][0].startswith("2024-") and day["curves"][0]["output"] is None


def test_columns_that_no_prediction_reads_are_not_gone_through(validated, monkeypatch):
    desk, state = validated
    importance = understand._importance

    def with_one_unread(*given):
        part = importance(*given)
        part["columns"][-1]["rise"] = dict.fromkeys(NUMBER, 0.0)
        return part

    monkeypatch.setattr(understand, "_importance", with_one_unread)
    monkeypatch.setattr(understand, "more_data", lambda *given: {})
    found = understand.run(desk.book, state)
    shown = [own["column"] for own in found["dependence"]["columns"]]
    assert shown == [own["column"] for own in found["importance"]["columns"]][:-1]


def test_surprising_rows_are_those_of_the_table(records, validated):
    _, state = validated
    for own in records[1]["surprising"]["largest"]:
        row = state.table.frame.row(own["row"] - 1, named=True)
        assert own["expected"] == pytest.approx(row["price"]) and own["cells"]["kind"] == row["kind"]
    assert set(records[1]["surprising"]["typical_error"]) == NUMBER
    first = records[0]["surprising"]["largest"][0]
    assert first["expected"] in ("yes", "no") and 0 <= first["probability"] <= first["confidence"] <= 1


def test_slices_are_searched_or_said_to_have_too_few_rows(records):
    assert records[0]["slices"]["rows"] == records[0]["rows"] and records[0]["slices"]["searched"] > 10
    assert "too few" in records[1]["slices"].get("left_out", "too few")


def test_the_learning_curve_answers_from_trainings_on_parts(records, folded):
    desk, _ = folded
    found = records[0]["more_data"]
    rows = [point["rows"] for point in found["points"]]
    have = 480 * 2 // 3
    assert rows == sample_sizes.sizes_of(have)[-sample_sizes.SIZES :] and found["have"] == have
    assert found["answer"] in ("yes", "no", "can't tell") and found["why"]
    assert set(found["gain"]) == set(found["floor"]) == NUMBER
    jobs = (desk.book.folder.checkpoints / "jobs").glob("understand.*")
    assert {path.name for path in jobs} == {f"understand.{size}" for size in rows}


def test_every_row_judges_each_size_once_a_draw(folded, monkeypatch):
    desk, state = folded
    seen = []
    train = type(desk.book).train
    monkeypatch.setattr(type(desk.book), "train", lambda *a, **k: seen.append(train(*a, **k)) or seen[-1])
    curve = sample_sizes.curve_by_size(desk.book, state)
    assert [own.shape for own in curve.losses] == [(sample_sizes.DRAWS, 480)] * len(curve.rows)
    assert all(np.isfinite(own).all() for own in curve.losses) and len(curve.weight) == 480
    for size, (result,) in zip(curve.rows, seen, strict=True):
        assert result.job.rows == size and len(result.fits) == 3 * sample_sizes.DRAWS
        assert {fit.member.held_out % 3 for fit in result.fits} == {0, 1, 2}


def test_without_folds_each_draw_has_rows_of_its_own(validated, monkeypatch):
    desk, state = validated
    monkeypatch.setattr(sample_sizes, "LEAST_ROWS", 30)
    jobs = sample_sizes._jobs(desk.book, state, 160, 40, sample_sizes.Plan(0, 3, 8))
    assert len({job.seed for job in jobs}) == len({job.members[0].id for job in jobs}) == 3
    curve = sample_sizes.curve_by_size(desk.book, state)
    assert curve.losses[0].shape == (sample_sizes.DRAWS, len(state.splits.validation))
    assert curve.have == len(state.splits.train) and np.ptp(curve.losses[0], axis=0).max() > 0


def test_parts_of_the_rows_make_the_same_number_of_steps(folded):
    desk, state = folded
    state = state.with_(recipe=state.recipe.with_changes({"training.batch_size": 256, "model.width": 128}))
    plan = sample_sizes.Plan(0, 3, 8)
    for size in (4000, 8000, 16000, 32000):
        (job,) = sample_sizes._jobs(desk.book, state, 32000, size, plan)
        assert job.epochs * job.rows / job.training["batch_size"] == pytest.approx(1000, rel=0.02)
        assert job.model["width"] == sample_sizes.WIDTH and job.rows == size


def test_the_curve_keeps_to_the_time_set_aside(folded):
    desk, state = folded
    late = desk.limited(100, used=100 - 7.5 - 6)
    late.book.budget.kept_s = sample_sizes.set_aside_s(state, late.book.budget)
    assert late.book.budget.kept_s == 6 and late.book.budget.left_s() < 0.1
    found = sample_sizes.curve_by_size(late.book, state)
    assert late.book.budget.kept_s == 0 and late.book.budget.left_s() > -0.5
    assert len(found.rows) >= sample_sizes.LEAST_SIZES
    off = state.with_(recipe=state.recipe.with_changes({"procedure.understand": False}))
    assert (
        sample_sizes.set_aside_s(off, late.book.budget)
        == sample_sizes.set_aside_s(state, desk.book.budget)
        == 0
    )


def test_the_seed_alone_decides(folded, records):
    desk, state = folded
    assert asked(desk, state) == records[0]


def test_without_time_each_part_says_so(folded):
    desk, state = folded
    late = desk.limited(20, used=18)
    found = asked(late, state)
    for part in ("importance", "dependence", "more_data"):
        assert "left_out" in found[part], part
    made = {row["name"]: row["value"] for row in log_of(late) if row["event"] == "decision"}
    call, row = made["understand.seconds_a_call_and_row"]
    assert made["understand.importance"] is None and call > 0 and row >= 0
    assert asked(desk.replaying(made), state) == found


def test_looking_has_a_share_of_the_time_limit(folded):
    desk, state = folded
    late = desk.limited(1000, used=1000 - 52.5 - 100)
    late.book.budget.kept_s = understand.set_aside_s(state, late.book.budget)
    assert late.book.budget.kept_s == pytest.approx(40 + 60) and late.book.budget.left_s() < 0.1
    found = asked(late, state)
    assert len(found["importance"]["columns"]) == 3 and len(found["dependence"]["columns"]) == 3
    off = state.with_(recipe=state.recipe.with_changes({"procedure.understand": False}))
    assert (
        understand.set_aside_s(off, late.book.budget) == understand.set_aside_s(state, desk.book.budget) == 0
    )


def test_a_large_call_is_known_to_cost_less_a_row_than_a_small_one(folded):
    desk, state = folded
    held, _ = held_out_rows(state)
    took = answer_time(desk.limited(100).book, held.take(np.arange(60)))
    assert took.seconds(1, 1000) < took.seconds(100, 10)
    assert answer_time(desk.book, held) == AnswerTime(0, 0)


def log_of(desk):
    return [json.loads(line) for line in (desk.book.folder.path / "log.jsonl").read_text().splitlines()]


def test_groups_stay_together_in_the_halves(bench, tables):
    _, state = bench(tables.three_classes(300), "y", {"data.group": "home"})
    held, _ = held_out_rows(state.with_(chosen=()))
    assert isinstance(held, HeldOut) and held.group is not None
    homes = state.table.frame[state.splits.validation]["home"]
    assert pl.DataFrame({"g": held.group, "h": homes}).n_unique() == homes.n_unique() == len(set(held.group))
