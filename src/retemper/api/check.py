"""Check a table before anything is trained on it."""

from __future__ import annotations

from typing import Any

from retemper.api.faults import machine_faults
from retemper.core.recipe import DataOptions
from retemper.data.check import Checked
from retemper.data.check import check as check_table
from retemper.data.read import read
from retemper.data.schema import infer


def check(data: Any, target: str | None = None, options: DataOptions | None = None) -> Checked:
    """Findings about a table: missing, duplicates, outliers, leakage, imbalance.

    Args:
        data: path, frame, array, tuple (x, y) or dict of columns, as for :func:`retemper.train`.
        target: the column to predict; without it, what needs a target is not applicable.
        options: which columns mean what; ``target`` has the last word.

    Returns:
        ``.findings``, ``.not_applicable`` ((code, why) pairs), ``.evidence``.

    Raises:
        InputError: the data can't be read or trained on.

    >>> checked = check({"x": [1, 2, 3, 4] * 5, "k": ["a"] * 20})
    >>> "constant_column" in [finding.code for finding in checked.findings]
    True
    """
    given = options or DataOptions()
    columns = given if target is None else given.replaced(target=target)
    with machine_faults():
        table = read(data, columns.target)
        return check_table(table, infer(table, columns))
