"""The files of one model in a registry, read and written; which are there is decided in ``folder``.

``NAME/ in_force.json`` (which version, and every change of it), ``NAME/versions/3/ version.json model/ …``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from shutil import rmtree

from pydantic import TypeAdapter, ValidationError

from retemper.core.folder_lock import FolderLock
from retemper.core.version_records import Change, Version
from retemper.retraining.registry.contents import flush_folder
from retemper.retraining.registry.lineage import RECORD
from retemper.retraining.registry.reference import VERSION
from retemper.retraining.registry.sealed import Damaged, read_sealed, write_sealed
from retemper.retraining.registry.waiting import free_or_none, held

IN_FORCE, DRAFT = "in_force.json", ".adding-"


@cache
def _versions() -> TypeAdapter[Version]:
    return TypeAdapter(Version)


@cache
def _changes() -> TypeAdapter[tuple[Change, ...]]:
    return TypeAdapter(tuple[Change, ...])


def numbers(model: Path) -> list[int]:
    """Of all versions that are there, rising."""
    try:
        found = [path.name for path in (model / "versions").iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(name) for name in found if VERSION.fullmatch(name))


def read_version(folder: Path) -> Version:
    """The record of a version.

    Raises:
        Damaged: it is not what was written, or that of another version.
        InputError: ``other_version``.
    """
    version = read_record(folder)
    if version.number != int(folder.name):
        raise Damaged(RECORD)
    return version


def read_record(folder: Path, **known: int) -> Version:
    """The record of a version wherever it lies.

    Args:
        folder: that holds version.json.
        known: what the record leaves to others: ``number``, where a server gives it.

    Raises:
        Damaged: it is not what was written.
        InputError: ``other_version``.
    """
    try:
        return _versions().validate_python({**read_sealed(folder / RECORD), **known})
    except (ValidationError, FileNotFoundError, NotADirectoryError):
        raise Damaged(RECORD) from None


def read_changes(model: Path) -> tuple[Change, ...]:
    """Every change of the version in force, oldest first; none where none was ever promoted.

    Raises:
        Damaged: the file is not what was written.
        InputError: ``other_version``.
    """
    try:
        return _changes().validate_python(read_sealed(model / IN_FORCE)["changes"])
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (ValidationError, KeyError):
        raise Damaged(IN_FORCE) from None


def write_changes(model: Path, changes: Sequence[Change]) -> None:
    """Replace the file that says which version is in force: one rename, to the disk before this returns."""
    for left in model.glob(f".{IN_FORCE}.*.tmp"):  # of a writer that was killed: this process holds the lock
        left.unlink()
    document = {"in_force": changes[-1].version, "changes": [asdict(change) for change in changes]}
    write_sealed(model / IN_FORCE, document)
    flush_folder(model)


@contextmanager
def draft(model: Path) -> Iterator[tuple[Path, FolderLock]]:
    """A folder to put a version together in, locked while its writer lives; what dead writers left is deleted.

    Whoever publishes it removes the lock and renames it, both under the model's lock.
    """
    versions = model / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    with held(model):
        _sweep(versions)
        taken = {path.name for path in versions.iterdir()}
        own = versions / next(name for k in range(len(taken) + 1) if (name := f"{DRAFT}{k}") not in taken)
        own.mkdir()
        lock = FolderLock(own)
    try:
        yield own, lock
    finally:
        lock.close()
        if own.exists():
            with held(model):
                _sweep(versions)


def _sweep(versions: Path) -> None:
    for left in versions.glob(f"{DRAFT}*"):
        lock = free_or_none(left)
        if lock is not None:
            lock.remove()
            rmtree(left)


def publish(own: Path, lock: FolderLock, version: Version) -> None:
    """Make a draft the version: one rename. The model's lock is held."""
    write_sealed(own / RECORD, asdict(version))
    lock.remove()
    own.rename(own.with_name(str(version.number)))
    flush_folder(own.parent)
