"""Which treatments of the columns are worth racing on this table: cheap statistics, no training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import skew

from retemper.core.recipe_sections import PrepareOptions
from retemper.core.records import Finding
from retemper.data.check_columns import listed
from retemper.data.converted import Conversions
from retemper.data.features.construct import interactions, logarithms
from retemper.data.features.goal import Goal
from retemper.data.features.outliers import Bounds
from retemper.data.features.relevance import by_information, sampled_rows
from retemper.data.prepare import Preparer
from retemper.data.scaling import Floats, Scaler, smooth_clip
from retemper.data.schema import Schema

MOST = 6
LEAST_COLUMNS, WIDE_COLUMNS = 8, 200
NOISE_SHARE = 0.2
MISSING_SHARE = 0.02
CORRELATED = 0.3
LONG_TAIL_SKEW, LONG_TAIL_SHARE = 2.0, 1 / 3
MANY_LEVELS = 30
MANY_POWERS = 1e4
SPANNED_COLUMNS, SPANNED_BY, SPANNED_VARIANCE = 10, 4, 0.7
CORRELATION_COLUMNS = 200


@dataclass(frozen=True)
class Proposal:
    """A treatment to try: a name, the reason with its numbers, and changes of the recipe by dotted path."""

    name: str
    why: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class _Table:
    """A sample of the training rows: raw numbers [rows, F], level codes [rows, K], the target."""

    preparer: Preparer
    numbers: Floats
    levels: NDArray[np.int64]
    goal: Goal
    options: PrepareOptions
    found: frozenset[str]

    @property
    def names(self) -> list[str]:
        return self.preparer.raw_names

    @cached_property
    def correlations(self) -> Floats:
        """Of the standardised, clipped numbers, a missing one at its mean; of the first 200 columns."""
        x = self.numbers[:, :CORRELATION_COLUMNS]
        z = np.nan_to_num(smooth_clip(Scaler.fit(x, "zscore").apply(x)), nan=0.0)
        z = z - z.mean(axis=0)
        length = np.sqrt(np.square(z).sum(axis=0))
        z = z / np.where(length > 0, length, 1.0)
        return np.asarray(z.T @ z)


def propose(
    frame: pl.DataFrame,
    schema: Schema,
    y: NDArray[Any],
    findings: Sequence[Finding] = (),
    options: PrepareOptions | None = None,
) -> list[Proposal]:
    """At most six treatments, the most promising first.

    The order is that of the gains measured on real tables: pairs of numbers, ranks in place of long tails, logarithms,
    then what helped now and then. At most 20,000 of the rows are looked at.

    Args:
        frame: the training rows.
        schema: of the table, with a target.
        y: the target of these rows: class codes in the order of ``schema.classes``, or numbers.
        findings: of the data checks; ``outliers`` and ``high_cardinality`` bring their treatments in sooner.
        options: the recipe's; what it does already is not proposed. None: the defaults.

    Raises:
        ValueError: the schema has no target.

    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> a, b = np.random.default_rng(0).uniform(1, 9, (2, 2000)).round(4)
    >>> table = read({"width": a, "height": b, "area": a * b})
    >>> found = propose(table.frame, infer(table, DataOptions(target="area")), a * b)
    >>> found[0].name, found[0].changes
    ('pairs of numbers', {'prepare.constructed': ['ratio', 'product']})
    """
    if schema.target is None:
        raise ValueError("treatments are proposed for a target, but the schema has none")
    rows = sampled_rows(frame.height, len(schema.features()))
    plain = PrepareOptions(scaling="none", number_embedding="none")
    sample = frame[rows]
    preparer = Preparer.fit(sample, schema, plain)
    numbers, levels = preparer.plain(sample)
    numbers = numbers[:, : len(preparer.raw_names)]
    goal = Goal(schema.target.name, schema.classes, y[rows])
    codes = frozenset(finding.code for finding in findings)
    table = _Table(preparer, numbers, levels, goal, options or PrepareOptions(), codes)
    found = [proposal for ask in _QUESTIONS if (proposal := ask(table)) is not None]
    return found[:MOST]


def _selection(table: _Table) -> Proposal | None:
    columns = len(table.preparer.columns)
    if table.options.select != "none" or columns < LEAST_COLUMNS:
        return None
    scores, noise = by_information(table.numbers, table.levels, table.goal)
    silent = int((scores <= noise).sum())
    if silent < NOISE_SHARE * len(scores) and columns <= WIDE_COLUMNS:
        return None
    why = f"{silent} of {len(scores)} columns tell no more about the target than noise does"
    return Proposal("selected columns", why, {"prepare.select": "mutual_information"})


def _selection_if_wide(table: _Table) -> Proposal | None:
    return _selection(table) if len(table.preparer.columns) > WIDE_COLUMNS else None


def _selection_if_narrow(table: _Table) -> Proposal | None:
    return _selection(table) if len(table.preparer.columns) <= WIDE_COLUMNS else None


def _pairs(table: _Table) -> Proposal | None:
    wanted = [own for own in ("ratio", "product") if own not in table.options.constructed]
    found = interactions(table.numbers, table.levels, table.goal, wanted, 4) if wanted else {}
    if not found:
        return None
    named = [built.name(table.names) for built in found]
    why = f"{listed(named)} explain {sum(found.values()):.0%} of what single columns leave unexplained"
    return Proposal("pairs of numbers", why, _constructed(table, *wanted))


def _logarithms(table: _Table) -> Proposal | None:
    found = [] if "log" in table.options.constructed else logarithms(table.numbers, 16)
    if not found:
        return None
    why = (
        f"a long right tail that a logarithm takes away: {listed([table.names[own.first] for own in found])}"
    )
    return Proposal("logarithms", why, _constructed(table, "log"))


def _group_means(table: _Table) -> Proposal | None:
    least = 8 if "high_cardinality" in table.found else MANY_LEVELS
    large = [own.name for own in table.preparer.levels if len(own.words) >= least]
    if not large or "group_mean" in table.options.constructed:
        return None
    why = f"categories of {least} levels or more: {listed(large)}"
    return Proposal("group means", why, _constructed(table, "group_mean"))


def _imputation(table: _Table) -> Proposal | None:
    missing = np.isnan(table.numbers[:, :CORRELATION_COLUMNS])
    shares = missing.mean(axis=0)
    if table.options.missing != "indicator" or not (shares > MISSING_SHARE).any():
        return None
    gaps = np.flatnonzero(shares > MISSING_SHARE)
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


def _ranks(table: _Table) -> Proposal | None:
    if table.options.scaling == "quantile" or not table.names:
        return None
    long = [k for k, column in enumerate(table.numbers.T) if _skewness(column) > LONG_TAIL_SKEW]
    if len(long) < LONG_TAIL_SHARE * len(table.names):
        return None
    why = f"{len(long)} of {len(table.names)} numbers have long tails (skewness beyond ±{LONG_TAIL_SKEW:g})"
    return Proposal("ranks", why, {"prepare.scaling": "quantile"})


def _components(table: _Table) -> Proposal | None:
    if table.options.components or len(table.correlations) < SPANNED_COLUMNS:
        return None
    parts = np.sort(np.linalg.eigvalsh(table.correlations))[::-1]
    share = float(parts[:SPANNED_BY].sum() / max(parts.sum(), 1e-300))
    if share < SPANNED_VARIANCE:
        return None
    why = f"{SPANNED_BY} directions hold {share:.0%} of the variance of {len(parts)} numbers"
    return Proposal("principal components", why, {"prepare.components": SPANNED_BY})


def _clipping(table: _Table) -> Proposal | None:
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


def _isolation(table: _Table) -> Proposal | None:
    if table.options.outliers != "keep" or "outliers" not in table.found:
        return None
    why = f"the data check found outliers; the {table.options.outlier_share:.0%} most isolated rows are left out"
    return Proposal("isolated rows left out", why, {"prepare.outliers": "isolation_forest"})


def _placeholders(table: _Table) -> Proposal | None:
    found = table.found & {"placeholders", "numbers_as_words", "mixed_types"}
    if table.options.placeholders != "keep" or not found:
        return None
    if "placeholders" in found:
        why = "the data check found cells that stand for not known"
        return Proposal("placeholders emptied", why, {"prepare.placeholders": "missing"})
    why = "the data check found columns of numbers that count as words"
    return Proposal("words read as numbers", why, {"prepare.placeholders": "missing"})


def _log_target(table: _Table) -> Proposal | None:
    y = table.goal.values
    if (
        table.goal.labels
        or table.options.target != "plain"
        or y.min() <= 0
        or y.max() <= MANY_POWERS * y.min()
    ):
        return None
    long = _skewness(y.astype(np.float64))
    if long < LONG_TAIL_SKEW or _skewness(np.log(y)) > long / 2:
        return None
    why = f"the target spans {np.log10(y.max() / y.min()):.1f} powers of ten with a skewness of {long:.1f}"
    return Proposal("logarithm of the target", why, {"prepare.target": "log"})


def _units(table: _Table) -> Proposal | None:
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


_QUESTIONS: tuple[Callable[[_Table], Proposal | None], ...] = (
    _log_target,
    _selection_if_wide,
    _placeholders,
    _units,
    _pairs,
    _ranks,
    _logarithms,
    _imputation,
    _group_means,
    _selection_if_narrow,
    _components,
    _clipping,
    _isolation,
)


def _constructed(table: _Table, *more: str) -> dict[str, Any]:
    return {"prepare.constructed": [*table.options.constructed, *more]}


def _skewness(column: Floats) -> float:
    present = column[~np.isnan(column)]
    span = float(np.ptp(present)) if len(present) > 2 else 0.0
    return abs(float(skew(present / span))) if 0 < span < np.inf else 0.0
