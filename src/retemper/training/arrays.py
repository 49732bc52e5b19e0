"""Prepared arrays on disk, mapped into memory by every process that trains on them.

``meta.json`` comes last and names every file's CRC-32, which takes a quarter of a second for each gigabyte. A run that
is resumed prepares its arrays anew, so that damage is mended by that.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from retemper.core.errors import InputError
from retemper.core.run_folder import disk_faults, write_whole
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.parameter import ROW_LANE, padded
from retemper.training.plan import Rows

BLOCK_BYTES = 1 << 20
FIELDS = ("dense", "codes", "y", "weight")


@dataclass(frozen=True)
class SplitArrays:
    """One split's rows: dense [N, D], codes [N, K], y [N], weight [N].

    ``mapped`` are the same rows where they lie on disk padded to whole lanes: a training reads them from there. It is
    no argument, so that rows that ``dataclasses.replace`` has changed never claim to be the ones on disk.
    """

    dense: NDArray[np.float32]
    codes: NDArray[np.integer[Any]]
    y: NDArray[Any]
    weight: NDArray[np.float32]
    mapped: Rows | None = field(default=None, init=False, repr=False, compare=False)

    def rows(self, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Rows:
        """As tensors, padded to whole lanes; without a copy where they are mapped that way."""
        on_cpu = device is None or device.type == "cpu"
        if self.mapped is not None and dtype == torch.float32 and on_cpu:
            return self.mapped
        return Rows.of(self.dense, self.codes, self.y, self.weight, dtype, device)


@dataclass(frozen=True)
class TaskArrays:
    """What a network learns from: training and validation rows, and facts of the training rows.

    Args:
        task: classification or regression.
        n_classes: 0 for regression.
        shape: of the prepared rows.
        prior: class frequencies [C], or (mean, standard deviation) of the scaled target.
        class_weight: [C] or None.
    """

    task: str
    n_classes: int
    shape: InputShape
    prior: tuple[float, ...]
    class_weight: tuple[float, ...] | None
    train: SplitArrays
    validation: SplitArrays


def joined(parts: Sequence[SplitArrays]) -> SplitArrays:
    """Rows below each other; a copy in memory where there is more than one part."""
    if len(parts) == 1:
        return parts[0]
    dense, codes, y, weight = (np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS)
    return SplitArrays(dense, codes, y, weight)


def pooled(arrays: TaskArrays) -> SplitArrays:
    """Training and validation rows together, in this order; a copy in memory."""
    return joined((arrays.train, arrays.validation))


def save(arrays: TaskArrays, folder: Path) -> TaskArrays:
    """Write the arrays, those that are not there yet; meta.json comes last, and its presence means that all is there.

    Returns:
        The same arrays, mapped.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    for split in ("train", "validation"):
        part: SplitArrays = getattr(arrays, split)
        if not _lies_in(part, folder):
            write_split(folder, split, [part], len(part.y))
    meta = {
        "task": arrays.task,
        "n_classes": arrays.n_classes,
        "shape": asdict(arrays.shape),
        "prior": list(arrays.prior),
        "class_weight": None if arrays.class_weight is None else list(arrays.class_weight),
        "rows": {"train": len(arrays.train.y), "validation": len(arrays.validation.y)},
    }
    with disk_faults(folder):
        checks = {place.name: checksum(place) for place in places(folder)}
        content = json.dumps({"meta": meta, "crc32": {**checks, "meta": _checksum_of(meta)}})
        write_whole(folder / "meta.json", content.encode())
    return load(folder)


def _lies_in(part: SplitArrays, folder: Path) -> bool:
    """Whether the rows are mapped from files of this very folder, and not from another's."""
    if part.mapped is None:
        return False
    file: Any = part.mapped.mapped[0]
    return Path(file.filename).resolve().parent == folder.resolve()


def write_split(folder: Path, split: str, parts: Iterable[SplitArrays], count: int) -> SplitArrays:
    """Write a split's rows as they come, padded to whole lanes; only one part at a time is in memory.

    Args:
        folder: where; made if need be.
        split: ``train`` or ``validation``.
        parts: the rows in order, at least one part.
        count: how many rows they are in all.

    Returns:
        The rows, mapped.
    """
    with disk_faults(folder), ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        files = {
            name: stack.enter_context(_RowFile(_place(folder, split, name), padded(count, ROW_LANE)))
            for name in FIELDS
        }
        width = 0
        for part in parts:
            width = part.dense.shape[1]
            room = padded(width) - width
            files["dense"].add(np.pad(part.dense, ((0, 0), (0, room))) if room else part.dense)
            files["codes"].add(part.codes)
            files["y"].add(part.y.astype(np.int64 if part.y.dtype.kind in "iu" else np.float32, copy=False))
            files["weight"].add(part.weight.astype(np.float32, copy=False))
    return mapped(folder, split, count, width)


class _RowFile:
    """An .npy file whose rows are appended; what is short of ``rows`` at the end is zero."""

    def __init__(self, path: Path, rows: int) -> None:
        self._path = path
        self._left = rows
        self._row_bytes = 0

    def __enter__(self) -> _RowFile:
        self._file = self._path.open("wb")
        return self

    def add(self, rows: NDArray[Any]) -> None:
        if not self._row_bytes:
            header = np.lib.format.header_data_from_array_1_0(rows)
            header = {**header, "fortran_order": False, "shape": (self._left, *rows.shape[1:])}
            np.lib.format.write_array_header_1_0(self._file, header)
            self._row_bytes = rows.dtype.itemsize * int(np.prod(rows.shape[1:]))
        if rows.size:
            self._file.write(np.ascontiguousarray(rows).data)
        self._left -= len(rows)

    def __exit__(self, *exception: object) -> None:
        with self._file:
            self._file.write(bytes(self._left * self._row_bytes))


def _place(folder: Path, split: str, name: str) -> Path:
    return folder / f"{split}.{name}.npy"


def places(folder: Path, splits: Sequence[str] = ("train", "validation")) -> list[Path]:
    """The files of these splits."""
    return [_place(folder, split, name) for split in splits for name in FIELDS]


def check_places(folder: Path, splits: Sequence[str], checks: Mapping[str, int]) -> None:
    """Hold files against their checksums; ``damaged_arrays`` where one differs."""
    for place in places(folder, splits):
        if not place.is_file() or checks.get(place.name) != checksum(place):
            raise damaged(place)


def checksum(path: Path) -> int:
    """A file's CRC-32."""
    total = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            total = zlib.crc32(block, total)
    return total


def _checksum_of(meta: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(meta, sort_keys=True).encode())


def mapped(folder: Path, split: str, count: int, width: int) -> SplitArrays:
    """The rows of a split, mapped from its files."""
    # Copy-on-write: PyTorch wants writable memory, though nobody writes.
    dense, codes, y, weight = (np.load(_place(folder, split, name), mmap_mode="c") for name in FIELDS)
    x, levels, target, weights = (torch.from_numpy(part) for part in (dense, codes, y, weight))
    rows = Rows(x, levels, target, weights, count, (dense, codes, y, weight))
    split_arrays = SplitArrays(dense[:count, :width], codes[:count], y[:count], weight[:count])
    object.__setattr__(split_arrays, "mapped", rows)
    return split_arrays


def load(folder: Path, verify: bool = False) -> TaskArrays:
    """Map the arrays of :func:`save` into memory.

    Args:
        folder: where.
        verify: read every file once, and hold it against its checksum.

    Raises:
        InputError: ``damaged_arrays``.
    """
    content = (folder / "meta.json").read_bytes()
    try:
        kept = json.loads(content)
        meta, checks = kept["meta"], kept["crc32"]
        whole = checks["meta"] == _checksum_of(meta)
    except (ValueError, TypeError, KeyError):
        whole = False
    if not whole:
        raise damaged(folder / "meta.json")
    if verify:
        check_places(folder, ("train", "validation"), checks)
    weight = meta["class_weight"]
    shape: dict[str, Any] = {
        name: tuple(own) if isinstance(own, list) else own for name, own in meta["shape"].items()
    }
    return TaskArrays(
        meta["task"],
        meta["n_classes"],
        InputShape(**shape),
        tuple(meta["prior"]),
        None if weight is None else tuple(weight),
        mapped(folder, "train", meta["rows"]["train"], shape["width"]),
        mapped(folder, "validation", meta["rows"]["validation"], shape["width"]),
    )


def damaged(place: Path) -> InputError:
    """The error for a file that is missing or not as it was written."""
    return InputError(
        "damaged_arrays",
        "The prepared rows on the disk are not what was written.",
        {"file": str(place)},
        "Resume the run (retemper train --resume RUN): it prepares them anew.",
    )
