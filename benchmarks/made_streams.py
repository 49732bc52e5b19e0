"""Streams of labelled rows in blocks: real tables in their order, stationary ones, and made-up changes.

Each stream is a table, its target, and how many blocks follow the first 30 %. A stream is *stable* where the law of the
target given the inputs stays what it was: there a promoted model has no excuse to forget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

FIRST_SHARE = 0.3


@dataclass(frozen=True)
class Stream:
    """A table in the order in which it comes.

    Args:
        frame: all rows.
        target: its column.
        blocks: after the first 30 %.
        stable: the target's law given the inputs stays.
    """

    frame: pl.DataFrame
    target: str
    blocks: int
    stable: bool

    def edges(self) -> list[int]:
        """Where blocks begin and end; the first edge ends the rows that the first model is trained on."""
        rows = self.frame.height
        return np.linspace(round(FIRST_SHARE * rows), rows, self.blocks + 1).astype(int).tolist()


def _table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / f"{name}.csv.gz", infer_schema_length=None, null_values=["", "?", "NA"])


def _shuffled(frame: pl.DataFrame, most: int) -> pl.DataFrame:
    return frame.sample(min(most, frame.height), shuffle=True, seed=0)


def rotating(frame: pl.DataFrame, target: str, parts: int, strength: float, rows: int) -> pl.DataFrame:
    """Rows drawn part by part, each with other odds of the classes, which go around."""
    draw = np.random.default_rng(0)
    labels = frame[target].unique().sort()
    code = frame[target].replace_strict(labels, range(len(labels))).to_numpy()
    free = np.ones(frame.height, dtype=bool)
    chosen = []
    for part in range(parts):
        angle = 2 * np.pi * (code / len(labels) - part / parts)
        odds = np.where(free, np.exp(strength * np.cos(angle)), 0.0)
        own = draw.choice(frame.height, min(rows, int(free.sum())), replace=False, p=odds / odds.sum())
        free[own] = False
        chosen.append(own)
    return frame[np.concatenate(chosen)]


def _features(draw: np.random.Generator, rows: int) -> np.ndarray:
    plain = draw.normal(size=(rows, 8))
    plain[:, 1] = 0.6 * plain[:, 0] + 0.8 * plain[:, 1]
    return plain


def _scores(x: np.ndarray, concept: int) -> np.ndarray:
    turn = [(0, 1, 2, 3), (2, 3, 0, 4), (4, 5, 1, 0)][concept % 3]
    a, b, c, d = (x[:, k] for k in turn)
    return np.stack([1.5 * a + np.abs(b), 1.2 * np.sin(2 * c) + d, b * c - 0.5 * a], axis=1)


def _named(x: np.ndarray, y: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({**{f"x{k}": x[:, k] for k in range(x.shape[1])}, "y": y})


def _classes(draw: np.random.Generator, scores: np.ndarray) -> np.ndarray:
    noisy = 2.0 * scores + draw.gumbel(size=scores.shape)
    return np.array(["a", "b", "c"])[noisy.argmax(1)]


def abrupt(rows: int = 6000) -> pl.DataFrame:
    """Three classes; at 60 % of the rows the law changes at once."""
    draw = np.random.default_rng(1)
    x = _features(draw, rows)
    later = (np.arange(rows) >= 0.6 * rows)[:, None]
    return _named(x, _classes(draw, np.where(later, _scores(x, 1), _scores(x, 0))))


def recurring(rows: int = 8000) -> pl.DataFrame:
    """Three classes and two laws in turn, each for a fifth of the rows; the first comes back."""
    draw = np.random.default_rng(2)
    x = _features(draw, rows)
    second = ((np.arange(rows) * 5 // rows) % 2 == 1)[:, None]
    return _named(x, _classes(draw, np.where(second, _scores(x, 1), _scores(x, 0))))


def gradual(rows: int = 6000) -> pl.DataFrame:
    """A value of one law for ever; the inputs wander by three standard deviations, step by step."""
    draw = np.random.default_rng(3)
    x = _features(draw, rows)
    path = np.linspace(-1.5, 1.5, rows)[:, None]
    x = x + path * np.array([1, -1, 1, 0, 0.5, 0, 0, 0])
    y = 3 * np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + np.abs(x[:, 4]) + 0.3 * draw.normal(size=rows)
    return _named(x, y)


def streams(folder: Path, letters: Path | None) -> dict[str, Callable[[], Stream]]:
    """Name → how it is made.

    Args:
        folder: with the real tables as ``<name>.csv.gz``.
        letters: a CSV file of the letter table (UCI Letter Recognition), its target ``lettr``; None: without it.
    """

    def real(name: str, target: str, blocks: int, stable: bool, most: int = 0) -> Callable[[], Stream]:
        def made() -> Stream:
            frame = _table(folder, name)
            return Stream(_shuffled(frame, most) if most else frame, target, blocks, stable)

        return made

    def rainfall() -> Stream:
        frame = _table(folder, "rainfall_stream").gather_every(2)
        return Stream(frame, "rain", 6, False)

    def years() -> Stream:
        frame = _table(folder, "employment_by_year")
        return Stream(frame.gather_every(5).drop("year"), "employed", 5, True)

    found = {
        "computers_by_month": real("computers_by_month", "price", 8, False),
        "bikeshare": real("bikeshare", "bikers", 8, False),
        "rainfall_stream": rainfall,
        "employment_by_year": years,
        "diamonds": real("diamonds", "price", 4, True, 6_000),
        "adult": real("adult", "income", 4, True, 6_000),
        "phishing": real("phishing", "is_phishing", 5, True, 2_000),
        "image_segments": real("image_segments", "category", 5, True, 3_000),
        "abrupt": lambda: Stream(abrupt(), "y", 6, False),
        "gradual": lambda: Stream(gradual(), "y", 5, True),
        "recurring": lambda: Stream(recurring(), "y", 10, False),
    }
    if letters is not None:
        found["letter"] = lambda: Stream(
            rotating(pl.read_csv(letters), "lettr", 9, 1.5, 1_000), "lettr", 6, True
        )
    return found
