"""Rows of mapped arrays, without the whole file in memory: pages are given back once they were read.

A mapped file is read page by page, and every page stays until the system needs the room. Rows drawn at random lie in
nearly all pages, so that some thousand rows of a large file would hold all of it.
"""

from __future__ import annotations

import mmap
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.training.plan import Rows

WINDOW_BYTES = 1 << 24
"""Arrays up to this size stay; of larger ones so much is read at a time."""
LARGE_BYTES = 1 << 29
"""Mapped rows up to this size are trained on where they lie; of larger ones those that come next are copied."""


def gathered(array: NDArray[Any], rows: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Some rows of an array, copied; of a mapped file at most 16 MB are held meanwhile.

    Args:
        array: [N, …].
        rows: their numbers, ascending.

    Returns:
        [len(rows), …].

    >>> gathered(np.arange(5) * 2, np.array([1, 3])).tolist()
    [2, 6]
    """
    step = WINDOW_BYTES // max(1, array.strides[0])
    if _mapping(array) is None or len(array) <= step:
        taken: NDArray[Any] = array[rows]
        return taken
    found = np.empty((len(rows), *array.shape[1:]), dtype=array.dtype)
    ends = np.searchsorted(rows, np.arange(step, len(array) + step, step))
    for start, end in pairwise((0, *ends.tolist())):
        if start < end:
            found[start:end] = array[rows[start:end]]
            give_back(array)
    return found


def first_of_each(codes: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The number of the first row of each class, ascending; of a mapped file at most 16 MB are held meanwhile.

    >>> first_of_each(np.array([2, 0, 2, 1])).tolist()
    [0, 1, 3]
    """
    step = WINDOW_BYTES // max(1, codes.strides[0])
    first: dict[int, int] = {}
    for start in range(0, len(codes), step):
        found, at = np.unique(codes[start : start + step], return_index=True)
        first = dict(zip(found.tolist(), (start + at).tolist(), strict=True)) | first
        give_back(codes)
    return np.sort(np.array(list(first.values()), dtype=np.int64))


def at_hand(rows: Rows, wanted: Tensor) -> tuple[Rows, Tensor]:
    """Rows among which some are looked up at random, in memory, and the places of the wanted ones there.

    Args:
        rows: all of them.
        wanted: their numbers, of any shape.

    Returns:
        The rows as they are and ``wanted``; of large files a copy of the wanted rows, each once, and their places in
        it. The files are gone through from their beginning to their end, which costs less than going to and fro.
    """
    if sum(array.nbytes for array in rows.mapped) <= LARGE_BYTES:
        return rows, wanted
    numbers, places = torch.unique(wanted, return_inverse=True)
    x, codes, y, weight = (torch.from_numpy(gathered(own, numbers.numpy())) for own in rows.mapped)
    return Rows(x, codes, y, weight, len(numbers)), places


def give_back(array: NDArray[Any]) -> None:
    """Let go of a mapped file's pages, which are read again when they are asked for; nothing for other arrays.

    Nobody may have written to the array: what was written would be lost.
    """
    mapping = _mapping(array)
    if mapping is not None and hasattr(mapping, "madvise"):  # not on every system
        mapping.madvise(mmap.MADV_DONTNEED)


def _mapping(array: NDArray[Any]) -> mmap.mmap | None:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
