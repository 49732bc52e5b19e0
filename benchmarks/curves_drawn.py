"""Curves drawn by formula, of every shape and with the noise, lengths and levels that real ones have.

Each is what its shape is by definition, whatever a doctor's thresholds are: the draws are wide, and only what a person
would not agree on (a rise of a few per cent, a fall of one) is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Series = dict[str, Values]
Parts = tuple[Values, Values, Values]
"""Training loss, validation loss, learning rate."""


def _cosine(way: Values) -> Values:
    return 1e-3 * 0.5 * (1 + np.cos(np.pi * way))


def _settled(draws: np.random.Generator, way: Values, level: float) -> Values:
    """A fall from 1 that is over well before the end: exponential or a power."""
    if draws.random() < 0.5:
        return level + (1 - level) * np.exp(-way / draws.uniform(0.04, 0.14))
    speed = draws.uniform(40, 200)
    left = (1 + speed * way) ** -1.5
    return level + (1 - level) * (left - left[-1] * way)


def _healthy(draws: np.random.Generator, way: Values) -> Parts:
    level = draws.uniform(0.03, 0.35)
    train = _settled(draws, way, level)
    return train, train + draws.uniform(0, 0.2) * level + draws.uniform(0, 0.05) * (1 - train), _cosine(way)


def _diverging(draws: np.random.Generator, way: Values) -> Parts:
    if draws.random() < 0.3:
        train = 1 + way * 0
        train[int(draws.integers(1, max(len(way) // 2, 2))) :] = np.nan
        return train, train * 1.05, way * 0 + 1e-1
    turn = draws.uniform(0.0, 0.6)
    low = _settled(draws, np.minimum(way, turn), 0.3)
    train = low * np.exp(np.maximum(way - turn, 0) * draws.uniform(4, 15))
    return train, train * draws.uniform(1, 1.2), way * 0 + 1e-1


def _oscillating(draws: np.random.Generator, way: Values) -> Parts:
    train = _settled(draws, way, draws.uniform(0.2, 0.6))
    swing = draws.uniform(0.1, 0.3)
    signs = np.where(draws.random() < 0.5, (-1.0) ** np.arange(len(way)), draws.standard_normal(len(way)))
    return np.abs(train + swing * signs), np.abs(train * 1.05 + swing * np.roll(signs, 1)), way * 0 + 0.05


def _slow_start(draws: np.random.Generator, way: Values) -> Parts:
    middle, level = draws.uniform(0.3, 0.6), draws.uniform(0.05, 0.3)
    train = level + (1 - level) / (1 + np.exp((way - middle) / draws.uniform(0.02, 0.06)))
    return train, train + draws.uniform(0, 0.1) * level, way * 0 + 1e-3


def _plateau(draws: np.random.Generator, way: Values) -> Parts:
    level = draws.uniform(0.25, 0.5)
    train = level + (1 - level) * np.exp(-way / draws.uniform(0.02, 0.08))
    return train, train * draws.uniform(1.0, 1.1), way * 0 + 1e-2


def _decayed_too_early(draws: np.random.Generator, way: Values) -> Parts:
    at, slope = draws.uniform(0.1, 0.35), draws.uniform(0.4, 1.2)
    factor = draws.choice([0.01, 0.03, 0.1])
    clock = np.where(way < at, way, at + factor * 0.3 * (way - at))
    train = np.exp(-clock / slope * 2)
    return train, train * draws.uniform(1, 1.1), np.where(way < at, 1.0, factor) * 1e-2


def _still_improving(draws: np.random.Generator, way: Values) -> Parts:
    train = np.exp(-way * draws.uniform(0.5, 2.0))
    return train, train * draws.uniform(1, 1.15), way * 0 + 1e-4


def _overfitting(draws: np.random.Generator, way: Values) -> Parts:
    train = draws.uniform(0.005, 0.05) + np.exp(-way / draws.uniform(0.08, 0.2))
    val = np.maximum(draws.uniform(0.3, 0.6), train * 1.05) + draws.uniform(0.0, 0.04) * way
    return train, val, _cosine(way)


def _overtrained(draws: np.random.Generator, way: Values) -> Parts:
    train = draws.uniform(0.005, 0.05) + np.exp(-way / draws.uniform(0.08, 0.2))
    best, low = draws.uniform(0.1, 0.4), draws.uniform(0.3, 0.6)
    val = (
        low + (1 - low) * np.exp(-way / best * 3) + draws.uniform(0.3, 1.5) * low * np.maximum(way - best, 0)
    )
    return train, np.maximum(val, train), way * 0 + 1e-3


def _underfitting(draws: np.random.Generator, way: Values) -> Parts:
    level = draws.uniform(0.75, 0.93)
    train = level + (1 - level) * np.exp(-way / draws.uniform(0.03, 0.12))
    return train, train * draws.uniform(1.0, 1.04), _cosine(way) if draws.random() < 0.5 else way * 0 + 1e-3


DRAWN: dict[str, Callable[[np.random.Generator, Values], Parts]] = {
    "diverging": _diverging,
    "oscillating": _oscillating,
    "slow_start": _slow_start,
    "plateau": _plateau,
    "decayed_too_early": _decayed_too_early,
    "still_improving": _still_improving,
    "overfitting": _overfitting,
    "overtrained": _overtrained,
    "underfitting": _underfitting,
    "healthy": _healthy,
}


def drawn(shape: str, seed: int) -> Series:
    """One curve of a shape: 15 to 120 epochs, multiplied by a task's scale, with noise on training and validation."""
    draws = np.random.default_rng([seed, list(DRAWN).index(shape)])
    length = int(draws.choice([15, 20, 30, 50, 80, 120]))
    train, val, rate = DRAWN[shape](draws, np.arange(length) / (length - 1))
    scale, noise = draws.choice([0.693, 1.0, 2.303, 4.605]), draws.uniform(0.001, 0.015)
    jitter = 1 + noise * draws.standard_normal((2, length)) * np.array([[0.5], [1.0]])
    return {
        "epoch": np.arange(1.0, length + 1),
        "train_loss": scale * train * jitter[0],
        "val_loss": scale * val * jitter[1],
        "learning_rate": rate,
    }
