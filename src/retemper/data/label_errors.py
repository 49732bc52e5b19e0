"""Labels that are probably wrong: which rows, what they might be, how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.prepare_options import PrepareOptions
from retemper.core.records import Finding, NotApplicable
from retemper.data import label_noise, target_noise
from retemper.data.cross_check import second_opinion
from retemper.data.duplicates import alike, row_hashes
from retemper.data.label_blend import average
from retemper.data.label_noise import LabelNoise
from retemper.data.matched import matched_groups
from retemper.data.out_of_fold import (
    FIT_ROWS,
    FOLDS,
    OutOfFold,
    TreeRows,
    class_probabilities,
    rows_of_cells,
    values,
)
from retemper.data.prepare import Preparer
from retemper.data.schema import Schema
from retemper.data.target import Target

Floats = NDArray[np.float64]

LEAST_ROWS, MOST_CLASSES = 100, 100
LEAST_CLASS_ROWS = 8
"""Rows of smaller classes are not judged: a model that has seen hardly any of them doubts them all."""
LEAST_RATE = 0.01
"""The interval's lower end must reach this rate of wrong labels before they are a finding."""
LARGEST_SCORE = 3.0
"""Trees learn scores up to here, so that no outlier draws them to itself."""
LIKELY_WRONG = 0.5
"""Values are flagged from this probability on."""
SHOWN = 50
CLASS_REMEDIES = ("drop", "fix", "down_weight")
VALUE_REMEDIES = ("drop", "down_weight")


@dataclass(frozen=True)
class Suspects:
    """What is known of each row's label.

    Args:
        task: classification or regression.
        classes: labels as text; empty for regression.
        given: [N] class codes or values.
        suggested: [N] the most probable class, or the predicted value.
        wrong: [N] probability of the given label to be wrong.
        flagged: [N] the rows most surely wrong, Σ wrong of them.
        rate, low, high: share of wrong labels among the rows judged, with its 95 % interval.
        fitted_on: rows that each fold's models learnt from.
        cleanlab: the second opinion, where there is something to be of an opinion about.
    """

    task: str
    classes: tuple[str, ...]
    given: NDArray[Any]
    suggested: NDArray[Any]
    wrong: Floats
    flagged: NDArray[np.bool_]
    rate: float
    low: float
    high: float
    fitted_on: int
    cleanlab: dict[str, Any] = field(default_factory=dict)

    @property
    def found(self) -> bool:
        """Whether there are more wrong labels than the models' own errors explain."""
        return self.low >= LEAST_RATE and bool(self.flagged.any())


def find(frame: pl.DataFrame, schema: Schema, seed: int = 0) -> Finding | None:
    """Labels are wrong in at least 1 % of the rows (the 95 % interval's lower end); the finding names the rows.

    Models predict each row out of fold; the rate of wrong labels is what overlap of the classes can't explain (see
    :mod:`retemper.data.label_noise`, and :mod:`retemper.data.target_noise` for values).

    Args:
        frame: the rows; row numbers of the finding count from 1 in it.
        schema: of the table.
        seed: of folds and trees.

    Raises:
        NotApplicable: no target, no features, fewer than 100 rows that can be judged, or more than 100 classes.
    """
    return finding(judge(frame, schema, seed), np.arange(frame.height))


def judge(frame: pl.DataFrame, schema: Schema, seed: int, fit_rows: int = FIT_ROWS) -> Suspects:
    """How probably wrong each row's label is; a fold's models learn from at most ``fit_rows`` rows.

    Raises:
        NotApplicable: as :func:`find`.
    """
    if schema.target is None:
        raise NotApplicable("there is no target")
    if frame.height < LEAST_ROWS:
        raise NotApplicable(f"{frame.height} rows are fewer than the {LEAST_ROWS} that it takes")
    if len(schema.classes) > MOST_CLASSES:
        raise NotApplicable(f"{len(schema.classes)} classes are more than {MOST_CLASSES}")
    preparer = Preparer.fit(frame, schema, PrepareOptions(number_embedding="none"))
    rows = TreeRows(*preparer.plain(frame), _origin(frame, schema))
    columns = rows.columns.shape[1]
    if not columns:
        raise NotApplicable("there is no column of numbers, categories, dates or texts")
    target = Target.fit(frame[schema.target.name], schema, PrepareOptions())
    given = target.encode(frame[schema.target.name])
    settings = OutOfFold(seed, min(fit_rows, rows_of_cells(columns)))
    return _classes(rows, given, target, settings) if target.classes else _values(rows, given, settings)


def _origin(frame: pl.DataFrame, schema: Schema) -> NDArray[np.uint64] | None:
    """Equal for rows with the same features, where there are more copies than chance explains; else None.

    Rows of few and coarse columns are equal by chance: apart from each other they tell what the next ones will be.
    """
    features = [frame[column.name] for column in schema.features()]
    assert schema.target is not None
    return row_hashes(features)[0] if alike([*features, frame[schema.target.name]]).copies else None


def _classes(rows: TreeRows, given: NDArray[np.int64], target: Target, settings: OutOfFold) -> Suspects:
    sizes = np.bincount(given[rows.once], minlength=len(target.classes))
    known = sizes >= LEAST_CLASS_ROWS
    judged = np.flatnonzero(known[given])
    if known.sum() < 2 or len(judged) < LEAST_ROWS:
        raise NotApplicable(f"fewer than two classes have the {LEAST_CLASS_ROWS} rows that it takes")
    own = np.flatnonzero(known)
    codes = np.searchsorted(own, given[judged])
    probabilities, noise = _noise(rows.taken(judged), codes, len(own), settings)
    wrong, suggested = np.zeros(len(given)), given.copy()
    others = noise.clean.copy()
    others[np.arange(len(codes)), codes] = -1.0
    wrong[judged] = noise.wrong
    suggested[judged] = own[others.argmax(axis=1)]
    flagged = label_noise.surest(wrong)
    suggested = np.where(flagged, suggested, given)
    found = noise.low >= LEAST_RATE
    return Suspects(
        "classification",
        target.classes,
        given,
        suggested,
        wrong,
        flagged,
        noise.rate,
        noise.low,
        noise.high,
        settings.rows_of(len(given)),
        second_opinion(average(probabilities), codes, flagged[judged]) if found else {},
    )


def _noise(
    rows: TreeRows, codes: NDArray[np.int64], classes: int, settings: OutOfFold
) -> tuple[Floats, LabelNoise]:
    """What the models say [M, N, C], and the noise; matched rows are ruled out as the cause of it."""
    probabilities = class_probabilities(rows, codes, classes, settings)
    noise = label_noise.estimate(average(probabilities), codes, settings.seed)
    if noise.low < LEAST_RATE:
        return probabilities, noise
    groups = matched_groups(rows.columns, codes)
    if groups is not None:
        probabilities = class_probabilities(replace(rows, origin=groups), codes, classes, settings)
        noise = label_noise.estimate(average(probabilities), codes, settings.seed)
    if noise.low < LEAST_RATE:
        return probabilities, noise
    return probabilities, label_noise.located(noise, probabilities, codes, settings.seed)


def _values(rows: TreeRows, given: Floats, settings: OutOfFold) -> Suspects:
    if np.ptp(given) == 0:
        raise NotApplicable("the target has one value only")
    scores = target_noise.Scores.fit(given)
    known = scores.apply(given)
    predicted = values(rows, known.clip(-LARGEST_SCORE, LARGEST_SCORE), settings)
    noise = target_noise.estimate(predicted, known, settings.seed)
    flagged = noise.wrong > LIKELY_WRONG
    return Suspects(
        "regression",
        (),
        given,
        scores.invert(predicted),
        noise.wrong,
        flagged,
        noise.rate,
        noise.low,
        noise.high,
        settings.rows_of(len(given)),
    )


def finding(suspects: Suspects, rows: NDArray[np.int64]) -> Finding | None:
    """The finding, or none where the rate's interval goes below 1 %.

    Args:
        suspects: of N rows.
        rows: [N] their numbers in the table, from 0.
    """
    if not suspects.found:
        return None
    count = int(suspects.flagged.sum())
    what = "labels" if suspects.classes else "target values"
    share = f"{suspects.rate:.1%} (95 % interval {suspects.low:.1%} to {suspects.high:.1%})"
    first = surest_rows(suspects, rows)[0]
    return Finding(
        "label_errors",
        "warning",
        round(float(suspects.wrong[suspects.flagged].mean()), 3),
        f"About {share} of the {what} look wrong; {count} rows are named, the surest is row {first['row']}: "
        f"given {first['given']}, more likely {first['suggested']}. No overlap of the rows explains so many "
        "where the models are sure.",
        evidence(suspects, rows),
        CLASS_REMEDIES if suspects.classes else VALUE_REMEDIES,
    )


def evidence(suspects: Suspects, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Counts, the rate with its threshold, the rows most surely wrong, and the numbers of all that are flagged."""
    facts: dict[str, Any] = {
        "rows": len(suspects.wrong),
        "flagged": int(suspects.flagged.sum()),
        "rate": round(suspects.rate, 4),
        "low": round(suspects.low, 4),
        "high": round(suspects.high, 4),
        "warning_from": LEAST_RATE,
        "folds": FOLDS,
        "fitted_on": suspects.fitted_on,
        "surest": surest_rows(suspects, rows),
        "flagged_rows": (rows[suspects.flagged] + 1).tolist(),
    }
    if suspects.classes:
        facts["classes"] = class_counts(suspects)
        facts["cleanlab"] = suspects.cleanlab
    return facts


def class_counts(suspects: Suspects) -> dict[str, dict[str, int]]:
    """For each class: rows as given, of these flagged, and rows if every suggestion were taken."""
    size = len(suspects.classes)
    given = np.bincount(suspects.given, minlength=size)
    flagged = np.bincount(suspects.given[suspects.flagged], minlength=size)
    after = np.bincount(suspects.suggested, minlength=size)
    return {
        label: {"given": int(given[k]), "flagged": int(flagged[k]), "suggested": int(after[k])}
        for k, label in enumerate(suspects.classes)
    }


def surest_rows(suspects: Suspects, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Up to 50 flagged rows, the surest first: row number from 1, given, suggested, probability."""
    order = np.argsort(-suspects.wrong, kind="stable")[: min(SHOWN, int(suspects.flagged.sum()))]
    return [
        {
            "row": int(rows[k]) + 1,
            "given": _shown(suspects, suspects.given[k]),
            "suggested": _shown(suspects, suspects.suggested[k]),
            "probability": round(float(suspects.wrong[k]), 4),
        }
        for k in order
    ]


def _shown(suspects: Suspects, value: Any) -> str | float:
    return suspects.classes[int(value)] if suspects.classes else float(f"{float(value):.6g}")
