"""Which treatments of the columns are worth racing on this table: cheap statistics, no training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import skew

from retemper.core.prepare_options import PrepareOptions
from retemper.core.records import Finding
from retemper.data import propose_cells as cells
from retemper.data.check_columns import listed
from retemper.data.features.construct import interactions, logarithms
from retemper.data.features.goal import Goal
from retemper.data.features.relevance import by_information, sampled_rows
from retemper.data.looked_at import LookedAt
from retemper.data.looked_at import Proposal as Proposal
from retemper.data.prepare import Preparer
from retemper.data.scaling import Floats
from retemper.data.schema import Schema

MOST = 6
LEAST_COLUMNS, WIDE_COLUMNS = 8, 200
NOISE_SHARE = 0.2
LONG_TAIL_SKEW, LONG_TAIL_SHARE = 2.0, 1 / 3
MANY_LEVELS = 30
LONG_TARGET_SKEW, TARGET_SPAN = 1.0, 10.0
SPANNED_COLUMNS, SPANNED_BY, SPANNED_VARIANCE = 10, 4, 0.7


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
        findings: of the data checks; some are what a treatment waits for (``missing_tells_target``, ``placeholders``).
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
    codes = {finding.code: finding for finding in findings}
    table = LookedAt(preparer, numbers, levels, goal, options or PrepareOptions(), codes)
    found = [proposal for ask in _QUESTIONS if (proposal := ask(table)) is not None]
    return found[:MOST]


def _selection(table: LookedAt) -> Proposal | None:
    columns = len(table.preparer.columns)
    if table.options.select != "none" or columns < LEAST_COLUMNS:
        return None
    scores, noise = by_information(table.numbers, table.levels, table.goal)
    silent = int((scores <= noise).sum())
    if silent < NOISE_SHARE * len(scores) and columns <= WIDE_COLUMNS:
        return None
    why = f"{silent} of {len(scores)} columns tell no more about the target than noise does"
    return Proposal("selected columns", why, {"prepare.select": "mutual_information"})


def _selection_if_wide(table: LookedAt) -> Proposal | None:
    return _selection(table) if len(table.preparer.columns) > WIDE_COLUMNS else None


def _selection_if_narrow(table: LookedAt) -> Proposal | None:
    return _selection(table) if len(table.preparer.columns) <= WIDE_COLUMNS else None


def _pairs(table: LookedAt) -> Proposal | None:
    wanted = [own for own in ("ratio", "product") if own not in table.options.constructed]
    found = interactions(table.numbers, table.levels, table.goal, wanted, 4) if wanted else {}
    if not found:
        return None
    named = [built.name(table.names) for built in found]
    why = f"{listed(named)} explain {sum(found.values()):.0%} of what single columns leave unexplained"
    return Proposal("pairs of numbers", why, _constructed(table, *wanted))


def _text_scores(table: LookedAt) -> Proposal | None:
    texts = [own.name for own in table.preparer.texts]
    if not texts or not table.options.text_scores:
        return None
    why = f"what the words of {listed(texts)} speak for is told by the target, and may mislead where texts are few"
    return Proposal("no text scores", why, {"prepare.text_scores": False})


def _logarithms(table: LookedAt) -> Proposal | None:
    found = [] if "log" in table.options.constructed else logarithms(table.numbers, 16)
    if not found:
        return None
    why = (
        f"a long right tail that a logarithm takes away: {listed([table.names[own.first] for own in found])}"
    )
    return Proposal("logarithms", why, _constructed(table, "log"))


def _group_means(table: LookedAt) -> Proposal | None:
    least = 8 if "high_cardinality" in table.found else MANY_LEVELS
    large = [own.name for own in table.preparer.levels if len(own.words) >= least]
    if not large or "group_mean" in table.options.constructed:
        return None
    why = f"categories of {least} levels or more: {listed(large)}"
    return Proposal("group means", why, _constructed(table, "group_mean"))


def _ranks(table: LookedAt) -> Proposal | None:
    if table.options.scaling == "quantile" or not table.names:
        return None
    long = [k for k, column in enumerate(table.numbers.T) if _skewness(column) > LONG_TAIL_SKEW]
    if len(long) < LONG_TAIL_SHARE * len(table.names):
        return None
    why = f"{len(long)} of {len(table.names)} numbers have long tails (skewness beyond ±{LONG_TAIL_SKEW:g})"
    return Proposal("ranks", why, {"prepare.scaling": "quantile"})


def _components(table: LookedAt) -> Proposal | None:
    if table.options.components or len(table.correlations) < SPANNED_COLUMNS:
        return None
    parts = np.sort(np.linalg.eigvalsh(table.correlations))[::-1]
    share = float(parts[:SPANNED_BY].sum() / max(parts.sum(), 1e-300))
    if share < SPANNED_VARIANCE:
        return None
    why = f"{SPANNED_BY} directions hold {share:.0%} of the variance of {len(parts)} numbers"
    return Proposal("principal components", why, {"prepare.components": SPANNED_BY})


def _log_target(table: LookedAt) -> Proposal | None:
    y = table.goal.values
    if (
        table.goal.labels
        or table.options.target != "plain"
        or y.min() <= 0
        or y.max() < TARGET_SPAN * y.min()
    ):
        return None
    long = _skewness(y.astype(np.float64))
    if long < LONG_TARGET_SKEW or _skewness(np.log(y)) > long / 2:
        return None
    why = f"the target spans {np.log10(y.max() / y.min()):.1f} powers of ten with a skewness of {long:.1f}"
    return Proposal("logarithm of the target", why, {"prepare.target": "log"})


_QUESTIONS: tuple[Callable[[LookedAt], Proposal | None], ...] = (
    _log_target,
    _selection_if_wide,
    cells.placeholders,
    cells.units,
    _pairs,
    _ranks,
    _logarithms,
    cells.imputation,
    cells.constant,
    _group_means,
    _selection_if_narrow,
    _components,
    cells.clipping,
    cells.isolation,
    _text_scores,
)


def _constructed(table: LookedAt, *more: str) -> dict[str, Any]:
    return {"prepare.constructed": [*table.options.constructed, *more]}


def _skewness(column: Floats) -> float:
    present = column[~np.isnan(column)]
    span = float(np.ptp(present)) if len(present) > 2 else 0.0
    return abs(float(skew(present / span))) if 0 < span < np.inf else 0.0
