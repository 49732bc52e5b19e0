"""Copies of training rows among the opened test rows: what was known by heart proves nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Finding
from retemper.data.duplicates import duplicates_across_splits
from retemper.procedure.book import State

MOST_ROWS = 500_000
"""Of more rows copies would have to be looked for in windows; they are not."""


def copies_in_test(state: State, opened: NDArray[np.int64]) -> Finding | None:
    """The finding of :func:`retemper.data.duplicates.duplicates_across_splits` for the test rows, once they are open.

    Args:
        state: with splits.
        opened: the test's row numbers.

    Returns:
        the finding; ``first_rows`` count from 1 in the user's own test file where there is one, else in the table.
    """
    seen = np.concatenate([state.splits.train, state.splits.validation])
    if len(seen) + len(opened) > MOST_ROWS:
        return None
    frame = state.table.frame[np.concatenate([seen, opened])]
    part = (np.arange(len(seen) + len(opened)) >= len(seen)).astype(np.int8)
    found = duplicates_across_splits(frame, state.schema, part, "test")
    if found is None:
        return None
    first = state.table.frame.height - state.own_test_rows if state.own_test_rows else 0
    rows = [int(opened[row - 1 - len(seen)]) + 1 - first for row in found.evidence["first_rows"]]
    return replace(found, evidence={**found.evidence, "first_rows": rows})
