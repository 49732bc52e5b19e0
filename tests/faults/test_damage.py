"""Files of a killed run that are damaged: found, made anew, the same bits at the end; else told in words."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import retemper
from retemper.core.run_folder import RunFolder

from .conftest import code_of, started, weights

pytestmark = pytest.mark.usefixtures("in_process")

MENDED = [
    "checkpoints/arrays/train.dense.npy",
    "checkpoints/arrays/meta.json",
    "checkpoints/jobs/train_long*/done.safetensors",
    "checkpoints/jobs/search_coarse*/job.json",
    "history/train_long.jsonl",
    "log.jsonl",
    "trials.db",
]


def damaged(content: bytes, kind: str) -> bytes:
    """Some bits flipped, the end cut off, or nothing but zeros."""
    draw = np.random.default_rng(len(content))
    if kind == "cut":
        return content[: len(content) * 2 // 3]
    if kind == "zeros":
        return bytes(len(content))
    flipped = bytearray(content)
    for place in draw.integers(len(content), size=3):
        flipped[place] ^= 1 << int(draw.integers(8))
    return bytes(flipped)


@pytest.mark.parametrize("kind", ["flipped", "cut", "zeros"])
def test_whatever_is_damaged_the_model_is_the_same(killed: Path, whole: Path, kind: str) -> None:
    """All at once: each file alone was tried while this was written."""
    for pattern in MENDED:
        for path in killed.glob(pattern):
            path.write_bytes(damaged(path.read_bytes(), kind))
    retemper.resume(killed)
    assert weights(killed) == weights(whole)
    assert (killed / "report.html").stat().st_size > 100_000


def test_a_damaged_model_is_never_used(killed: Path) -> None:
    retemper.resume(killed)
    path = killed / "model" / "weights.safetensors"
    path.write_bytes(damaged(path.read_bytes(), "flipped"))
    assert code_of(retemper.load, killed) == "damaged_bundle"


def test_two_runs_never_share_a_folder(table: Path, killed: Path) -> None:
    with RunFolder.reopen(killed):
        assert code_of(retemper.resume, killed) == "run_in_use"
        assert code_of(started, table, killed) == "run_in_use"
    assert code_of(started, table, killed) == "run_not_empty"


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """Someone writes to the table all the time: it is read as a whole, or refused."""
    path = tmp_path / "t.csv"
    pl.DataFrame({"a": np.arange(400_000), "y": np.arange(400_000) % 2}).write_csv(path)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            with path.open("ab") as file:
                file.write(b"1,1\n")
            time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert code_of(retemper.check, path, "y") == "file_changed"
    finally:
        over.set()
        writer.join()
