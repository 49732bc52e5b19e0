"""Permutation importance: how much worse the model gets when a column's cells change places between rows.

Breiman (2001); Fisher, Rudin and Dominici (2019, "All models are wrong, but many are useful"). A raw column counts
as one, however many inputs it became. Columns that go together can stand in for each other, so that each alone seems
to matter little: they are named, and measured together as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from retemper.core.seeds import generator
from retemper.evaluation.bands import Bands, associations, explained
from retemper.evaluation.held_out import HeldOut, ends, resampled
from retemper.evaluation.weighted import Floats

MOST_COLUMNS = 50
RELATED = 0.5
"""Cramér's V from which two columns are said to go together."""


@dataclass(frozen=True)
class Importance:
    """Columns that changed places together (mostly one), and the rise of the main metric with its 95 % interval.

    ``related`` are the other columns that go with them, with Cramér's V, the closest first.
    """

    columns: tuple[str, ...]
    rise: float
    low: float
    high: float
    related: tuple[tuple[str, float], ...] = ()


def permutation_importance(
    held: HeldOut,
    columns: Sequence[tuple[str, ...]],
    repeats: int = 5,
    resamples: int = 300,
    seed: int = 0,
) -> list[Importance]:
    """The rise in log loss or RMSE when the columns' cells come from other rows, the largest first.

    A random circle of the rows is drawn; in repeat r each row takes the cells of the row r places on, so no row keeps
    its own and all repeats are different pairs. The estimate is a mean over pairs (taker, giver), a U-statistic;
    its bootstrap gives a pair the product of both rows' counts, so that the interval holds for other rows as takers
    and as givers; where rows belong to groups, whole groups are drawn. It costs one prediction of all rows for each
    repeat and each entry.

    Args:
        held: the rows, 2 or more.
        columns: what changes places together.
        repeats: 1 or more, fewer than rows; 5 is a good number.
        resamples: of the bootstrap.
        seed: 0 or more.

    Returns:
        one for each entry. Intervals hold one at a time.

    >>> import polars as pl
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> held = HeldOut(pl.DataFrame({"a": x[:, 0], "b": x[:, 1]}), x[:, 0], "regression",
    ...                lambda cells, rows: cells["a"].to_numpy(), {"a": "number", "b": "number"})
    >>> first, second = permutation_importance(held, [("b",), ("a",)])
    >>> first.columns, first.low > 1, second.rise
    (('a',), True, 0.0)
    """
    circle = generator(seed, "importance").permutation(held.rows)
    givers = np.empty((repeats, held.rows), dtype=np.int64)
    for repeat in range(repeats):
        givers[repeat, circle] = np.roll(circle, -(repeat + 1))
    counts = resampled(held.rows, resamples, seed, held.group)
    base = held.losses(held.outputs())
    found = [_importance(held, entry, base, givers, counts) for entry in columns]
    return sorted(found, key=lambda own: -own.rise)


def _importance(
    held: HeldOut, columns: tuple[str, ...], base: Floats, givers: NDArray[np.int64], counts: Floats
) -> Importance:
    point = np.zeros((2, 1))
    means = np.zeros((2, len(counts)))
    total = np.zeros(len(counts))
    weight = held.weights
    for giver in givers:
        cells = held.frame.with_columns([held.frame[name][giver] for name in columns])
        changed = held.losses(np.asarray(held.predict(cells, held.positions), dtype=np.float64))
        pairs = counts * counts[:, giver] * weight
        losses = np.stack([base, changed])
        means += losses @ pairs.T
        total += pairs.sum(1)
        point += (losses @ weight)[:, None] / weight.sum() / len(givers)
    before, after = held.main(means / total)
    rise = after - before
    first, last = held.main(point[:, 0])
    low, high = ends(rise)
    return Importance(columns, float(last - first), low, high)


def screened(held: HeldOut, outputs: Floats, bands: Sequence[Bands], most: int = MOST_COLUMNS) -> list[str]:
    """The columns worth a measurement, in the table's order: all where there are few.

    In wide tables those with the largest share of the predictions' variance between their bands
    (:func:`retemper.evaluation.bands.explained`). Text has no bands and comes first. A column that matters only
    together with another can be missed.
    """
    names = list(held.kinds)
    if len(names) <= most:
        return names
    shares = dict(zip((own.column for own in bands), explained(bands, outputs), strict=True))
    texts = [name for name in names if held.kinds[name] == "text"]
    ranked = texts + sorted(shares, key=lambda name: -shares[name])
    kept = set(ranked[:most])
    return [name for name in names if name in kept]


def relations(bands: Sequence[Bands]) -> dict[str, tuple[tuple[str, float], ...]]:
    """The columns that go with each column (Cramér's V ≥ .5), the closest first."""
    names = [own.column for own in bands]
    found = {}
    for name, own in zip(names, associations(bands), strict=True):
        pairs = [
            (other, float(v)) for other, v in zip(names, own, strict=True) if other != name and v >= RELATED
        ]
        found[name] = tuple(sorted(pairs, key=lambda pair: -pair[1]))
    return found


def together(related: dict[str, tuple[tuple[str, float], ...]]) -> list[tuple[str, ...]]:
    """The groups of two or more columns that are linked by going together.

    >>> together({"a": (("b", .9),), "b": (("a", .9),), "c": ()})
    [('a', 'b')]
    """
    names = list(related)
    links = np.array([[other in dict(related[name]) for other in names] for name in names])
    if not names:
        return []
    _, labels = connected_components(links, directed=False)
    groups = [tuple(np.array(names)[labels == k].tolist()) for k in np.unique(labels)]
    return [group for group in groups if len(group) > 1]
