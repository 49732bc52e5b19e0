"""Randomness as a pure function of (seed, purpose, member, step): nothing to save, nothing to drift.

Every draw comes from Philox, a counter-based generator (Salmon et al. 2011, "Parallel random numbers: as easy
as 1, 2, 3"): the key is made of the run's seed and the purpose, the counter of the member's id and the step.
So a member draws the same numbers in any stack, in any process, and after any resume.
"""

from __future__ import annotations

import zlib

import numpy as np


def generator(seed: int, purpose: str, member: int = 0, step: int = 0) -> np.random.Generator:
    """A fresh generator for one purpose.

    Args:
        seed: the run's seed, 0 or more.
        purpose: what the numbers are for (``"order"``, ``"dropout"``, …).
        member: the member's id, 0 or more.
        step: the step or epoch, 0 or more.

    >>> float(generator(0, "order", 3, 1).random()) == float(generator(0, "order", 3, 1).random())
    True
    """
    return np.random.Generator(bits(seed, purpose, member, step))


def bits(seed: int, purpose: str, member: int = 0, step: int = 0) -> np.random.Philox:
    """The raw bit generator of :func:`generator`."""
    mask = (1 << 64) - 1
    return np.random.Philox(
        key=np.array([seed & mask, zlib.crc32(purpose.encode())], dtype=np.uint64),
        counter=np.array([0, 0, step & mask, member & mask], dtype=np.uint64),
    )
