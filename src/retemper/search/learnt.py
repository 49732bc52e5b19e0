"""What a search has learnt: how much of the losses' differences each option explains, alone and in pairs.

Functional analysis of variance (Hutter, Hoos & Leyton-Brown 2014), here by a Gaussian process that is a sum of effects
(see ``anova``): the variance of an option's effect is its share. A forest of regression trees, as usual, splits by the
strongest option and sees little of the others; of 60 trials it called a share of .18 one of .06. Intervals are those of
the posterior; of simulated studies (``tests/search/test_coverage.py``) those of 95 % hold the true share in 93 of 100.

Only trials that trained for as long, on the same folds, are compared. A model that can't foretell trials that it has
not seen says nothing, and neither do few trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retemper.core.seeds import generator
from retemper.search.cells import Cells, Floats, cells_of
from retemper.search.compared import Compared, bounded, compared_of
from retemper.search.effects import Effects, effects
from retemper.search.flat import Flat, flat_part
from retemper.search.space import Space, Words
from retemper.search.trials import Trial

LEAST_TRIALS, LEAST_AN_OPTION = 16, 5
MOST_TRIALS = 160
"""More are drawn from: what explains the loss of 160 trials explains it of all."""
LEAST_EXPLAINED = 0.15
"""Of the losses' variance, foretold of each trial by the others: below, nothing was learnt that is worth telling."""
SURE = 2.33
"""Standard errors; one-sided 1 %, since the trials that judge the model also chose its parameters."""
LEAST_SHARE = 0.005
"""An option whose interval reaches below it is not told apart from chance."""
MOST_PAIRS, PAIR_CELLS = 3, 12
ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Curve:
    """Mean loss over one option, all others averaged out, with a 95 % band."""

    values: tuple[Any, ...]
    loss: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Importance:
    """One option.

    Args:
        path: of the option.
        share: of the explained variance, with ``low`` and ``high``, its 95 % interval.
        matters: it is told apart from chance.
        curve: the mean loss over it.
        flat: where a numeric option gains nothing more, if that is shown.
        where: the conditions under which it is there; its share is of the variance among those trials.
        trials: how many were compared.
    """

    path: str
    share: float
    low: float
    high: float
    matters: bool
    curve: Curve
    flat: Flat | None
    where: Mapping[str, tuple[Any, ...]]
    trials: int


@dataclass(frozen=True)
class Interaction:
    """What two options explain together beyond what each does alone; the mean loss over both [cells, cells]."""

    paths: tuple[str, str]
    share: float
    low: float
    high: float
    values: tuple[tuple[Any, ...], tuple[Any, ...]]
    loss: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Learnt:
    """What was learnt, or why nothing was.

    Args:
        epochs, folds: of the trainings that were compared.
        trials: how many.
        lost: of these, how many diverged; they count as the worst.
        explained: share of the variance that is foretold of each trial by all others.
        options: the most important first; conditional ones after the others.
        pairs: the strongest.
        left_out: what can't be told, with the reason.
    """

    epochs: int = 0
    folds: int = 0
    trials: int = 0
    lost: int = 0
    explained: float = 0.0
    options: tuple[Importance, ...] = ()
    pairs: tuple[Interaction, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass
class _Group:
    """Options that are there together: under what condition, and in which trials."""

    where: Mapping[str, tuple[Any, ...]]
    own: list[str] = field(default_factory=list)


def learnt(space: Space, trials: Sequence[Trial], seed: int) -> Learnt:
    """What the trials tell of the options.

    Args:
        space: the ranges.
        trials: all of them.
        seed: of the run; it keys the draws.

    >>> from retemper.search.space import Interval
    >>> from retemper.search.trials import Evaluation, Order
    >>> space = Space({"a": Interval(0.0, 1.0), "b": Interval(0.0, 1.0)})
    >>> tried = [{"a": k / 60, "b": k * 0.618 % 1} for k in range(60)]
    >>> trials = [Trial(k, v, (Evaluation(Order(k, v, 5, (0,)), {0: v["a"]}),)) for k, v in enumerate(tried)]
    >>> first, second = learnt(space, trials, seed=0).options
    >>> first.path, first.share > 0.9, second.matters
    ('a', True, False)
    """
    compared = compared_of(trials)
    options: list[Importance] = []
    pairs: list[Interaction] = []
    left_out: list[str] = []
    explained = 0.0
    for group in _groups(space):
        found = _analysed(space, group, compared, seed)
        if isinstance(found, str):
            left_out.append(found)
            continue
        own, together, foretold = found
        options += own
        if not group.where:
            pairs, explained = together, foretold
    return Learnt(
        compared.epochs,
        compared.folds,
        len(compared.trials),
        compared.lost,
        explained,
        tuple(options),
        tuple(pairs),
        tuple(left_out),
    )


def _groups(space: Space) -> list[_Group]:
    """Options without a condition first, then those with each condition; a single value tells nothing."""
    groups = [_Group({})]
    for path in space:
        cells = cells_of(path, space[path])
        if len(cells.values) < 2:
            continue
        where: dict[str, tuple[Any, ...]] = {}
        at = path
        while condition := space.conditions.get(at):
            at = condition.path
            where[at] = condition.values
        group = next((own for own in groups if own.where == where), None)
        if group is None:
            groups.append(group := _Group(where))
        group.own.append(path)
    return [group for group in groups if group.own]


def _analysed(
    space: Space, group: _Group, compared: Compared, seed: int
) -> tuple[list[Importance], list[Interaction], float] | str:
    """The importance of a group's options, their pairs, and what the model foretells; else why there is none."""
    chosen = [k for k, trial in enumerate(compared.trials) if all(path in trial.values for path in group.own)]
    # Of what the condition asks for only the values count that it asks for.
    axes = {path: Words(group.where[path]) if path in group.where else space[path] for path in space}
    there = [
        path
        for path, axis in axes.items()
        if len(cells_of(path, axis).values) > 1
        and chosen
        and all(path in compared.trials[k].values for k in chosen)
    ]
    named = _conditions(group.where)
    least = max(LEAST_TRIALS, LEAST_AN_OPTION * max(1, len(there)))
    if len(chosen) < least:
        return (
            f"To tell which options matter{named}, {least} trials that trained alike are needed, but there are "
            f"{len(chosen)}."
        )
    rng = generator(seed, "importance", step=len(there))
    chosen = sorted(rng.choice(chosen, min(len(chosen), MOST_TRIALS), replace=False).tolist())
    options = [cells_of(path, axes[path]) for path in there]
    y = bounded(compared.loss[chosen])
    if float(np.ptp(y)) == 0.0:
        return f"All {len(chosen)} trials{named} have the same loss."
    found = effects(
        options, [o.of([compared.trials[k].values[o.path] for k in chosen]) for o in options], y, rng
    )
    if found.foretold < LEAST_EXPLAINED or found.certainty < SURE:
        return (
            f"The losses of {len(chosen)} trials{named} can't be told from their settings ("
            f"{max(0.0, found.foretold):.0%} of the variance of unseen ones): what the options do can't be told "
            "from chance."
        )
    own = [
        _importance(options[j], j, found, group.where, len(chosen))
        for j, path in enumerate(there)
        if path in group.own
    ]
    own.sort(key=lambda option: -option.share)
    return own, [] if group.where else _pairs(options, found), found.foretold


def _importance(
    option: Cells, j: int, found: Effects, where: Mapping[str, tuple[Any, ...]], trials: int
) -> Importance:
    share, low, high = _interval(found.shares[:, j])
    # No mean over settings is below the lowest loss there is.
    curves = np.maximum(found.curve(j), found.lowest)
    curve = curves.mean(axis=0)
    band = np.quantile(curves, ENDS, axis=0)
    matters = low > LEAST_SHARE
    return Importance(
        option.path,
        share,
        low,
        high,
        matters,
        Curve(option.values, *(tuple(row.tolist()) for row in (curve, *band))),
        flat_part(option.values, curve, curves) if matters and option.ordered else None,
        where,
        trials,
    )


def _pairs(options: Sequence[Cells], found: Effects) -> list[Interaction]:
    """The pairs that explain most together."""
    leading = sorted(found.pair_shares, key=lambda pair: -float(np.median(found.pair_shares[pair])))
    pairs = []
    for i, j in leading[:MOST_PAIRS]:
        share, low, high = _interval(found.pair_shares[i, j])
        surface = np.maximum(found.surface(i, j), found.lowest)
        first, second = (_coarse(options[k]) for k in (i, j))
        loss = np.array([[surface[np.ix_(a, b)].mean() for b in second] for a in first])
        values = tuple(
            tuple(options[k].values[part[len(part) // 2]] for part in parts)
            for k, parts in ((i, first), (j, second))
        )
        rows = tuple(tuple(row) for row in loss.tolist())
        pairs.append(Interaction((options[i].path, options[j].path), share, low, high, values, rows))  # type: ignore[arg-type]  # two of each
    return pairs


def _coarse(option: Cells) -> list[Any]:
    """The cells of an option in a dozen parts at most."""
    return list(np.array_split(np.arange(len(option.values)), min(PAIR_CELLS, len(option.values))))


def _interval(shares: Floats) -> tuple[float, float, float]:
    """Median and 95 % interval of draws; none of them is 0, so what may be next to nothing begins at 0."""
    low, middle, high = np.quantile(shares, (ENDS[0], 0.5, ENDS[1])).tolist()
    return middle, low if low > LEAST_SHARE else 0.0, high


def _conditions(where: Mapping[str, tuple[Any, ...]]) -> str:
    if not where:
        return ""
    parts = [
        f"{path.removesuffix('.name').rpartition('.')[2]} {' or '.join(str(v) for v in values)}"
        for path, values in where.items()
    ]
    return f" with {' and '.join(parts)}"
