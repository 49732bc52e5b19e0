"""A full disk or a folder that can't be written: told in words, nothing half-written, resumable to the same bits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import retemper

from .conftest import code_of, started, weights

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits"),
    pytest.mark.usefixtures("in_process"),
]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: the system refuses in the midst of a file, as on a full disk."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def assert_nothing_half(run: Path) -> None:
    assert not (run / "result.json").exists() or not (run / "report.html").exists()
    assert not [path for path in run.rglob("*") if ".tmp" in path.name]
    for path in run.rglob("*.json"):
        json.loads(path.read_text())


@pytest.mark.parametrize(
    ("size", "stage", "code"),
    [
        (300, "start", "cannot_write"),
        (2_000, "prepare", "cannot_write"),
        (60_000, "search", "cannot_write"),
        (500_000, "report", "cannot_write"),
    ],
)
def test_files_that_may_not_grow(
    table: Path, whole: Path, tmp_path: Path, size: int, stage: str, code: str
) -> None:
    run = tmp_path / "run"
    with files_of_at_most(size):
        assert code_of(started, table, run) == code
    if stage in ("start", "prepare"):
        assert not run.exists()  # nothing to resume: the name is free again
        return
    assert_nothing_half(run)
    assert (run / "model").exists() == (stage == "report")
    retemper.resume(run)
    assert weights(run) == weights(whole)


@pytest.fixture
def disk_kb() -> int:
    return 200


def test_a_disk_that_is_really_full(table: Path, whole: Path, small_disk: Path) -> None:
    run = small_disk / "run"
    assert code_of(started, table, run) == "disk_full"
    assert_nothing_half(run)
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    retemper.resume(run)
    assert weights(run) == weights(whole)


def test_a_disk_that_is_read_only(table: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert code_of(started, table, small_disk / "run") == "cannot_write"


@pytest.mark.parametrize(
    "name",
    [
        "model",
        "report.html",
        "result.json",
        "log.jsonl",
        "trials.db",
        "history",
        "checkpoints/arrays",
        "checkpoints/jobs",
    ],
)
def test_a_place_that_something_else_has_taken(killed: Path, whole: Path, name: str) -> None:
    """A file where a folder should be, a folder where a file should be: rights would not stop a superuser."""
    place = killed / name
    was_folder = (whole / name).is_dir()
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.write_text("mine") if was_folder else (place / "mine").mkdir(parents=True)
    assert code_of(retemper.resume, killed) == "cannot_write"
    assert place.exists()
    place.unlink() if was_folder else shutil.rmtree(place)
    if name == "history":
        place.mkdir()
    retemper.resume(killed)
    assert weights(killed) == weights(whole)
