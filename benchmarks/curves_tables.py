"""Tables that small networks learn: scikit-learn's own, made ones, and any folder of CSV files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from sklearn import datasets
from torch import Tensor

MOST_ROWS, MOST_CLASSES = 6000, 30


@dataclass(frozen=True)
class Rows:
    """A table: scaled inputs, targets (class numbers, or values scaled to variance 1), and how many classes."""

    x: Tensor
    y: Tensor
    classes: int


def tables() -> dict[str, Rows]:
    """scikit-learn's own tables, and one made for two classes that no line separates."""
    digits, cancer, wine = datasets.load_digits(), datasets.load_breast_cancer(), datasets.load_wine()
    values = datasets.load_diabetes()
    made = datasets.make_classification(
        3000, 20, n_informative=8, n_redundant=4, n_classes=4, flip_y=0.05, random_state=0
    )
    curved = datasets.make_friedman1(3000, 10, noise=1.0, random_state=0)
    moons = datasets.make_moons(3000, noise=0.25, random_state=0)
    return {
        "digits": _rows(digits.data / 16, digits.target, 10, scaled=True),
        "cancer": _rows(cancer.data, cancer.target, 2),
        "wine": _rows(wine.data, wine.target, 3),
        "made": _rows(*made, 4),
        "moons": _rows(*moons, 2),
        "diabetes": _rows(values.data, values.target, 0),
        "friedman": _rows(*curved, 0),
    }


def _rows(x: Any, y: Any, classes: int, scaled: bool = False) -> Rows:
    x = np.asarray(x, dtype=np.float32)
    x = x if scaled else (x - x.mean(0)) / (x.std(0) + 1e-9)
    y = np.asarray(y)
    y = y if classes else ((y - y.mean()) / y.std()).astype(np.float32)
    return Rows(torch.tensor(x), torch.tensor(y), classes)


def read_tables(folder: Path) -> dict[str, Rows]:
    """CSV files whose last column is the target: classes where it is text or has few whole values."""
    return {file.stem: _read(file) for file in sorted(folder.glob("*.csv"))}


def _read(file: Path) -> Rows:
    frame = pl.read_csv(file, infer_schema_length=None).drop_nulls()
    frame = frame.sample(min(MOST_ROWS, len(frame)), seed=0, shuffle=True)
    y, inputs = frame[frame.columns[-1]], frame.drop(frame.columns[-1])
    texts = [name for name, kind in inputs.schema.items() if kind == pl.String]
    x = inputs.to_dummies(texts).to_numpy()
    classes = y.n_unique() if not y.dtype.is_float() and y.n_unique() <= MOST_CLASSES else 0
    return _rows(x, np.unique(y.to_numpy(), return_inverse=True)[1] if classes else y.to_numpy(), classes)
