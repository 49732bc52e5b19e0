"""The folds beside the prepared arrays, and the rows as each fold's network may see them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from retemper.core.run_folder import disk_faults
from retemper.training import sealed
from retemper.training.arrays import (
    SplitArrays,
    check_places,
    checksum,
    damaged,
    mapped,
    places,
    write_split,
)

VERSIONS = "versions"
FOLDS = "folds.safetensors"
"""Beside the arrays: [repeats, rows] the folds of training and validation rows, in this order."""


def save_folds(folds: NDArray[np.uint8], folder: Path, versions: Iterable[SplitArrays] = ()) -> None:
    """Write the folds beside the arrays.

    Args:
        folds: [repeats, rows].
        folder: of the arrays.
        versions: the rows of training and validation together as each fold's network may see them, one version a
            fold; none: everybody sees the same.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    own = iter(versions)
    first = next(own, None)
    facts: dict[str, Any] = {}
    if first is not None:
        count = folds.shape[1] * (int(folds.max()) + 1)
        write_split(folder, VERSIONS, chain([first], own), count)
        checks = {place.name: checksum(place) for place in places(folder, (VERSIONS,))}
        facts = {"width": first.dense.shape[1], "rows": count, "crc32": checks}
    with disk_faults(folder):
        sealed.write(folder / FOLDS, {"folds": torch.from_numpy(folds)}, facts)


def load_folds(folder: Path) -> NDArray[np.uint8]:
    """What :func:`save_folds` wrote.

    Raises:
        InputError: ``damaged_arrays``.
    """
    saved = sealed.read(folder / FOLDS)
    if saved is None:
        raise damaged(folder / FOLDS)
    folds: NDArray[np.uint8] = saved[1]["folds"].numpy()
    return folds


def load_versions(folder: Path) -> SplitArrays | None:
    """The rows once for each fold, one version below the other; None where everybody sees the same.

    Raises:
        InputError: ``damaged_arrays``.
    """
    saved = sealed.read(folder / FOLDS)
    if saved is None:
        raise damaged(folder / FOLDS)
    facts = saved[0]
    if not facts:
        return None
    check_places(folder, (VERSIONS,), facts["crc32"])
    return mapped(folder, VERSIONS, facts["rows"], facts["width"])
