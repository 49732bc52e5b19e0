"""Out-of-fold predictions of trees, at their limits."""

import numpy as np
import pytest

from retemper.core.records import NotApplicable
from retemper.data.out_of_fold import OutOfFold, TreeRows, class_probabilities, values

LEVELS = np.zeros((40, 0), dtype=np.int64)


def test_rows_that_hold_no_value() -> None:
    one = np.full((40, 1), np.nan)
    one[7] = 1.0
    with pytest.raises(NotApplicable, match="no column has a value"):
        class_probabilities(TreeRows(one, LEVELS), np.arange(40) % 2, 2, OutOfFold(0))
    with pytest.raises(NotApplicable, match="no column has a value"):
        values(TreeRows(one, LEVELS), np.arange(40.0), OutOfFold(0))
