"""Current rows against what a model remembers of the rows that it had not seen."""

from __future__ import annotations

from typing import Any

from retemper.bundle.memory.sketches import Sketches
from retemper.bundle.model import Model
from retemper.core import catalogue
from retemper.core.drift_records import Drift
from retemper.core.errors import InputError
from retemper.core.records import NotApplicable
from retemper.data.schema import UNUSED
from retemper.retraining.two_samples.compare import FAMILY, compare, judged
from retemper.retraining.two_samples.found import Found
from retemper.retraining.two_samples.side_by_side import (
    Wanted,
    as_learnt,
    check_names,
    check_rows,
    outputs_of,
    side_by_side,
)
from retemper.retraining.two_samples.sketched import FAMILIES, NO_ROWS, TwoTallies

FEWEST_KEPT = 50
"""With fewer kept rows than that, the sketches, which count all of them, show more."""


def against_memory(model: Model, current: Any, wanted: Wanted) -> Drift:
    """Compare with the rows that the bundle keeps and that were never trained on, or else with its sketches.

    Of the kept rows, which are balanced by class, those are taken that are a plain sample.

    Args:
        model: with a memory.
        current: rows of now; the target may be absent.
        wanted: ``model`` is this one.

    Raises:
        InputError: ``no_memory``: the model remembers no row that it was not trained on; or see :func:`side_by_side`.
    """
    memory = model.memory
    kept = None if memory is None else memory.kept
    plain = None if kept is None else kept.as_they_came()
    fewest = FEWEST_KEPT if memory is not None and memory.sketches is not None else 2
    if kept is not None and plain is not None and plain.sum() >= fewest:
        return compare(*side_by_side(kept.frame.filter(plain), current, wanted))
    if memory is None or memory.sketches is None:
        raise InputError(
            "no_memory",
            "The model remembers no rows that it was not trained on, so there is nothing to compare with.",
            None,
            "Give rows from before as the reference, or train again: a run's model has sketches of its test rows.",
        )
    return against_sketches(memory.sketches, current, wanted)


def against_sketches(sketches: Sketches, current: Any, wanted: Wanted) -> Drift:
    """Compare with counts alone.

    Args:
        sketches: of the model that ``wanted`` names.
        current: rows of now.
        wanted: how to compare.

    Raises:
        InputError: the rows can't be read for this model, or are fewer than two.
    """
    model = wanted.model
    assert model is not None
    table = as_learnt(current, model)
    check_rows("current", table)
    check_names(wanted, [table])
    frame, target = table.frame, wanted.target or model.target
    outputs, reasons = outputs_of(model, table)
    labels = frame[target] if target in frame.columns else None
    tally = sketches.grid.tally(frame, outputs, labels)
    passed = _passed_over(model, frame.columns, wanted.leave_out)
    sides = TwoTallies(
        sketches.grid,
        sketches.unseen,
        tally,
        model.task,
        frozenset([*wanted.leave_out, *passed]),
        wanted.alpha,
        wanted.families,
        wanted.seed,
    )
    found: dict[str, Found] = {}
    not_applicable = [*passed.items(), *reasons]
    for name in catalogue.names(FAMILY):
        try:
            if name not in FAMILIES:
                raise NotApplicable(NO_ROWS)
            found[name] = FAMILIES[name](sides)
        except NotApplicable as error:
            not_applicable.append((name, str(error)))
    rows = {"reference": sketches.unseen.rows, "current": tally.rows}
    return judged(found, not_applicable, wanted.alpha, rows)


def _passed_over(model: Model, there: list[str], leave_out: tuple[str, ...]) -> dict[str, str]:
    """Columns that are not compared, and why."""
    found = {}
    for column in model.schema.columns:
        if column.kind in UNUSED:
            found[column.name] = f"{column.kind}: {column.why}"
        elif column.kind == "text":
            found[column.name] = f"text: {NO_ROWS}"
        elif column.name not in there:
            found[column.name] = "the current rows do not have it"
    if model.schema.time is not None:
        found[model.schema.time] = "the time column, which always moves on"
    return {name: why for name, why in found.items() if name not in leave_out}
