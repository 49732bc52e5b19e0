"""Does a column give the target away?

A score alone can't tell: carat explains nearly all of a diamond's price, and should. Five things tell:

- *copy*: the column is the target under other names, or in the same order;
- *computed*: two or three columns add or multiply up to the target, exactly;
- *future*: the column holds the target of a later row, or a running total (see :mod:`retemper.data.future`);
- *nearly perfect*: the column alone explains at least 98 %, and leaves a quarter, at most, of what all other columns
  together leave;
- *made from the target*: among rows with the same target the column knows nothing of any other column, while the other
  columns that say something of the target hang together (see :mod:`retemper.data.given_target`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from retemper.core.records import Finding, NotApplicable
from retemper.data.alone import explained_alone, explained_coarsely
from retemper.data.cells import as_words
from retemper.data.check_columns import listed
from retemper.data.computed_target import formula
from retemper.data.forest import forest_inputs, out_of_bag
from retemper.data.future import ahead_of_time
from retemper.data.given_target import Faces, islands, linked_given_target
from retemper.data.sampled import Floats, Goals, cell_columns, is_ordered, ordered_cells, sample_rows
from retemper.data.schema import Column, Schema

MIN_ROWS = 50
SCORE_ROWS = 5_000
LINK_ROWS = 10_000
LINK_COLUMNS = 120
MOST_SCORED, PROMISING_ROWS = 300, 1_000
NEARLY_PERFECT = 0.98
LEFT_OF_OTHERS, LEAST_MARGIN = 0.25, 0.02
SAYS_SOMETHING = 0.02
LEAST_ALONE = {2_000: 0.14, 400: 0.3, 0: 0.6}
FEW_ROWS, LEAST_OF_A_CLASS = 400, 0.9
NO_LINK_P = 0.005
MOST_TOGETHER = 3
HOLD_TOGETHER = 0.8
ENOUGH_OTHERS = 3
CLEARLY_MORE, CLEARLY_LESS_LEFT = 0.2, 0.5
LEAST_TWIN, LEAST_AMONG_FEW, LEAST_AMONG_NONE = 0.4, 0.5, 0.6
ABOVE_THE_NEXT = 0.3
CONFIDENCE = {
    "identical": 1.0,
    "copy": 0.95,
    "computed": 0.9,
    "future": 0.9,
    "nearly perfect": 0.7,
    "made from the target": 0.8,
}
SAID = {
    "identical": "is the target itself",
    "copy": "is the target under other names or in another unit",
    "computed": "gives the target exactly, by {how} with {partners}",
    "future": "{how} ({alone:.0%})",
    "nearly perfect": "explains {alone:.1%} of the target by itself, all other columns together {others:.1%}",
    "made from the target": "explains {alone:.0%} of the target (the others {others:.0%}), but is linked to no other "
    "column among rows with the same target, as if made from it with noise or known only afterwards",
}


@dataclass(frozen=True)
class Suspect:
    """A column that gives the target away: why, and the shares of the target it and all others explain."""

    name: str
    why: str
    alone: float
    others: float | None = None
    p_linked: float | None = None
    partners: tuple[str, ...] = ()
    how: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for the evidence."""
        parts = {
            "why": self.why,
            "alone": round(self.alone, 4),
            "others": None if self.others is None else round(self.others, 4),
            "how": self.how,
            "p_linked": self.p_linked,
            "partners": list(self.partners),
        }
        return {key: value for key, value in parts.items() if value not in (None, [], "")}


def leakage(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Columns that give the target away: copies, copies with noise, sums, and what is known only afterwards.

    Scores are taken on at most 5,000 rows, links between columns on 10,000. Text is not looked at.

    Raises:
        NotApplicable: no target, fewer than 50 rows, or no column of numbers, levels or dates.
    """
    if schema.target is None:
        raise NotApplicable("there is no target")
    columns = cell_columns(schema)
    if not columns:
        raise NotApplicable("there is no column of numbers, categories or dates")
    if frame.height < MIN_ROWS:
        raise NotApplicable(f"{frame.height} rows are fewer than the {MIN_ROWS} that the scores need")
    ahead = [
        Suspect(one.name, "future", one.strength, how=one.how)
        for one in ahead_of_time(frame, columns, schema)
    ]
    names = {suspect.name for suspect in ahead}
    columns = [column for column in columns if column.name not in names]
    frame = frame[sample_rows(frame.height, LINK_ROWS, "leakage")]
    found = ahead + (suspects(frame, columns, schema) if columns else [])
    return _finding(found, frame.height) if found else None


def _finding(found: list[Suspect], rows: int) -> Finding:
    worst = max(found, key=lambda suspect: (CONFIDENCE[suspect.why], suspect.alone))
    said = SAID[worst.why].format(
        alone=worst.alone, others=worst.others or 0.0, how=worst.how, partners=listed(list(worst.partners))
    )
    return Finding(
        "leakage",
        "error" if worst.why == "identical" else "warning",
        CONFIDENCE[worst.why],
        f"Columns that give the target away: {listed([s.name for s in found])}; {worst.name!r} {said}. Leave out what "
        "is not known when a prediction is made.",
        {
            "columns": {suspect.name: suspect.to_json() for suspect in found},
            "rows": rows,
            "rows_scored": min(rows, SCORE_ROWS),
            "nearly_perfect_from": NEARLY_PERFECT,
            "made_from_target_from": _least_alone(rows),
            "no_link_above_p": NO_LINK_P,
        },
    )


def suspects(frame: pl.DataFrame, columns: Sequence[Column], schema: Schema) -> list[Suspect]:
    """The columns that give the target away, each with the first reason that holds; order of rows does not matter."""
    assert schema.target is not None
    goals = Goals.of(frame[schema.target.name], schema.task == "classification")
    if sum(map(is_ordered, columns)) > MOST_SCORED:
        columns = _promising(frame, columns, goals)
    few = sample_rows(frame.height, SCORE_ROWS, "leakage_scores")
    sample, scored = frame[few], goals.rows(few)
    alone = np.stack([explained_alone(sample[column.name], column, scored) for column in columns])
    target = frame[schema.target.name]
    found = {
        column.name: Suspect(column.name, why, float(alone[i].max()))
        for i, column in enumerate(columns)
        if (why := _copy(frame[column.name], column, target, goals))
    }
    if not goals.classes:
        found |= _computed(sample, columns, scored, alone)
    rest = [i for i, column in enumerate(columns) if column.name not in found]
    chosen = sorted(rest, key=lambda i: -alone[i].max())[:LINK_COLUMNS]
    apart = _apart(frame, [columns[i] for i in chosen], goals, alone[chosen])
    kept = [columns[i] for i in chosen if columns[i].name not in apart]
    matrix, owners = forest_inputs(sample, kept)
    for i in chosen:
        name, score = columns[i].name, alone[i]
        if name not in apart and score[0] < NEARLY_PERFECT:
            continue
        others = _others(matrix[:, [owner != name for owner in owners]], scored)
        best = int(score.argmax())
        twin = goals.classes and columns[i].distinct == goals.y.shape[1]
        rivals = float(others[best]), float(np.delete(alone[:, best], i).max(initial=0.0))
        if name in apart and _stands_out(float(score[best]), rivals, apart[name][1], twin):
            p = apart[name][0]
            found[name] = Suspect(name, "made from the target", float(score[best]), float(others[best]), p)
        elif score[0] >= NEARLY_PERFECT and _leaves_less(float(score[0]), float(others[0])):
            found[name] = Suspect(name, "nearly perfect", float(score[0]), float(others[0]))
    return sorted(found.values(), key=lambda suspect: -suspect.alone)


def _promising(frame: pl.DataFrame, columns: Sequence[Column], goals: Goals) -> list[Column]:
    """The columns of very many that are worth a closer look: levels, and the numbers with the best coarse scores."""
    few = sample_rows(frame.height, PROMISING_ROWS, "leakage_promising")
    numbers = [column for column in columns if is_ordered(column)]
    x = np.stack([ordered_cells(frame[column.name][few], column) for column in numbers], axis=1)
    order = np.argsort(-explained_coarsely(x, goals.rows(few)), kind="stable")
    best = {numbers[i].name for i in order[:MOST_SCORED]}
    return [column for column in columns if column.name in best or not is_ordered(column)]


def _copy(cells: pl.Series, column: Column, target: pl.Series, goals: Goals) -> str | None:
    if not goals.classes:
        return _same_order(cells, column, goals) if is_ordered(column) else None
    distinct = target.n_unique()
    if cells.n_unique() != distinct:
        return None
    own, words = as_words(cells).fill_null(""), as_words(target)
    if (own == words).all():
        return "identical"
    return "copy" if pl.DataFrame({"cells": own, "target": words}).n_unique() == distinct else None


def _same_order(cells: pl.Series, column: Column, goals: Goals) -> str | None:
    """Does the column rise (or fall) with the target in every step, however coarsely?"""
    x, y = ordered_cells(cells, column), goals.key
    known = ~np.isnan(x)
    if known.mean() < 0.5 or known.sum() < MIN_ROWS or len(np.unique(x[known])) < 8:
        return None
    x, y = x[known], y[known]
    if (x == y).all() and known.all():
        return "identical"
    pairs = pl.DataFrame({"x": x, "y": y}).n_unique()
    if pairs > max(len(np.unique(x)), len(np.unique(y))):
        return None  # neither tells the other, and ties would let any order pass
    rising = np.diff(x[np.lexsort((x, y))])
    falling = np.diff(x[np.lexsort((-x, y))])
    return "copy" if (rising >= 0).all() or (falling <= 0).all() else None


def _computed(
    frame: pl.DataFrame, columns: Sequence[Column], goals: Goals, alone: Floats
) -> dict[str, Suspect]:
    ordered = [i for i, column in enumerate(columns) if is_ordered(column)]
    if len(ordered) < 2:
        return {}
    x = np.stack([ordered_cells(frame[columns[i].name], columns[i]) for i in ordered], axis=1)
    found = formula(x, goals.y[:, 0])
    if found is None:
        return {}
    names = [columns[ordered[part]].name for part in found.parts]
    return {
        name: Suspect(
            name,
            "computed",
            float(alone[ordered[part]].max()),
            partners=tuple(other for other in names if other != name),
            how=found.how,
        )
        for name, part in zip(names, found.parts, strict=True)
    }


def _apart(
    frame: pl.DataFrame, columns: Sequence[Column], goals: Goals, alone: Floats
) -> dict[str, tuple[float, int]]:
    """Columns with no link to the large group that the others form: p, and how many columns speak in that group."""
    if len(columns) < 2:
        return {}
    p = linked_given_target(Faces.of(frame, columns, goals), goals, len(columns))
    p = np.minimum(p * (len(columns) - 1), 1.0)
    groups = islands(p < NO_LINK_P)
    score, least = alone.max(axis=1), _least_alone(frame.height)
    if frame.height < FEW_ROWS:
        score = np.where(score >= LEAST_OF_A_CLASS, score, alone[:, 0])
    large = groups[0] if len(groups[0]) > 1 else []
    together = [i for i in large if score[i] >= SAYS_SOMETHING]
    small = [group for group in groups if group is not large and len(group) <= MOST_TOGETHER]
    odd = [i for group in small for i in group if score[i] >= least]
    speaking = int((score >= SAYS_SOMETHING).sum()) - len(odd)
    if len(odd) <= max(1, len(together) // 2) and len(together) >= HOLD_TOGETHER * speaking:
        return {columns[i].name: (float(p[i].min()), len(together)) for i in odd}
    # Where the others don't hang together either, to be linked to none says nothing: the best one's score must speak.
    best = max(odd, key=lambda i: score[i], default=None)
    return {} if best is None else {columns[best].name: (float(p[best].min()), 0)}


def _least_alone(rows: int) -> float:
    """Few rows leave true links unseen, so that a column must say more to be suspected."""
    return next(least for from_, least in LEAST_ALONE.items() if rows >= from_)


def _stands_out(alone: float, rivals: tuple[float, float], together: int, twin: bool) -> bool:
    """With few other columns "linked to none" says little, so that the score must speak too.

    ``rivals``: what all others explain together, and the best of them alone; ``together``: how many others say
    something of the target and hang together; ``twin``: as many levels as there are classes.
    """
    if together >= ENOUGH_OTHERS:
        return True
    others, next_best = rivals
    least = LEAST_TWIN if twin else LEAST_AMONG_FEW if together else LEAST_AMONG_NONE
    clearly = alone >= others + CLEARLY_MORE or 1 - alone <= CLEARLY_LESS_LEFT * (1 - others)
    return alone >= least and (clearly or alone >= next_best + ABOVE_THE_NEXT)


def _leaves_less(alone: float, others: float) -> bool:
    return 1 - alone <= LEFT_OF_OTHERS * (1 - others) and alone - others >= LEAST_MARGIN


def _others(x: Floats, goals: Goals) -> Floats:
    if not x.shape[1]:
        return np.zeros(1 + len(goals.common))
    return goals.explained(out_of_bag(x, goals.y, "leakage_others")[0])
