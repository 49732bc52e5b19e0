"""Treatments of single cells that are worth racing: gaps, placeholders, units, outliers."""

from __future__ import annotations

import numpy as np

from retemper.data.check_columns import listed
from retemper.data.converted import Conversions
from retemper.data.features.outliers import Bounds
from retemper.data.looked_at import CORRELATION_COLUMNS, LookedAt, Proposal

MISSING_SHARE = 0.02
CORRELATED = 0.3


def _gaps(table: LookedAt) -> list[int]:
    """Places of the numbers that miss many cells; none where the recipe fills them in already."""
    if table.options.missing != "indicator":
        return []
    shares = np.isnan(table.numbers[:, :CORRELATION_COLUMNS]).mean(axis=0)
    return [int(k) for k in np.flatnonzero(shares > MISSING_SHARE)]


def constant(table: LookedAt) -> Proposal | None:
    """Where cells are missing for a reason (no garage), a value of their own says more than a likely one."""
    finding = table.found.get("missing_tells_target")
    telling = finding.evidence["columns"] if finding else {}
    told = [table.names[k] for k in _gaps(table) if table.names[k] in telling]
    if not told:
        return None
    value = table.options.missing_constant
    why = f"whether a cell is missing says something of the target: {listed(told)}; filled in with {value:g}"
    return Proposal("imputed by a constant", why, {"prepare.missing": "constant"})


def imputation(table: LookedAt) -> Proposal | None:
    """Gaps filled in: by other columns where these can tell, else by the median."""
    gaps = _gaps(table)
    if not gaps:
        return None
    strength = np.abs(table.correlations - np.diag(np.diag(table.correlations)))[gaps].max(
        axis=1, initial=0.0
    )
    told = [table.names[k] for k, own in zip(gaps, strength, strict=True) if own > CORRELATED]
    if told:
        why = f"missing numbers that others can tell (correlation above {CORRELATED}): {listed(told)}"
        return Proposal("imputed by other columns", why, {"prepare.missing": "iterative"})
    why = (
        f"more than {MISSING_SHARE:.0%} of the cells are missing in {listed([table.names[k] for k in gaps])}"
    )
    return Proposal("imputed by the median", why, {"prepare.missing": "median"})


def clipping(table: LookedAt) -> Proposal | None:
    """Cells far from all others, drawn to the limit."""
    if table.options.outliers != "keep":
        return None
    beyond = Bounds.fit(table.numbers, table.options.outlier_distance).beyond(table.numbers)
    columns = np.flatnonzero(beyond.any(axis=0))
    if not len(columns):
        return None
    cells = f"{int(beyond.sum())} cells of {len(beyond)} rows"
    why = f"{cells} lie beyond a robust z-score of {table.options.outlier_distance:g}: "
    return Proposal(
        "clipped outliers", why + listed([table.names[k] for k in columns]), {"prepare.outliers": "clip"}
    )


def isolation(table: LookedAt) -> Proposal | None:
    """Rows unlike all others, left out."""
    if table.options.outliers != "keep" or "outliers" not in table.found:
        return None
    why = f"the data check found outliers; the {table.options.outlier_share:.0%} most isolated rows are left out"
    return Proposal("isolated rows left out", why, {"prepare.outliers": "isolation_forest"})


def placeholders(table: LookedAt) -> Proposal | None:
    """Cells that stand for not known, and columns of numbers that count as words."""
    found = table.found.keys() & {"placeholders", "numbers_as_words", "mixed_types"}
    if table.options.placeholders != "keep" or not found:
        return None
    if "placeholders" in found:
        why = "the data check found cells that stand for not known"
        return Proposal("placeholders emptied", why, {"prepare.placeholders": "missing"})
    why = "the data check found columns of numbers that count as words"
    return Proposal("words read as numbers", why, {"prepare.placeholders": "missing"})


def units(table: LookedAt) -> Proposal | None:
    """Cells that stand apart from the rest of their column by a unit's factor."""
    if table.options.units != "keep" or "units_slips" not in table.found:
        return None
    names = table.preparer.numbers
    numbers = dict(
        zip(names, table.numbers.T, strict=False)
    )  # further numbers are parts of dates and of texts
    found = Conversions.fit(names, list(numbers.values())).columns
    if not found:
        return None
    told = [
        f"{int(own.where(numbers[own.column]).sum())} of {own.column} by {own.factor:.4g}" for own in found
    ]
    why = f"cells in another unit, which are divided by the factor: {'; '.join(told[:8])}"
    return Proposal("one unit", why, {"prepare.units": "convert"})
