"""Prepared arrays on disk, mapped into memory by every process that trains on them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from retemper.core.run_folder import write_whole
from retemper.models.layers.inputs import InputShape
from retemper.training.plan import Rows

FOLDS = "folds.npy"
"""Beside the arrays: [repeats, rows] the folds of training and validation rows, in this order."""


@dataclass(frozen=True)
class SplitArrays:
    """One split's rows: dense [N, D], codes [N, K], y [N], weight [N]."""

    dense: NDArray[np.float32]
    codes: NDArray[np.int64]
    y: NDArray[Any]
    weight: NDArray[np.float32]

    def rows(self, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Rows:
        """As tensors, padded to whole lanes."""
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


def pooled(arrays: TaskArrays) -> SplitArrays:
    """Training and validation rows together, in this order; a copy in memory."""
    parts = (arrays.train, arrays.validation)
    fields = ("dense", "codes", "y", "weight")
    return SplitArrays(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def save(arrays: TaskArrays, folder: Path) -> None:
    """Write the arrays; meta.json comes last, so that its presence means that all is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "validation"):
        part = getattr(arrays, split)
        for name in ("dense", "codes", "y", "weight"):
            np.save(folder / f"{split}.{name}.npy", getattr(part, name))
    meta = {
        "task": arrays.task,
        "n_classes": arrays.n_classes,
        "shape": asdict(arrays.shape),
        "prior": list(arrays.prior),
        "class_weight": None if arrays.class_weight is None else list(arrays.class_weight),
    }
    write_whole(folder / "meta.json", json.dumps(meta).encode())


def save_folds(folds: NDArray[np.uint8], folder: Path) -> None:
    """Write the folds [repeats, rows] beside the arrays."""
    content = BytesIO()
    np.save(content, folds)
    write_whole(folder / FOLDS, content.getvalue())


def load(folder: Path) -> TaskArrays:
    """Map the arrays of :func:`save` into memory."""
    meta = json.loads((folder / "meta.json").read_text())

    def split(name: str) -> SplitArrays:
        # Copy-on-write: PyTorch wants writable memory, though nobody writes.
        parts = [
            np.load(folder / f"{name}.{part}.npy", mmap_mode="c")
            for part in ("dense", "codes", "y", "weight")
        ]
        return SplitArrays(*parts)

    shape = meta["shape"]
    weight = meta["class_weight"]
    return TaskArrays(
        meta["task"],
        meta["n_classes"],
        InputShape(shape["width"], shape["n_numbers"], tuple(shape["cardinalities"]), tuple(shape["bins"])),
        tuple(meta["prior"]),
        None if weight is None else tuple(weight),
        split("train"),
        split("validation"),
    )
