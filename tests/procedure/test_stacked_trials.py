"""Trials as stacks: whoever trains beside whom, each network has the bits it has alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from retemper.procedure import stack_sizes
from retemper.procedure.cross_fitting import dealt
from retemper.procedure.stacked_trials import StackedTrials
from retemper.search.space import Setting
from retemper.search.trials import Evaluation, Order

RATE = "training.optimizer.learning_rate"
EPOCHS = 3


def evaluated(
    desk: Any, state: Any, settings: Sequence[Setting], folds: int = 0, first: int = 0, epochs: int = EPOCHS
) -> list[Evaluation]:
    held = tuple(range(folds)) or (-1,)
    trials = StackedTrials(desk.book, dealt(state, folds), EPOCHS, folds)
    orders = [Order(first + k, values, epochs, held) for k, values in enumerate(settings)]
    return [own for batch in trials.evaluate(orders) for own in batch]


@pytest.fixture(scope="module")
def table(tables: Any) -> Any:
    return tables.two_classes(200)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Timing says that one stack of all widths is the best there is; how many members were timed."""
    timed: list[int] = []

    def a_second(job: Any, members: Sequence[Any], *data: Any) -> float:
        timed.append(len(members))
        return 1.0

    monkeypatch.setattr(stack_sizes, "SHARE", 1e9)
    monkeypatch.setattr(stack_sizes, "seconds_a_step", a_second)
    return timed


def test_widths_that_cross_are_trained_as_they_are_alone(bench: Any, table: Any, together: list[int]) -> None:
    """The first layer of one is the wider, the second layer of the other."""
    desk, state = bench(table)
    settings = [{"model.widths": widths} for widths in ([64, 8], [32, 32], [16, 8], [8, 16])]
    found = evaluated(desk, state, settings)
    assert [own.error for own in found] == [None] * 4
    for number, values in enumerate(settings):
        (alone,) = evaluated(bench(table)[0], state, [values], first=number)
        assert alone.losses == found[number].losses, values
    assert together, "it was tried to stack them"
