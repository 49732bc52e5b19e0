"""A study's trials reach their database while it goes on and at its end; a database that refuses is tried again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import pytest

from retemper.core.aside import Aside
from retemper.core.errors import InputError
from retemper.search.optuna_tables import Row
from retemper.search.stored_trials import StoredTrials, failures, row_of
from retemper.search.trials import Evaluation, Order, Trial

DIVERGED = {"code": "diverged", "message": "It diverged.", "advice": "Lower the rate."}


def trial(number: int, epochs: int, loss: float = 0.5, error: dict[str, str] | None = None) -> Trial:
    order = Order(number, {"rate": 0.1 * number}, epochs, (0, 1))
    curve = (0.9,) * (epochs - 1) + (loss,)
    found = Evaluation(order, {0: loss, 1: loss}, {0: curve, 1: curve}, {}, 2 * epochs, 1.5, {}, error)
    return Trial(number, order.values, (found,))


class Memory:
    """Stands in for a database."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.states: dict[int, str] = {}
        self.writes: list[list[int]] = []
        self.refuses, self.closed = False, False

    def write(self, rows: Iterable[Row]) -> None:
        if self.refuses:
            raise InputError("storage_refused", "The server is gone for now.", None, "Start it.")
        written = {row.number: row for row in rows}
        self.writes.append(list(written))
        self.rows |= written

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def stored(memory: Memory) -> Callable[..., StoredTrials]:
    def make(aside: Aside, notes: list[str], every_s: float = 0.0) -> StoredTrials:
        return StoredTrials(lambda: memory, aside, (9, 2), notes.append, every_s)  # type: ignore[arg-type,return-value]

    return make


def test_what_is_paused_runs_until_the_study_is_over(
    memory: Memory, stored: Callable[..., StoredTrials]
) -> None:
    trials = [trial(0, 9), trial(1, 3), trial(2, 3, math.nan, DIVERGED), Trial(3, {"rate": 1.0})]
    with Aside() as aside:
        own = stored(aside, [])
        own.take(trials[:3])
        aside.wait()
        assert [memory.rows[k].state for k in range(3)] == ["complete", "running", "fail"]
        own.finish(trials).result()
    assert [memory.rows[k].state for k in range(4)] == ["complete", "pruned", "fail", "fail"]
    assert memory.writes[1] == [1, 2, 3] and memory.closed, (
        "what is known to be complete is not written again"
    )
    assert memory.rows[0].curve == [0.9] * 8 + [0.5] and memory.rows[0].seconds == 1.5
    assert memory.rows[2].attributes["error"] == DIVERGED


def test_where_no_trial_came_to_the_end_the_longest_are_complete(
    memory: Memory, stored: Callable[..., StoredTrials]
) -> None:
    with Aside() as aside:
        stored(aside, []).finish([trial(0, 3), trial(1, 1)]).result()
    assert [memory.rows[k].state for k in range(2)] == ["complete", "pruned"]


def test_a_database_that_refuses_for_a_while_gets_everything_later(
    memory: Memory, stored: Callable[..., StoredTrials]
) -> None:
    notes: list[str] = []
    with Aside() as aside:
        own = stored(aside, notes)
        memory.refuses = True
        own.take([trial(0, 9)])
        aside.wait()
        assert memory.rows == {} and len(notes) == 1 and "gone" in notes[0]
        memory.refuses = False
        own.take([trial(1, 9)])
        aside.wait()
        assert memory.writes == [[0, 1]]


def test_one_that_refuses_to_the_end_is_an_error(memory: Memory, stored: Callable[..., StoredTrials]) -> None:
    memory.refuses = True
    with pytest.raises(InputError, match="gone"), Aside() as aside:
        stored(aside, [], every_s=1e9).finish([trial(0, 9)])


def test_writes_wait_for_some_seconds(memory: Memory, stored: Callable[..., StoredTrials]) -> None:
    with Aside() as aside:
        own = stored(aside, [], every_s=1e9)
        for number in range(5):
            own.take([trial(number, 9)])
        own.finish([trial(number, 9) for number in range(5)])
    assert memory.writes == [[0, 1, 2, 3, 4]]


def test_failures_are_counted_by_what_was_said() -> None:
    other = {"code": "x", "message": "It does not fit.", "advice": "Make it smaller."}
    lost = [trial(0, 3, math.nan, DIVERGED), trial(1, 3, math.nan, other), trial(2, 1, math.nan, DIVERGED)]
    assert failures([*lost, trial(3, 9)]) == [
        (2, "It diverged.", "Lower the rate."),
        (1, "It does not fit.", "Make it smaller."),
    ]


def test_a_row_has_the_folds_and_what_was_trained() -> None:
    row = row_of(trial(4, 9), (9, 2), over=False)
    assert row.attributes == {"epochs": 9, "folds": {"0": 0.5, "1": 0.5}, "trained_epochs": 18}
    assert (row.values, row.loss) == ({"rate": 0.4}, 0.5)


def test_what_was_final_before_a_kill_is_not_written_again(
    memory: Memory, stored: Callable[..., StoredTrials]
) -> None:
    memory.states = {0: "complete", 1: "running", 2: "fail"}
    trials = [trial(0, 9), trial(1, 9), trial(2, 3, math.nan, DIVERGED), trial(3, 9)]
    with Aside() as aside:
        own = stored(aside, [], every_s=1e9)
        own.take(trials)
        own.finish(trials)
    assert memory.writes == [[1, 3]]
