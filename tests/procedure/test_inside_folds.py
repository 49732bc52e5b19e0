"""Columns that the target chooses are judged by rows that had no say."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from retemper.data.propose import Proposal
from retemper.procedure import inside_folds, treat
from retemper.procedure.cross_fitting import REPEATS, dealt
from retemper.procedure.rows import rows_that_judge

ROWS, NOISE = 200, 30
BEST_OF_NOISE = Proposal(
    "selected columns", "", {"prepare.select": "mutual_information", "prepare.select_columns": 4}
)


def _noise(regression: bool) -> pl.DataFrame:
    draw = np.random.default_rng(3)
    columns = {f"x{k}": draw.normal(size=ROWS).round(4) for k in range(NOISE)}
    y = draw.normal(size=ROWS)
    return pl.DataFrame({**columns, "y": y * 100 if regression else np.where(y > 0, "yes", "no")})


def test_the_targets_of_a_fold_have_no_say_in_what_its_network_sees(bench: Any) -> None:
    book, state = bench(_noise(False), "y", {"procedure.folds": 5, **BEST_OF_NOISE.changes})
    by_fold: Any = dealt(state, 5)
    held = rows_that_judge(by_fold)[by_fold.folds[REPEATS - 1] == 1]
    y = state.table.frame["y"].to_numpy().copy()
    y[held] = np.where(y[held] == "yes", "no", "yes")
    frame = state.table.frame.with_columns(y=pl.Series(y))
    before = inside_folds.prepared(book.book, by_fold, 0.0)
    turned = by_fold.with_(table=replace(state.table, frame=frame), data_folder=state.data_folder / "turned")
    after = inside_folds.prepared(book.book, turned, 0.0)
    same = [one.ready[0].to_json() == two.ready[0].to_json() for one, two in zip(before, after, strict=True)]
    assert same == [False, True, False, False, False]


def test_a_race_of_what_the_target_chooses_is_run_by_fold(bench: Any, monkeypatch: Any) -> None:
    seen: list[int] = []
    plain = inside_folds.prepared

    def spy(book: Any, state: Any, end: float) -> Any:
        found = plain(book, state, end)
        seen.append(len(found))
        return found

    ranks = Proposal("ranks", "", {"prepare.scaling": "quantile"})
    monkeypatch.setattr(treat, "propose", lambda *rest: [BEST_OF_NOISE, ranks])
    monkeypatch.setattr(inside_folds, "prepared", spy)
    book, state = bench(_noise(True), "y", {"procedure.folds": 3})
    _, told = treat.run(book.book, state)
    assert seen == [3], "ranks don't look at the target"
    assert all(record["verdict"] == "reverted" and np.isfinite(record["gain"]) for record in told)


def test_each_fold_chooses_for_itself_and_its_rows_come_back_in_place(bench: Any) -> None:
    book, state = bench(_noise(True), "y", {"procedure.folds": 3, **BEST_OF_NOISE.changes})
    by_fold: Any = dealt(state, 3)
    states = inside_folds.prepared(book.book, by_fold, 0.0)
    folds = by_fold.folds[REPEATS - 1]
    rows = np.concatenate([state.splits.train, state.splits.validation])
    assert [own.splits.validation.tolist() for own in states] == [rows[folds == k].tolist() for k in range(3)]
    assert all(not set(own.splits.train) & set(own.splits.validation) for own in states)
    assert len({own.ready[0].columns for own in states}) == 3
    (job,) = treat._jobs(book.book, by_fold, 1, 3)
    jobs = inside_folds.jobs(states, job)
    bag = inside_folds.bag(by_fold, states, book.book.train(jobs, 0.0))
    assert [network.id for network in bag.networks] == [member.id for member in job.members]
    own, network = states[1], bag.networks[1]
    values = own.ready[1].unscale(network.outputs.astype(float))
    assert np.allclose(
        state.ready[1].unscale(bag.outputs[folds == 1].astype(float)), values, rtol=1e-4, atol=1e-3
    )


def test_without_time_nothing_is_prepared_and_it_is_said(bench: Any) -> None:
    book, state = bench(_noise(False), "y", BEST_OF_NOISE.changes)
    by_fold = dealt(state, 5)
    assert inside_folds.prepared(book.book, by_fold, np.inf) == []
    bag = inside_folds.bag(by_fold, [], [])
    raced = treat.Raced(state, by_fold, bag)
    record = treat._judge(raced, raced, BEST_OF_NOISE, 1)
    assert record["verdict"] == "not_tried" and "no time" in record["note"]
