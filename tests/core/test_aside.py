"""What is done aside is done by the end, and its errors are not lost."""

import threading

import pytest

from retemper.core.aside import Aside
from retemper.core.errors import InputError


def fails() -> None:
    raise InputError("disk_full", "The disk is full.", None, "Free space.")


def test_the_caller_goes_on_meanwhile() -> None:
    told = threading.Event()
    with Aside() as aside:
        waits = aside.do(lambda: told.wait(10))
        assert not waits.done()
        told.set()
    assert waits.result()


def test_an_error_comes_at_the_end_and_after_the_rest_is_done() -> None:
    done: list[int] = []
    with pytest.raises(InputError) as caught, Aside() as aside:
        aside.do(fails)
        aside.do(lambda: done.append(1))
    assert caught.value.code == "disk_full" and done == [1]


def test_what_ends_a_run_is_told_and_what_was_begun_is_finished() -> None:
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt), Aside() as aside:
        aside.do(fails)
        aside.do(lambda: done.append(1))
        raise KeyboardInterrupt
    assert done == [1]
