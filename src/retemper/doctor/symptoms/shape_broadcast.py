"""Outputs and targets of shapes that are stretched to each other: every output is held against every target."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds; the loss was asked with permuted targets."""

    rows: int = Field(3, ge=2, description="rows that were permuted")


def check(case: Case, options: Options) -> Finding | None:
    """Judge whether the loss knows which target belongs to which output.

    Raises:
        NotApplicable: no loss function was given.
    """
    loss = need(case.loss, "loss")
    if not loss.broadcasts:
        return None
    shapes = [
        list(case.network.shape) if case.network else [],
        list(case.data.target_shape) if case.data else [],
    ]
    message = (
        f"The loss is the same for permuted targets: outputs {shapes[0]} and targets {shapes[1]} "
        "are stretched to each "
        "other, so that every output is held against every target; give both one shape."
    )
    evidence = {"outputs": shapes[0], "targets": shapes[1], "rows_threshold": options.rows}
    return Finding("shape_broadcast", "error", 0.97, message, evidence, REMEDIES)
