"""A watched stream's folder, held by one process: what was done before, and the next batch's way in."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from retemper.core.errors import InputError
from retemper.core.folder_lock import LOCK_NAME, FolderLock
from retemper.core.run_folder import disk_faults
from retemper.core.run_place import refuse_files
from retemper.retraining.registry.contents import flush_folder
from retemper.retraining.registry.interface import Registry
from retemper.retraining.watch import view
from retemper.retraining.watch.records import (
    SCHEMA,
    Batch,
    batches_of,
    damaged,
    folder_name,
    read_json,
    write_json,
)
from retemper.retraining.watch.settled import settled

STREAM, FILES, WORKING = "stream.json", "files.json", "working"


@dataclass(frozen=True)
class Watched:
    """Which model is watched over.

    Args:
        model: its name in the registry, or the path of the folder that it began with.
        registry: where it is registered; None: it is not.
        bundle: SHA-256 of the bundle.json that it began with; None: it is registered.
    """

    model: str
    registry: str | None = None
    bundle: str | None = None


@dataclass
class Stream:
    """A stream while this process has it; see :class:`retemper.retraining.watch.records` for its files.

    >>> import tempfile
    >>> with Stream.opened(Path(tempfile.mkdtemp()), Watched("churn", "registry")) as stream:
    ...     stream.batches, stream.number
    ([], 1)
    """

    run: Path
    id: str
    lock: FolderLock
    batches: list[Batch] = field(default_factory=list)
    files: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def opened(cls, run: Path, watched: Watched) -> Self:
        """A new stream, or one to go on with; what was under way when its process died is deleted.

        Raises:
            InputError: ``run_in_use``; ``run_not_empty``: something else is there; ``other_model``: it is the stream of
                another model; ``bad_result``, ``cannot_write``.
        """
        with disk_faults(run):
            run.mkdir(parents=True, exist_ok=True)
            if not (run / STREAM).exists():
                refuse_files(run)
            lock = FolderLock(run)
        try:
            number = _begun(run, watched)
            with disk_faults(run):
                (run / "batches").mkdir(exist_ok=True)
                for half_written in [*run.glob(".*.tmp"), *run.glob("batches/*/.*.tmp")]:
                    half_written.unlink()
            stream = cls(run, number, lock, batches_of(run), read_json(run / FILES))
            stream.discard()
            return stream
        except BaseException:
            lock.close()
            raise

    @property
    def number(self) -> int:
        """Of the next batch."""
        return self.batches[-1].number + 1 if self.batches else 1

    @property
    def used(self) -> dict[str, Batch]:
        """Content (SHA-256) → the batch that used it."""
        return {str(own.stream["sha256"]): own for own in self.batches if not own.overtaken}

    @property
    def newest(self) -> Batch | None:
        """The newest batch whose decision holds."""
        return next((own for own in reversed(self.batches) if not own.overtaken), None)

    def draft(self, file: Path) -> Path:
        """Where the next batch is put together; empty."""
        place = self.run / WORKING / folder_name(self.number, file.name)
        self.discard()
        with disk_faults(place):
            place.mkdir(parents=True)
        return place

    def discard(self) -> None:
        """Delete the batch that was under way."""
        with disk_faults(self.run):
            if (self.run / WORKING).exists():
                shutil.rmtree(self.run / WORKING)

    def publish(self, draft: Path) -> None:
        """Make a draft the newest batch: one rename."""
        with disk_faults(draft):
            (draft / LOCK_NAME).unlink(missing_ok=True)  # a run's lock tells nobody anything later
            flush_folder(draft)
            draft.rename(self.run / "batches" / draft.name)
            flush_folder(self.run / "batches")
            draft.parent.rmdir()
        self.batches = batches_of(self.run)

    def finish(self, registry: Registry | None) -> None:
        """What is left to do for the newest batch: the registry, and what RUN shows. Nothing is done twice.

        Raises:
            InputError: the registry or the disk; the next call goes on from there.
        """
        if not self.batches:
            return
        if registry is not None and self.batches[-1].waits_for_registry:
            self.batches[-1] = settled(self.batches[-1], registry)
        if not view.shown(self.run, self.batches):
            view.show(self.run, self.batches)

    def note(self, name: str, facts: Mapping[str, Any]) -> None:
        """Remember what became of a file."""
        self.files = {**self.files, name: dict(facts)}
        write_json(self.run / FILES, self.files)

    def forget(self, names: set[str]) -> None:
        """Files that are gone; the contents that were used are known by their batches."""
        left = {name: facts for name, facts in self.files.items() if name not in names}
        if len(left) < len(self.files):
            self.files = left
            write_json(self.run / FILES, self.files)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(InputError):  # whoever comes next deletes it, too
            self.discard()
        self.lock.close()


def _begun(run: Path, watched: Watched) -> str:
    """The stream's name for itself; stream.json is written where there is none."""
    facts = read_json(run / STREAM)
    if not facts:
        facts = {"schema": SCHEMA, "id": uuid.uuid4().hex, **asdict(watched)}
        write_json(run / STREAM, facts)
    if not isinstance(facts.get("id"), str) or facts.get("schema") != SCHEMA:
        raise damaged(run / STREAM)
    if {name: facts.get(name) for name in asdict(watched)} != asdict(watched):
        raise InputError(
            "other_model",
            f"This stream began with another model: {facts.get('model')!r}, as it was then.",
            {"folder": str(run)},
            "Go on with the model it began with, or choose another folder with --out.",
        )
    return str(facts["id"])
