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
    z: float = Field(3.5, gt=0, description="the same in standard errors")
    otherwise: float = Field(
        2.0,
        gt=0,
        description="standard errors by which training rows are told better by their own kind: no noise",
    )
    surely: float = Field(
        0.2, gt=0, lt=1, description="gap from which on it is no matter of how rows were drawn"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge what simple models that learnt half of the rows of either kind make of the others.

    Raises:
        NotApplicable: rows of either kind were not given, are too few, or are none that a simple model can learn.

    >>> from retemper.doctor.likeness import Likeness, Told
    >>> check(Case(likeness=Likeness(Told(0.5, 0.9, -9.0), Told(0.5, 0.9, -9.0))), Options()).code
    'label_errors'
    """
    alike = need(case.likeness, "likeness")
    known = [told for told in (alike.by_train, alike.by_held_out) if not math.isnan(told.z)]
    if not known:
        raise NotApplicable("there are too few rows to hold training rows against held-out ones")
    worst = min(known, key=lambda told: told.z)
    if -worst.gap < options.gap or worst.z > -options.z or alike.by_train.z >= options.otherwise:
        return None
    learnt = "training" if worst is alike.by_train else "held-out"
    message = (
        f"A simple model that learnt {learnt} rows scores {worst.train:.2f} on other training rows and "
        f"{worst.held_out:.2f} on held-out rows: many training targets are wrong."
    )
    evidence = {
        "train": worst.train,
        "held_out": worst.held_out,
        "gap": -worst.gap,
        "gap_threshold": options.gap,
        "z": worst.z,
        "z_threshold": -options.z,
    }
    sure = 0.95 if -worst.gap >= options.surely else 0.7
    return Finding("label_errors", "warning", sure, message, evidence, REMEDIES)
