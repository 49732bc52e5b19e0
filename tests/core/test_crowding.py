"""How crowded the machine is, as the system counts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from retemper.core import crowding
from retemper.core.budget import ENDING_S, ENDING_SHARE, MOST_ENDING, Budget, now
from retemper.core.crowding import MOST, Crowding, counted


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the system's file."""
    place = tmp_path / "schedstat"
    place.write_text("1000000000 0 7\n")
    monkeypatch.setattr(crowding, "COUNTED", place)
    return place


def says(system: Path, worked_s: float, waited_s: float) -> None:
    system.write_text(f"{worked_s * 1e9:.0f} {waited_s * 1e9:.0f} 9\n")


def test_waiting_for_a_processor_counts_and_the_last_seconds_of_work_count_alone(system: Path) -> None:
    own = Crowding()
    assert own.now() == 1.0, "nothing was done yet"
    says(system, 2.0, 3.0)
    assert own.now() == 4.0
    says(system, 3.5, 3.0)
    own.now()
    says(system, 5.0, 3.0)
    assert own.now() < 1.5, "the machine is calm by now"
    says(system, 8.0, 1e6)
    assert own.now() == MOST


@pytest.mark.parametrize("text", ["", "0 0 0", "a b c", "1 2"])
def test_where_the_system_tells_nothing_nothing_is_assumed(system: Path, text: str) -> None:
    system.write_text(text)
    own = Crowding()
    assert own.now() == 1.0
    system.unlink()
    assert own.now() == 1.0 and counted() is None


def test_this_thread_is_counted() -> None:
    before = counted()
    if before is None:
        pytest.skip("the system doesn't say")
    sum(range(3_000_000))
    here = counted()
    assert here is not None and here.worked_s - before.worked_s > 0.005


def test_more_is_kept_for_the_ending_where_the_machine_is_crowded() -> None:
    def left(times: float, limit: float) -> float:
        crowding = _Always()
        crowding.times = times
        budget = Budget(limit, started=now(), crowding=crowding)
        return limit - budget.left_s()

    calm = ENDING_S + 0.05 * 100
    assert ENDING_SHARE == 0.05
    assert left(1.0, 100.0) == pytest.approx(calm, abs=0.1)
    assert left(4.0, 100.0) == pytest.approx(calm + 3 * ENDING_S, abs=0.1)
    assert left(10.0, 20.0) == pytest.approx(MOST_ENDING * 20.0, abs=0.1), "something is left for training"


class _Always(Crowding):
    times = 1.0

    def now(self) -> float:
        return self.times
