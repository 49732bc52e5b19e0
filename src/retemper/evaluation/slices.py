"""The worst slices, found automatically: conditions on one or two columns where the loss is higher than elsewhere.

Slice Finder (Chung et al. 2019); SliceLine's linear algebra (Sagadeeva and Boehm 2021): with the conditions as
indicators A [N, L], the sums over all pairs of conditions are products AᵀDA. Whoever searches thousands of slices
finds some that are bad by luck. So half of the rows is searched, and what it proposes is measured on the other half
(:mod:`retemper.evaluation.slice_proof`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from retemper.core.records import NotApplicable, Score
from retemper.core.seeds import generator
from retemper.evaluation.bands import Bands, Condition, indicators
from retemper.evaluation.held_out import HeldOut
from retemper.evaluation.slice_proof import Proof, gaps, moments, proofs
from retemper.evaluation.weighted import Floats

LEAST_ROWS = 30
"""Rows of a slice in each half, and rows outside it."""
LEAST_SHARE = 0.01
MOST_CONDITIONS = 500
MOST_SEARCHED = 20_000
MOST_PROPOSED = 6
CAUTION = 3.0
"""Standard errors taken off a gap before slices are ranked: thousands of them are compared."""
OVERLAP = 0.5
"""Two slices that share more than this of the rows of either (Jaccard) tell the same story."""


@dataclass(frozen=True)
class Slice:
    """One or two conditions that hold together, and what the half says of them that had no part in finding them.

    ``aside`` is the mean of a second quantity in the slice with its 95 % interval, taken alone.
    """

    conditions: tuple[Condition, ...]
    proof: Proof
    aside: Score

    @property
    def words(self) -> str:
        """The conditions in a sentence."""
        return " and ".join(condition.words for condition in self.conditions)


@dataclass(frozen=True)
class SearchedSlices:
    """What the search went through, and what it proposed, that with the largest sure gap first.

    Args:
        slices: with their proofs; those whose ``proof.low`` is above 0 are confirmed.
        searched: how many slices had enough rows.
        rows: of both halves together.
        columns: how many had conditions in the search.
    """

    slices: tuple[Slice, ...]
    searched: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Conditions:
    """All single conditions: sides of the row-by-condition table [N, L], and what they say."""

    holds: NDArray[np.bool_]
    named: tuple[Condition, ...]


def worst_slices(
    held: HeldOut,
    rows: tuple[Floats, Floats],
    bands: Sequence[Bands],
    permutations: int = 999,
    seed: int = 0,
) -> SearchedSlices:
    """The slices with the highest loss that hold on rows not used to find them.

    A slice is ranked by its gap (its main metric less that of the other rows) minus 3 standard errors; a pair must
    beat both of its conditions alone by a standard error. Proposed are at most 6 that overlap little. On noise a
    slice is confirmed in less than 5 % of runs.

    Args:
        held: the rows; with ``group``, whole groups are halved.
        rows: losses of the rows [N] (:meth:`HeldOut.losses`), and a second quantity to tell of each slice
            (:func:`surplus`) [N].
        bands: of the columns to look at, the most interesting first: at most 500 conditions are taken.
        permutations: behind the intervals, 199 or more.
        seed: of the halves and permutations.

    Raises:
        NotApplicable: too few rows for two halves, or no column has bands.

    >>> import polars as pl
    >>> from retemper.evaluation.bands import bands_of
    >>> draw = np.random.default_rng(0)
    >>> city, error = draw.choice(["a", "b", "c"], 600), draw.normal(size=600)
    >>> held = HeldOut(pl.DataFrame({"city": city}), np.where(city == "b", 3 * error, error), "regression",
    ...                lambda cells, rows: np.zeros(len(rows)), {"city": "category"})
    >>> found = worst_slices(held, (held.y**2, held.y), bands_of(held.frame, held.kinds, 30), 199)
    >>> found.slices[0].words, found.slices[0].proof.low > 0
    ('city is b', True)
    """
    table = conditions_of(bands)
    first, second = halves(held, seed)
    least = max(LEAST_ROWS, int(LEAST_SHARE * len(first)))
    if min(len(first), len(second)) < 2 * least or not table.named:
        why = f"{held.rows} held-out rows in {len(bands)} columns are too few to find slices on one half"
        raise NotApplicable(f"{why} and to confirm them on the other")
    losses, weight = rows[0], held.weights
    some = first[:MOST_SEARCHED]
    proposed, searched = search(table.holds[some], losses[some], weight[some], least, held.root)
    masks = [table.holds[second][:, own].all(1) for own in proposed]
    # By chance the second half can hold few rows of a slice that the first half has enough of.
    fair = [
        k for k, mask in enumerate(masks) if LEAST_ROWS // 2 <= mask.sum() <= len(second) - LEAST_ROWS // 2
    ]
    if not fair:
        return SearchedSlices((), searched, held.rows, len(bands))
    proposed, inside = [proposed[k] for k in fair], np.stack([masks[k] for k in fair], 1)
    group = None if held.group is None else held.group[second]
    proven = proofs(inside, losses[second], weight[second], held.root, group, permutations, seed)
    aside = [mean_with_interval(rows[1][second][mask], weight[second][mask]) for mask in inside.T]
    slices = [
        Slice(tuple(table.named[k] for k in own), proof, also)
        for own, proof, also in zip(proposed, proven, aside, strict=True)
    ]
    slices.sort(key=lambda own: -own.proof.low)
    return SearchedSlices(tuple(slices), searched, held.rows, len(bands))


def surplus(held: HeldOut, outputs: Floats, losses: Floats) -> Floats:
    """What each row says of the model beyond its loss [N].

    Classes: the loss less the one that the model itself expects there, −Σ p log p. Near 0 in a slice, its rows are
    hard and the model knows it; above 0, it is too sure of itself there. Regression: y − prediction, whose mean is the
    slice's bias.
    """
    if held.task == "regression":
        return np.asarray(held.y - outputs)
    return np.asarray(losses - entr(outputs).sum(1))


def mean_with_interval(values: Floats, weight: Floats) -> Score:
    """The weighted mean of independent rows, ± 1.96 standard errors."""
    mean = float(np.average(values, weights=weight))
    error = float(np.sqrt((weight**2 * (values - mean) ** 2).sum()) / weight.sum())
    return Score(mean, mean - 1.96 * error, mean + 1.96 * error)


def conditions_of(bands: Sequence[Bands], most: int = MOST_CONDITIONS) -> Conditions:
    """Every band as a condition, and for ranges also all below or above each cut."""
    holds: list[NDArray[np.bool_]] = []
    named: list[Condition] = []
    for own in bands:
        single = indicators([own]).toarray().astype(bool)
        parts = [single]
        words = list(own.conditions)
        for k in range(len(own.cuts)):
            ranges = own.codes <= len(own.cuts)
            if k > 0:  # up to the first cut is the first band
                parts.append((own.codes <= k)[:, None])
                words.append(own.up_to(k))
            if k < len(own.cuts) - 1:
                parts.append(((own.codes > k) & ranges)[:, None])
                words.append(own.above(k))
        if len(named) + len(words) > most:
            break
        holds.append(np.concatenate(parts, 1))
        named += words
    rows = len(bands[0].codes) if bands else 0
    return Conditions(np.concatenate(holds, 1) if holds else np.zeros((rows, 0), dtype=bool), tuple(named))


def halves(held: HeldOut, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two random halves of the rows; rows of one group stay together."""
    random = generator(seed, "halves of the held-out rows")
    if held.group is None:
        order = random.permutation(held.rows)
        return order[: held.rows // 2], order[held.rows // 2 :]
    groups = np.unique(held.group)
    some = random.permutation(groups)[: len(groups) // 2]
    inside = np.isin(held.group, some)
    return random.permutation(np.flatnonzero(inside)), np.flatnonzero(~inside)


def search(
    holds: NDArray[np.bool_], losses: Floats, weight: Floats, least: int, root: bool
) -> tuple[list[tuple[int, ...]], int]:
    """The slices worth a proof, and how many were looked at.

    Args:
        holds: whether each row meets each condition [N, L].
        losses, weight: of the rows [N].
        least: rows in a slice, which has half of the rows at most.
        root: compare the roots of the means.

    Returns:
        (numbers of conditions of each proposed slice, how many slices had enough rows)
    """
    gap, error, count = _pairs(holds.astype(np.float64), losses, weight, root)
    rows = len(losses)
    # Of a slice with more than half of the rows, the rest is the story.
    allowed = (count >= least) & (2 * count <= rows) & (error > 0)
    score = np.where(allowed, gap - CAUTION * error, -np.inf)
    alone = np.diag(score)
    better = score >= np.maximum(alone[:, None], alone[None, :]) + np.where(allowed, error, 0)
    np.fill_diagonal(better, True)
    better &= np.triu(np.ones_like(better)) & allowed & (gap > 2 * error)
    first, second = np.nonzero(better)
    order = np.argsort(-score[first, second], kind="stable")[: 100 * MOST_PROPOSED]
    proposed: list[tuple[int, ...]] = []
    masks: list[NDArray[np.bool_]] = []
    for i, j in zip(first[order].tolist(), second[order].tolist(), strict=True):
        mask = holds[:, i] & holds[:, j]
        if all((mask & other).sum() <= OVERLAP * (mask | other).sum() for other in masks):
            proposed.append((i,) if i == j else (i, j))
            masks.append(mask)
        if len(proposed) == MOST_PROPOSED:
            break
    return proposed, int(np.triu(allowed).sum())


def _pairs(holds: Floats, losses: Floats, weight: Floats, root: bool) -> tuple[Floats, Floats, Floats]:
    """Gap, its standard error (Welch), and rows, of all pairs of conditions [L, L]; singles on the diagonal."""

    # Losses are centred, or sums of squares would lose the digits that matter.
    middle = float(np.average(losses, weights=weight))
    each = moments(weight, losses - middle)
    inside = [(holds * rows[:, None]).T @ holds for rows in each]
    gap, error = gaps(inside, [rows.sum() for rows in each], root, middle)
    return gap, error, holds.T @ holds
