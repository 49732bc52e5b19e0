"""One pass over a watched folder: each new file becomes one retraining, in order, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError
from retemper.retraining.registry.interface import Registry
from retemper.retraining.watch import arrivals
from retemper.retraining.watch.arrivals import Mark, digest, tables_in
from retemper.retraining.watch.records import Batch
from retemper.retraining.watch.stream import Stream

MACHINE = {"disk_full", "cannot_write", "not_enough_memory", "run_in_use", "registry_in_use"}
OPTIONS = {"unknown_strategy", "unknown_metric"}
"""Both are no file's fault: the pass ends, and the file's turn comes again."""
CHANGED = "file_changed"
"""The file was written to while it was read: its turn comes again."""
NO_ROWS_YET = "labels_without_rows"
"""Labels whose rows may still come: they are tried again in each pass."""


class Elsewhere(InputError):
    """A fault of the model or its registry, not of the file whose turn it is: the pass ends."""


@contextmanager
def elsewhere() -> Iterator[None]:
    """What goes wrong in here is no file's fault.

    >>> with elsewhere():
    ...     raise InputError("damaged_bundle", "The model is damaged.", None, "Restore it from a copy.")
    Traceback (most recent call last):
    retemper.retraining.watch.course.Elsewhere: The model is damaged. Restore it from a copy.

    Raises:
        Elsewhere: in place of an InputError.
    """
    try:
        yield
    except InputError as error:
        raise Elsewhere(error.code, error.message, error.where, error.hint) from error


@dataclass(frozen=True)
class Task:
    """A file whose turn it is.

    Args:
        file: the new rows, or labels for earlier ones.
        sha256: of its content.
        draft: an empty folder for decision.json, model/ and the report.
        stream: what was done before.
    """

    file: Path
    sha256: str
    draft: Path
    stream: Stream

    def facts(self, registered: bool, more: dict[str, Any]) -> dict[str, Any]:
        """What decision.json must say beyond a single retraining's, for the stream to go on from it."""
        known = {"id": self.stream.id, "sha256": self.sha256, "registered": registered}
        return {"batch": self.file.name, "stream": {**known, **more}}


@dataclass
class Tally:
    """What became of a pass.

    Args:
        batches: that came to a decision.
        failed: file → error, as ``--json`` prints errors; only those that are told for the first time.
        failed_before: files that failed in an earlier pass and have not changed since.
        labels: files of labels whose rows have not come yet.
        same: file → the earlier file that has the same content.
        waiting: the file that is still being written; it and those behind it wait for the next pass.
    """

    batches: list[Batch] = field(default_factory=list)
    failed: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed_before: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    same: dict[str, str] = field(default_factory=dict)
    waiting: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data for programs."""
        return {
            "batches": [own.folder.name for own in self.batches],
            "promoted": [own.folder.name for own in self.batches if own.decision["promoted"]],
            "failed": self.failed,
            "failed_before": self.failed_before,
            "labels": self.labels,
            "same": self.same,
            "waiting": self.waiting,
        }


@dataclass(frozen=True)
class Way:
    """How files are treated.

    Args:
        treat: puts a batch together in the task's draft.
        registry: of the model that is watched over; None: it is not registered.
        under: names the options; a file that failed under others is tried again.
    """

    treat: Callable[[Task], None]
    registry: Registry | None = None
    under: str = ""


def one_pass(stream: Stream, folder: Path, way: Way) -> Tally:
    """Treat every new file of a folder.

    Files whose size and time of change are those that were seen before are not read again. A file is known by its
    content: the same under another name is told and passed over; a file that was changed is a new one. A damaged
    file is remembered with its error, and tried again when it or the options change. While a file is being written,
    those behind it wait, since their order is kept.

    Args:
        stream: held by this process.
        folder: where files arrive.
        way: how they are treated.

    Returns:
        What became of it.

    Raises:
        InputError: the machine, the registry or the folder is at fault; the next pass goes on from there.
    """
    stream.finish(way.registry)
    there = tables_in(folder)
    stream.forget(set(stream.files) - {path.name for path in there})
    new = [path for path in there if _is_new(stream, path, way.under)]
    tally = Tally(failed_before=[path.name for path in there if path not in new and _failed(stream, path)])
    growing = arrivals.unfinished(new)
    for path in new if growing is None else new[: new.index(growing)]:
        if not _treated(stream, path, way, tally):
            tally.waiting = path.name
            return tally
    tally.waiting = None if growing is None else growing.name
    return tally


def _is_new(stream: Stream, path: Path, under: str) -> bool:
    known, mark = stream.files.get(path.name), Mark.of(path)
    if known is None or mark is None or known["mark"] != list(mark):
        return True
    return "error" in known and (known["under"] != under or known["error"]["code"] == NO_ROWS_YET)


def _failed(stream: Stream, path: Path) -> bool:
    return "error" in stream.files[path.name]


def _treated(stream: Stream, path: Path, way: Way, tally: Tally) -> bool:
    """Whether a file is done with, one way or another; False: it changed meanwhile."""
    mark = Mark.of(path)
    if mark is None:
        return True  # taken away: not ours any more
    before = len(stream.batches)
    try:
        # An overtaken decision came to nothing: the same file once more, against the champion of now.
        while (content := digest(path)) not in stream.used:
            draft = stream.draft(path)
            way.treat(Task(path, content, draft, stream))
            stream.publish(draft)
            stream.finish(way.registry)
    except InputError as error:
        theirs = isinstance(error, Elsewhere) or error.code in MACHINE | OPTIONS
        if theirs or len(stream.batches) > before:
            raise
        stream.discard()
        if error.code != CHANGED:
            _note_failure(stream, path, {"mark": list(mark), "under": way.under}, error, tally)
        return error.code != CHANGED
    own = stream.used[content]
    tally.batches += stream.batches[before:]
    if own.decision["batch"] != path.name:
        tally.same[path.name] = str(own.decision["batch"])
    stream.note(path.name, {"mark": list(mark), "batch": own.folder.name})
    return True


def _note_failure(stream: Stream, path: Path, facts: dict[str, Any], error: InputError, tally: Tally) -> None:
    facts = {**facts, "error": error.as_json()["error"]}
    known = stream.files.get(path.name) == facts
    if error.code == NO_ROWS_YET:
        tally.labels.append(path.name)
    elif known:
        tally.failed_before.append(path.name)
    else:
        tally.failed[path.name] = facts["error"]
    if not known:
        stream.note(path.name, facts)
