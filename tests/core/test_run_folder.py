"""A RUN: one writer, whole files, a log that survives a kill."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retemper.core import folder_lock
from retemper.core.errors import InputError
from retemper.core.run_folder import START, RunFolder, disk_faults, write_whole

HOLD = """
import sys, time
from retemper.core.run_folder import RunFolder
run = RunFolder.{verb}({arguments})
print("open", flush=True)
time.sleep(60)
"""


def code_of(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return caught.value.code


def holder(verb, arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(verb=verb, arguments=arguments)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "open\n"
    return process


def test_without_a_path_runs_of_one_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RunFolder.create(None, "my table!") as one, RunFolder.create(None, "my table!") as two:
        assert one.path != two.path
        assert one.path.parent == Path("runs")
        assert one.path.name.split("-", 2)[2].startswith("my-table")


def test_a_folder_with_files_is_refused_and_left_as_it_was(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    assert code_of(RunFolder.create, tmp_path, "x") == "run_not_empty"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_run_killed_before_it_saved_anything_leaves_a_folder_that_can_be_used(tmp_path):
    RunFolder.create(tmp_path / "run", "x").close()
    with RunFolder.create(tmp_path / "run", "x") as run:
        run.write_text("recipe.yaml", "seed: 0\n")
    assert (tmp_path / "run" / "recipe.yaml").read_text() == "seed: 0\n"
    # Killed while the start was saved: nothing to resume, and nothing to lose.
    (tmp_path / "run" / "checkpoints" / "data.parquet").write_text("half")
    assert code_of(RunFolder.reopen, tmp_path / "run") == "not_a_run"
    RunFolder.create(tmp_path / "run", "x").close()
    for kept in ("log.jsonl", START):
        (tmp_path / "run" / kept).write_text("{}")
        assert code_of(RunFolder.create, tmp_path / "run", "x") == "run_not_empty"
        (tmp_path / "run" / kept).unlink()


def test_the_advice_names_the_command_that_began_the_run(tmp_path):
    place = tmp_path / "run"
    with pytest.raises(InputError) as caught:
        RunFolder.reopen(place, "tune")
    assert "retemper tune DATA" in caught.value.hint
    with RunFolder.create(place, "x") as run:
        run.write_json(START, {"verb": "tune"})
    with pytest.raises(InputError) as caught:
        RunFolder.create(place, "x")
    assert caught.value.hint.endswith(f"`retemper tune --resume {place}`.")
    for name in ("result.json", "report.html"):
        (place / name).write_text("{}")
    with pytest.raises(InputError) as caught:
        RunFolder.create(place, "x")
    assert "resume" not in caught.value.hint, "it is finished"


def test_a_file_where_a_folder_should_be_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert code_of(RunFolder.create, tmp_path / "file" / "run", "x") == "cannot_write"
    assert code_of(RunFolder.create, tmp_path / "file", "x") == "cannot_write"


def test_two_processes_never_share_a_run_and_kill_9_frees_it(tmp_path):
    path = tmp_path / "run"
    first = holder("create", f"{str(path)!r}, 'x'")
    try:
        assert code_of(RunFolder.create, path, "x") == "run_in_use"
        (path / START).write_text("{}")
        assert code_of(RunFolder.reopen, path) == "run_in_use"
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
    RunFolder.reopen(path).close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX")
def test_a_forked_worker_does_not_keep_the_lock(tmp_path):
    run = RunFolder.create(tmp_path / "run", "x")
    ready, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(say, b"!")
        time.sleep(30)
        os._exit(0)
    try:
        os.read(ready, 1)
        assert code_of(RunFolder.create, tmp_path / "run", "x") == "run_in_use"
        run.close()
        with RunFolder.create(tmp_path / "run", "x") as again:
            assert again.path == run.path
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(say)


def test_reopen_refuses_what_is_no_run_and_what_is_finished(tmp_path):
    assert code_of(RunFolder.reopen, tmp_path) == "not_a_run"
    assert code_of(RunFolder.reopen, tmp_path / "absent") == "not_a_run"
    with RunFolder.create(tmp_path / "run", "x") as run:
        run.write_json(START, {})
        run.write_json("result.json", {})
        run.write_text("report.html", "")
    assert code_of(RunFolder.reopen, tmp_path / "run") == "run_finished"


def test_reopen_cuts_off_half_a_line_and_half_written_files(tmp_path):
    with RunFolder.create(tmp_path / "run", "x") as run:
        run.write_json(START, {})
        run.log({"event": "one"})
        (run.history / "train_long.jsonl").write_text('{"epoch": 1}\n{"epo')
        with run.log_path.open("a") as file:
            file.write('{"event": "tw')
        (run.checkpoints / ".stack.bin.123.tmp").write_text("half")
    with RunFolder.reopen(tmp_path / "run") as run:
        run.log({"event": "three"})
        assert [json.loads(line)["event"] for line in run.log_path.read_text().splitlines()] == [
            "one",
            "three",
        ]
        assert (run.history / "train_long.jsonl").read_text() == '{"epoch": 1}\n'
        assert not list(run.checkpoints.glob(".*"))


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_whole(path, b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with RunFolder.create(tmp_path / "run", "x") as run:
        assert code_of(run.write_json, "result.json", {}) == "disk_full"
    with pytest.raises(OSError):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_apart():
    def fill():
        with disk_faults("x"), open("/dev/full", "wb", buffering=0) as file:
            file.write(b"x")

    assert code_of(fill) == "disk_full"


def test_a_file_may_not_grow_larger():
    def limited():
        with disk_faults("x"):
            raise OSError(errno.EFBIG, "File too large", "big.bin")

    with pytest.raises(InputError, match="limit on the size of files") as caught:
        limited()
    assert (caught.value.code, caught.value.where) == ("cannot_write", {"file": "big.bin"})
    assert "ulimit" in caught.value.hint


def test_the_place_is_named_not_what_lies_beside_it(tmp_path):
    (tmp_path / "folder.json").mkdir()
    for place in (tmp_path / "nowhere" / "a.json", tmp_path / "folder.json"):
        with pytest.raises(InputError) as caught, disk_faults("x"):
            write_whole(place, b"{}")
        assert caught.value.where == {"file": str(place)}


def test_discard_frees_the_name(tmp_path):
    made = RunFolder.create(tmp_path / "new", "x")
    made.write_json(START, {})
    made.discard()
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    RunFolder.create(tmp_path / "old", "x").discard()
    assert list((tmp_path / "old").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no open file")
def test_whoever_waits_for_a_folder_that_is_discarded_does_not_hold_a_lock_without_a_name(
    tmp_path, monkeypatch
):
    made = RunFolder.create(tmp_path / "run", "x")
    flock = folder_lock._lock

    def after_the_discard(file):
        made.discard()
        flock(file)

    monkeypatch.setattr(folder_lock, "_lock", after_the_discard)
    assert code_of(folder_lock.FolderLock, tmp_path / "run") == "run_in_use"
    assert not (tmp_path / "run").exists()


def test_a_discarded_folder_that_another_run_has_taken_stays(tmp_path, monkeypatch):
    made = RunFolder.create(tmp_path / "run", "x")
    remove = made._lock.remove
    monkeypatch.setattr(made._lock, "remove", lambda: (remove(), (tmp_path / "run" / "theirs").touch()))
    made.discard()
    assert (tmp_path / "run" / "theirs").exists()
