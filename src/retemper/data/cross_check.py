"""A second opinion on wrong labels: cleanlab's confident learning, where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

INSTALL = "pip install 'retemper[labels]'"


def second_opinion(
    probabilities: NDArray[np.float64], given: NDArray[np.int64], flagged: NDArray[np.bool_]
) -> dict[str, Any]:
    """How many rows confident learning names (Northcutt et al. 2021), and how many of ours are among them.

    Rows are named where both of cleanlab's rules do, the confident joint and the pruning by its noise rates.

    Args:
        probabilities: [N, C] out-of-fold.
        given: [N] class codes, every class present.
        flagged: [N] rows that we name.

    Returns:
        ``named`` and ``agreed``, counts of rows; or ``not_applicable`` with the command that installs cleanlab.

    >>> p = np.full((60, 2), 0.1); p[:30, 0] = p[30:, 1] = 0.9
    >>> given = np.repeat([0, 1], 30); given[0] = 1
    >>> found = second_opinion(p, given, np.arange(60) == 0)
    >>> found in ({"named": 1, "agreed": 1}, {"not_applicable": f"cleanlab is not installed: {INSTALL}"})
    True
    """
    if find_spec("cleanlab") is None:
        return {"not_applicable": f"cleanlab is not installed: {INSTALL}"}
    from cleanlab.filter import find_label_issues

    named = np.asarray(find_label_issues(given, probabilities, filter_by="both", n_jobs=1), dtype=bool)
    return {"named": int(named.sum()), "agreed": int((named & flagged).sum())}
