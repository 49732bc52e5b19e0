"""The rows of a file whose turn it is.

Labels that come later, in a file of their own, are joined by the rows' key to the file that had the features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.core.errors import InputError
from retemper.core.run_folder import disk_faults
from retemper.data.cells import as_words
from retemper.data.rewritten import read_for
from retemper.data.schema import Schema
from retemper.retraining.watch.arrivals import digest
from retemper.retraining.watch.course import CHANGED, NO_ROWS_YET, Task
from retemper.retraining.watch.records import Batch

KEYS = "labelled.npy"
"""In a batch's folder: the keys that got their labels by it, as numbers that only this stream can tell."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a file whose turn it is.

    Args:
        frame: features, and the target as far as it is known.
        keys: the keys that get their labels by it [N] uint64; None: the file has its rows itself.
        of: the files that the rows were joined from.
        unmatched: labels whose rows are not there.
        known: rows of an earlier state of the file that the model was trained on, left out.
    """

    frame: pl.DataFrame
    keys: NDArray[np.uint64] | None = None
    of: tuple[str, ...] = ()
    unmatched: int = 0
    known: int = 0

    def unlabelled(self, target: str) -> int:
        """How many rows have no target."""
        return self.frame[target].null_count() if target in self.frame.columns else self.frame.height


def without_known(rows: Rows, task: Task, model: Model) -> Rows:
    """Of a file that was used before and has grown since, the rows that the model was not trained on.

    Raises:
        InputError: ``no_rows``: it knows them all.
    """
    grown = any(own.decision["batch"] == task.file.name for own in task.stream.batches if not own.overtaken)
    if not grown or model.memory is None or model.target not in rows.frame.columns:
        return rows
    known = model.memory.trained.seen(rows.frame, model.schema)
    if known.all():
        message = "The file has changed, but the model was trained on each of its rows before."
        raise InputError("no_rows", message, {"file": str(task.file)}, "Nothing needs to be done.")
    return replace(rows, frame=rows.frame.filter(~known), known=int(known.sum()))


def rows_of(task: Task, schema: Schema, key: str | None) -> Rows:
    """The rows of a file; where it holds labels alone, the earlier rows that they belong to.

    A file with the key and the target, but without any feature, holds labels. Their rows are read again from the
    folder, where the file with the features must still lie as it was: no raw row is kept for it. Each key gets its
    label once.

    Args:
        task: the file and the stream.
        schema: of the model.
        key: the column that names a row; None: labels don't come by themselves.

    Raises:
        InputError: the file can't be read; it changed meanwhile; ``labels_without_rows``: none of its rows is there;
            ``key_not_unique``: a key stands for two rows or has two labels.
    """
    frame = read_for(task.file, schema).frame[:]
    if digest(task.file) != task.sha256:
        raise _changed(task.file)
    if key is None or key not in frame.columns:
        return Rows(frame)
    features = {column.name for column in schema.columns} - {key}
    target = "" if schema.target is None else schema.target.name
    if target in frame.columns and not features & set(frame.columns):
        return _joined(task, schema, key, frame.select(key, target))
    return Rows(_without_key(frame, key, schema))


def save_keys(rows: Rows, folder: Path) -> None:
    """Remember which keys have their labels now."""
    if rows.keys is not None:
        with disk_faults(folder / KEYS):
            np.save(folder / KEYS, rows.keys, allow_pickle=False)


def _joined(task: Task, schema: Schema, key: str, labels: pl.DataFrame) -> Rows:
    target = labels.columns[1]
    known = labels.drop_nulls().unique(maintain_order=True)
    known = known.with_columns(as_words(known[key]).alias(key))
    _refuse_twice(known[key], "has two labels", task.file)
    numbers = _numbers(known[key], task.stream.id)
    fresh = ~np.isin(numbers, _labelled(task.stream.batches))
    known = known.filter(fresh)
    frames, sources = [], []
    for batch in _without_labels(task.stream.batches):
        own = _source(task.file.parent / str(batch.decision["batch"]), batch)
        if own is None:
            continue
        frame = _with_labels(read_for(own, schema).frame[:], key, target, known)
        if frame.height:
            frames.append(frame)
            sources.append(own.name)
    if not frames:
        raise _no_rows(task.file, key)
    found = pl.concat(frames, how="diagonal_relaxed")
    words = as_words(found[key])
    _refuse_twice(words, "stands for two rows", task.file)
    keys = _numbers(words, task.stream.id)
    return Rows(_without_key(found, key, schema), keys, tuple(sources), known.height - found.height)


def _with_labels(frame: pl.DataFrame, key: str, target: str, labels: pl.DataFrame) -> pl.DataFrame:
    """The rows without a target that have a label now, in their order."""
    if key not in frame.columns:
        return frame.clear()
    words = pl.DataFrame([as_words(frame[key])])
    found = words.join(labels, on=key, how="left", maintain_order="left")[target]
    without = (
        frame[target].is_null() if target in frame.columns else pl.repeat(True, frame.height, eager=True)
    )
    return frame.with_columns(found).filter(without & found.is_not_null())


def _without_key(frame: pl.DataFrame, key: str, schema: Schema) -> pl.DataFrame:
    """A key that the model does not know must not become a feature."""
    known = any(column.name == key for column in schema.columns)
    return frame if known else frame.drop(key)


def _without_labels(batches: Iterable[Batch]) -> list[Batch]:
    return [own for own in batches if not own.overtaken and own.stream.get("unlabelled")]


def _source(path: Path, batch: Batch) -> Path | None:
    """The file of a batch, if it still lies there as it was."""
    return path if path.is_file() and digest(path) == batch.stream["sha256"] else None


def _labelled(batches: Iterable[Batch]) -> NDArray[np.uint64]:
    places = [own.folder / KEYS for own in batches if not own.overtaken]
    found = [np.load(place, allow_pickle=False) for place in places if place.is_file()]
    return np.concatenate([np.zeros(0, np.uint64), *found])


def _numbers(keys: pl.Series, salt: str) -> NDArray[np.uint64]:
    secret = bytes.fromhex(salt)
    digests = (hashlib.blake2b(word.encode(), digest_size=8, key=secret).digest() for word in keys)
    return np.fromiter((int.from_bytes(own, "little") for own in digests), np.uint64, len(keys))


def _refuse_twice(keys: pl.Series, what: str, file: Path) -> None:
    twice = keys.filter(keys.is_duplicated())
    if len(twice):
        raise InputError(
            "key_not_unique",
            f"The key {twice[0]!r} of column {keys.name!r} {what}.",
            {"file": str(file), "column": keys.name},
            "Labels are joined to rows by a key that names one row: an order's number, not a customer's.",
        )


def _no_rows(file: Path, key: str) -> InputError:
    return InputError(
        NO_ROWS_YET,
        f"The file holds labels, but none of the rows without a label in the folder has one of its keys ({key!r}).",
        {"file": str(file), "column": key},
        "Leave the file with the features in the folder until its labels have come, or give labels with the features.",
    )


def _changed(file: Path) -> InputError:
    return InputError(
        CHANGED,
        "The file was written to while it was read.",
        {"file": str(file)},
        "Write new files under a hidden name or with the ending .tmp, and rename them when they are whole.",
    )
