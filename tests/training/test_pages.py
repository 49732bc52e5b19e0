"""Mapped files of which little is held: the same rows and the same bits, and pages that are given back."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retemper.training import arrays, batches, pages
from retemper.training.pages import first_of_each, gathered, give_back


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


def test_the_first_row_of_each_class_is_found_in_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = np.random.default_rng(0).integers(5, size=1 << 17)
    codes[90_000] = 7
    path = tmp_path / "y.npy"
    np.save(path, codes)
    monkeypatch.setattr(pages, "WINDOW_BYTES", 1 << 18)
    array = np.load(path, mmap_mode="c")
    found = first_of_each(array)
    assert found.tolist() == sorted(np.unique(codes, return_index=True)[1].tolist()) and 90_000 in found
    if sys.platform == "linux":
        assert held_bytes(path) == 0


def test_no_row_and_rows_in_memory() -> None:
    array = np.arange(6).reshape(3, 2)
    assert gathered(array, np.array([], dtype=np.int64)).shape == (0, 2)
    give_back(array)
    assert array.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_a_training_on_large_files_learns_the_same(
    plan_for: Any, train: Any, task_arrays: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    data = arrays.save(task_arrays(), tmp_path)
    plan = plan_for(data, epochs=2)
    held = train(plan)[1]
    copied: list[int] = []

    def spy(array: Any, rows: Any) -> Any:
        copied.append(len(rows))
        return gathered(array, rows)

    monkeypatch.setattr(pages, "gathered", spy)
    assert train(plan)[1] and not copied, "small files are trained on where they lie"
    monkeypatch.setattr(pages, "LARGE_BYTES", 0)
    monkeypatch.setattr(batches, "AHEAD_ROWS", 2 * 3 * 32)  # two steps of three networks and 32 rows
    fits = train(plan)[1]
    assert len(copied) == 2 * 3 * len(arrays.FIELDS), "an epoch of five steps takes three copies"
    assert max(copied) < 150
    assert all(torch.equal(one.row, other.row) for one, other in zip(held, fits, strict=True))
