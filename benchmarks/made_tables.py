"""Tables to measure on: given as files, scikit-learn's own, and made up with their true probabilities known."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn import datasets
from tables import from_sklearn

Floats = NDArray[np.float64]
UNKNOWN = ["", "?", "NA"]


@dataclass(frozen=True)
class Source:
    """A table with its target's name; ``truth`` [N, C]: the probabilities that its labels were drawn from."""

    name: str
    frame: pl.DataFrame
    target: str
    truth: Floats | None = None


def adult_like(sharpness: float, rows: int, seed: int = 0) -> Source:
    """Numbers and categories, one class in four, P = 1 / (1 + exp(−sharpness · score)): sharper is easier.

    Sharpness 3, 5, 8, 16: the best accuracy possible is about .87, .91, .94, .97.
    """
    draw = np.random.default_rng(seed)
    age, grade = draw.integers(17, 90, rows), draw.integers(1, 17, rows)
    hours = draw.normal(40, 12, rows).clip(1, 99).round()
    job, home = draw.choice(12, rows), draw.choice(5, rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    sex = draw.choice(2, rows)
    gain = np.where(draw.random(rows) < 0.08, draw.lognormal(8, 1, rows), 0).round()
    score = 0.35 * (grade - 10) + 1.5 * (home == 0) + 0.04 * (hours - 40) + 0.9 * draw.normal(size=12)[job]
    score += -((age - 48) ** 2) / 400 + gain / 4000 + 0.3 * sex
    score = (score - np.quantile(score, 0.75)) / score.std()
    rich = 1 / (1 + np.exp(-sharpness * score))
    frame = pl.DataFrame(
        {
            "age": age,
            "grade": grade,
            "hours": hours,
            "job": [f"job {k}" for k in job],
            "home": [f"home {k}" for k in home],
            "sex": [f"sex {k}" for k in sex],
            "gain": gain,
            "y": np.where(draw.random(rows) < rich, "more", "less"),
        }
    )
    return Source(f"adult-like {sharpness:g}", frame, "y", np.stack([1 - rich, rich], axis=1))


def clouds(distance: float, rows: int, classes: int = 10, seed: int = 0) -> Source:
    """Normal clouds in 12 directions, their centres at random ``distance`` from the origin."""
    draw = np.random.default_rng(seed)
    centres = distance * draw.normal(size=(classes, 12)) / np.sqrt(12)
    y = draw.integers(classes, size=rows)
    x = centres[y] + draw.normal(size=(rows, 12))
    logs = x @ centres.T - (centres**2).sum(axis=1) / 2
    truth = np.exp(logs - logs.max(axis=1, keepdims=True))
    frame = pl.DataFrame({f"x{k}": x[:, k] for k in range(12)}).with_columns(
        y=pl.Series([f"c{k}" for k in y])
    )
    return Source(f"{classes} clouds {distance:g}", frame, "y", truth / truth.sum(axis=1, keepdims=True))


def friedman(rows: int, seed: int = 0) -> Source:
    """Friedman's first function of five of ten uniform columns, noise 1."""
    x, y = datasets.make_friedman1(rows, noise=1.0, random_state=seed)
    return Source(
        "friedman", pl.DataFrame({f"x{k}": x[:, k] for k in range(10)}).with_columns(y=pl.Series(y)), "y"
    )


def bundled(name: str) -> Source:
    """One of scikit-learn's own tables."""
    return Source(name, from_sklearn(name), "target")


def given(pairs: list[str]) -> Iterator[Source]:
    """FILE TARGET pairs of a command line; FILE is CSV, plain or gzipped."""
    for path, target in zip(pairs[::2], pairs[1::2], strict=True):
        name = path.rsplit("/", 1)[-1].removesuffix(".gz").removesuffix(".csv").removesuffix(".train")
        frame = pl.read_csv(path, null_values=UNKNOWN, infer_schema_length=None)
        yield Source(name, frame.filter(pl.col(target).is_not_null()), target)


def cut(source: Source, rows: int, seed: int) -> Source:
    """At most so many of its rows, drawn by the seed, in their order."""
    if source.frame.height <= rows:
        return source
    kept = np.sort(np.random.default_rng(seed).choice(source.frame.height, rows, replace=False))
    truth = None if source.truth is None else source.truth[kept]
    return Source(source.name, source.frame[kept], source.target, truth)


def parser(description: str) -> argparse.ArgumentParser:
    """A command line that takes FILE TARGET pairs beside the tables that need no file."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument(
        "pairs", nargs="*", metavar="TABLE.csv TARGET", help="more tables, each with its target"
    )
    found.add_argument("--only", help="tables whose name contains this")
    found.add_argument("--rows", type=int, default=6000, help="of larger tables so many rows are drawn")
    return found
