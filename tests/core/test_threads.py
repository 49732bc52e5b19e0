"""Threads give what a loop gives, in its order, and never run far ahead."""

import threading
from collections.abc import Iterator

import pytest

from retemper.core import threads
from retemper.core.threads import threaded


@pytest.fixture(params=[1, 3])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(threads, "cores", lambda: request.param)
    return int(request.param)


def test_results_in_the_order_of_the_items(cores: int) -> None:
    later = threading.Event()

    def work(item: int) -> int:
        if item == 0 and cores > 1:
            assert later.wait(10)  # the first item ends after the second
        if item == 1:
            later.set()
        return item * item

    assert list(threaded(work, iter(range(20)))) == [k * k for k in range(20)]


def test_of_many_items_the_quick_ones_at_the_start_are_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 3)
    slow_from = 20
    done: dict[int, threading.Thread] = {}

    def work(item: int) -> int:
        done[item] = threading.current_thread()
        return item

    ticks = {"now": 0.0}

    def now() -> float:
        ticks["now"] += 1.0 if slow_from in done and len(done) == slow_from + 1 else 0.0
        return ticks["now"]

    monkeypatch.setattr(threads, "perf_counter", now)
    assert list(threaded(work, range(40))) == list(range(40))
    here = threading.current_thread()
    assert all(done[item] is here for item in range(slow_from + 1))
    assert not any(done[item] is here for item in range(slow_from + 1, 40))


def test_an_error_comes_at_its_turn(cores: int) -> None:
    found = []
    with pytest.raises(ZeroDivisionError):
        for one in threaded(lambda item: 1 / item, [1, 2, 0, 4]):
            found.append(one)
    assert found == [1, 0.5]


def test_items_are_taken_as_results_are_fetched(cores: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for k in range(100):
            taken.append((k, threading.current_thread()))
            yield k

    before = set(threading.enumerate())
    results = threaded(abs, items())
    for _ in range(5):
        next(results)
    assert 5 <= len(taken) <= 5 + cores + 1
    assert {thread for _, thread in taken} == {threading.current_thread()}
    results.close()  # type: ignore[attr-defined]  # a generator
    assert not any("ThreadPool" in thread.name for thread in set(threading.enumerate()) - before)
