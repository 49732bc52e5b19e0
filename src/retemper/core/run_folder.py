"""A RUN on disk: one writer at a time, whole files or none, and a log that survives `kill -9`.

``RUN/ recipe.yaml result.json history/ checkpoints/ model/ report.html log.jsonl`` and ``.lock``. Every file
is written beside its place and renamed into it, so that nobody ever meets half a file; the append-only ones
(log, history) may end in half a line after a kill, which :meth:`RunFolder.reopen` cuts off.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from retemper.core.errors import InputError
from retemper.core.folder_lock import LOCK_NAME, FolderLock
from retemper.core.records import to_json
from retemper.core.run_place import START as START  # known by this module's name
from retemper.core.run_place import default_place, refuse_files

FULL = {errno.ENOSPC, errno.EDQUOT}


class RunFolder:
    """The folder of one run, locked while it is open.

    >>> import tempfile
    >>> with RunFolder.create(Path(tempfile.mkdtemp()) / "run", "demo") as run:
    ...     run.write_json("result.json", {"schema": 1})
    ...     run.log({"event": "done"})
    >>> (run.path / "log.jsonl").read_text()
    '{"event": "done"}\\n'
    """

    def __init__(self, path: Path, lock: FolderLock, made: bool = False) -> None:
        self.path = path
        self._lock = lock
        self._made = made

    @classmethod
    def create(cls, path: Path | str | None, name: str) -> Self:
        """A new, empty run folder.

        Args:
            path: where; None: ``runs/<date>-<time>-<name>`` below the working directory.
            name: what the run is about, the default folder's last part.

        Raises:
            InputError: ``run_not_empty``, ``run_in_use``, ``cannot_write`` or ``disk_full``.
        """
        with disk_faults(path or "runs"):
            made = path is None or not Path(path).exists()
            place = default_place(name) if path is None else Path(path)
            place.mkdir(parents=True, exist_ok=True)
            refuse_files(place)
            run = cls(place, FolderLock(place), made)
        try:
            refuse_files(place)  # another process may have finished here between the look and the lock
            with disk_faults(place):
                run.history.mkdir(exist_ok=True)
                run.checkpoints.mkdir(exist_ok=True)
        except InputError:
            run.close()
            raise
        return run

    @classmethod
    def reopen(cls, path: Path | str, verb: str = "train") -> Self:
        """The folder of a run that was stopped or killed, to go on with it.

        Args:
            path: the folder.
            verb: the command that the run is meant to be one of, for the advice.

        Raises:
            InputError: ``not_a_run``, ``run_finished``, ``run_in_use`` or ``cannot_write``.
        """
        place = Path(path)
        if not (place / START).is_file():
            raise InputError(
                "not_a_run",
                "There is no run to resume here (or it was killed before its start was saved).",
                {"folder": str(path)},
                f"Name the RUN folder of a stopped run, or start again with `retemper {verb} DATA --out RUN`.",
            )
        if (place / "result.json").is_file() and (place / "report.html").is_file():
            raise InputError(
                "run_finished",
                "This run is finished: there is nothing to resume.",
                {"folder": str(path)},
                "Use its model with `retemper predict RUN DATA`, or read report.html.",
            )
        with disk_faults(place):
            run = cls(place, FolderLock(place))
            for file in [run.log_path, *run.history.glob("*.jsonl")]:
                _cut_half_line(file)
            for file in [
                *place.rglob(".*.tmp"),
                *place.rglob(".tmp*"),
            ]:  # the second ones are safetensors' own
                file.unlink()
        return run

    @property
    def history(self) -> Path:
        """Curves, one JSON-lines file a training."""
        return self.path / "history"

    @property
    def checkpoints(self) -> Path:
        """What a resumed run needs."""
        return self.path / "checkpoints"

    @property
    def jobs(self) -> Path:
        """Trainings, a folder each; not there before the first begins."""
        return self.checkpoints / "jobs"

    @property
    def model(self) -> Path:
        """The bundle (the folder is made by whoever saves it)."""
        return self.path / "model"

    @property
    def log_path(self) -> Path:
        """The log of decisions, one JSON document a line."""
        return self.path / "log.jsonl"

    def part(self, name: str) -> Self:
        """A folder like this one below the checkpoints, for a part of the run; new, or of a run that is gone on with.

        Raises:
            InputError: ``disk_full`` or ``cannot_write``.
        """
        own = type(self)(self.checkpoints / name, self._lock)
        with disk_faults(own.path):
            own.history.mkdir(parents=True, exist_ok=True)
            own.checkpoints.mkdir(exist_ok=True)
            for file in [own.log_path, *own.history.glob("*.jsonl")]:
                _cut_half_line(file)
        return own

    def write_json(self, name: str, value: Any) -> None:
        """Write records or plain data as JSON, whole or not at all."""
        self.write_text(name, json.dumps(to_json(value), indent=1, allow_nan=False) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, whole or not at all."""
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            InputError: ``disk_full`` or ``cannot_write``.
        """
        with disk_faults(self.path / name):
            write_whole(self.path / name, content)

    def log(self, event: Mapping[str, Any]) -> None:
        """Append one event to log.jsonl; it is on the disk when this returns."""
        line = json.dumps(to_json(event), allow_nan=False) + "\n"
        with disk_faults(self.log_path), self.log_path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Delete the run, its lock last: for a start that came to nothing."""
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK_NAME:
                path.unlink()
        self._lock.remove()
        if self._made:
            with suppress(OSError):  # by now it may be another run's
                self.path.rmdir()

    def close(self) -> None:
        """Free the lock; the files stay."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the new one, never half of it."""
    with whole(path) as beside:
        beside.write_bytes(content)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside the place to write to; what is there at the end is flushed to the disk, and takes the place."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(beside):
            error.filename = str(path)  # the name that a person knows
        raise


@contextmanager
def disk_faults(place: Path | str) -> Iterator[None]:
    """Turn the operating system's refusals to write into a person's error.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise  # no fault of the disk
        where = {"file": str(error.filename or place)}
        if error.errno in FULL:
            raise InputError(
                "disk_full",
                "The disk is full; what was saved before is whole.",
                where,
                "Free space, then resume the run; where nothing was trained yet, start it again.",
            ) from error
        if error.errno == errno.EFBIG:
            raise InputError(
                "cannot_write",
                "The file may not grow so large: the system sets a limit on the size of files.",
                where,
                "Raise the limit (`ulimit -f`), then resume the run; where nothing was trained yet, start it again.",
            ) from error
        reason = error.strerror or str(error)
        raise InputError(
            "cannot_write", f"Can't write here: {reason}.", where, "Choose a folder that you may write to."
        ) from error


def _cut_half_line(path: Path) -> None:
    if not path.is_file():
        return
    with path.open("r+b") as file:
        text = file.read()
        if text and not text.endswith(b"\n"):
            file.truncate(text.rfind(b"\n") + 1)
