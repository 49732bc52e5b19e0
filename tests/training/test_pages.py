"""Mapped files of which little is held: the same rows and the same bits, and pages that are given back."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retemper.training import arrays, callbacks, pages, planning
from retemper.training.pages import gathered, give_back


def held_bytes(path: Path) -> int:
    """How much of a mapped file is in this process's memory."""
    held, own = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            own = words[-1] == str(path)
        elif own and words[0] == "Rss:":
            held += 1024 * int(words[1])
    return held


@pytest.fixture
def mapped(tmp_path: Path) -> tuple[Any, Path]:
    """8 MB of numbers in a file, and where it lies."""
    path = tmp_path / "x.npy"
    np.save(path, np.arange(1 << 20, dtype=np.float64).reshape(-1, 32))
    return np.load(path, mmap_mode="c"), path


def test_rows_are_taken_and_pages_given_back(mapped: tuple[Any, Path], monkeypatch: Any) -> None:
    array, path = mapped
    monkeypatch.setattr(pages, "WINDOW_BYTES", 1 << 20)
    rows = np.arange(3, len(array), 7)
    found = gathered(array[:, :5], rows)
    assert found.tolist() == array[rows][:, :5].tolist()
    if sys.platform == "linux":
        assert held_bytes(path) > 7 << 20, "plain indexing held the file"
        gathered(array[:, :5], rows)
        assert held_bytes(path) == 0


def test_no_row_and_rows_in_memory() -> None:
    array = np.arange(6).reshape(3, 2)
    assert gathered(array, np.array([], dtype=np.int64)).shape == (0, 2)
    give_back(array)
    assert array.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_a_training_gives_pages_back_and_learns_the_same(
    plan_for: Any, train: Any, task_arrays: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    data = arrays.save(task_arrays(), tmp_path)
    given: list[Any] = []
    monkeypatch.setattr(callbacks, "give_back", lambda array: (given.append(array), give_back(array)))
    plan = plan_for(data, epochs=2)
    held = train(plan)[1]
    assert not given, "small files stay"
    monkeypatch.setattr(
        callbacks, "HELD_BYTES", 3 * 3 * 32 << 16
    )  # three steps of three networks and 32 rows
    monkeypatch.setattr(planning, "HELD_BYTES", 0)
    fits = train(plan)[1]
    assert len(given) == 4 * len(arrays.FIELDS), (
        "after three of an epoch's five steps and at its end, all files"
    )
    assert all(torch.equal(one.row, other.row) for one, other in zip(held, fits, strict=True))
