"""Training targets that tell less of the inputs than those of held-out rows: many of them are wrong."""

from __future__ import annotations

import math

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("check_labels",)


class Options(Base):
    """Thresholds; rows that are drawn and prepared alike are told alike, but for chance."""

    gap: float = Field(
        0.1, gt=0, lt=1, description="mean score of held-out rows − that of training rows, by a simple model"
    )
    z: float = Field(4.0, gt=0, description="the same in standard errors")
    surely: float = Field(
        0.2, gt=0, lt=1, description="gap from which on it is no matter of how rows were drawn"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge what a simple model that learnt half of the training rows makes of the other half and of held-out rows.

    Raises:
        NotApplicable: rows of either kind were not given, are too few, or are none that a simple model can learn.

    >>> from retemper.doctor.likeness import Likeness
    >>> check(Case(likeness=Likeness(train=0.5, held_out=0.9, z=-9.0)), Options()).code
    'label_errors'
    """
    alike = need(case.likeness, "likeness")
    if math.isnan(alike.z):
        raise NotApplicable("there are too few rows to hold training rows against held-out ones")
    gap = alike.held_out - alike.train
    if gap < options.gap or alike.z > -options.z:
        return None
    message = (
        f"A simple model that learnt half of the training rows scores {alike.train:.2f} on the others and "
        f"{alike.held_out:.2f} on held-out rows: many training targets are wrong."
    )
    evidence = {
        "train": alike.train,
        "held_out": alike.held_out,
        "gap": gap,
        "gap_threshold": options.gap,
        "z": alike.z,
        "z_threshold": -options.z,
    }
    sure = 0.95 if gap >= options.surely else 0.7
    return Finding("label_errors", "warning", sure, message, evidence, REMEDIES)
