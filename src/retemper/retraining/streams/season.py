"""What repeats with a known period, taken out of a stream of rows."""

from __future__ import annotations

import numpy as np

from retemper.retraining.two_samples.monte_carlo import Floats

HARMONICS = 3


def without_season(values: Floats, period: float, harmonics: int = HARMONICS) -> Floats:
    """Residuals of least squares on sines and cosines of the period and its parts.

    Args:
        values: float64 [N, D], a row after the other.
        period: rows of a cycle, above 2; need not be whole (365.25 days).
        harmonics: parts of the period that are fitted, from the whole one.

    Returns:
        float64 [N, D].

    >>> rows = np.arange(400)
    >>> season = np.sin(2 * np.pi * rows / 36.5)[:, None]
    >>> bool(np.abs(without_season(season, 36.5)).max() < 1e-9)
    True
    """
    angles = 2 * np.pi * np.arange(len(values)) / period
    waves = [wave(k * angles) for k in range(1, harmonics + 1) if period > 2 * k for wave in (np.sin, np.cos)]
    design = np.stack([np.ones(len(values)), *waves], axis=1)
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return np.asarray(values - fitted)
