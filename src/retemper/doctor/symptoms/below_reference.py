"""A network that does worse than simple models that learnt the same rows: something holds it back, whatever it is."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("train_longer", "raise_learning_rate", "more_capacity")

WORST = -9.99
"""A skill below counts as this: outputs may be of any size, or no numbers."""


class Options(Base):
    """Thresholds. Of 105 healthy programs of benchmarks/doctor.py the gap of 3 is above .15, of most harmful faults."""

    gap: float = Field(0.15, gt=0, lt=1, description="skill of the simple model − that of the network")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the standing against that of a forest and a ridge, by the skill: the gain over the best constant output.

    It says that something is wrong, not what; so it comes last among the causes.

    Raises:
        NotApplicable: no rows were given, or they are none that simple models can learn.

    >>> from retemper.doctor.case import Standing
    >>> check(Case(standing=Standing(0.5, 0.7, accuracy=0.7, majority=0.5, reference=0.9)), Options()).severity
    'warning'
    """
    standing = need(case.standing, "standing")
    skill = max(standing.skill, WORST)
    gap = standing.reference - skill
    if np.isnan(gap):
        raise NotApplicable("no simple model could learn the rows, or the network's standing is not known")
    if gap <= options.gap:
        return None
    message = (
        f"A simple model (a forest of trees or a linear one) that learnt the same rows gets {standing.reference:.0%} "
        f"of the way from guessing to perfect, the network {skill:.0%}: something holds it back."
    )
    evidence = {
        "gap": float(gap),
        "gap_threshold": options.gap,
        "reference": standing.reference,
        "skill": skill,
        "held_out": standing.held_out,
    }
    return Finding("below_reference", "warning", 0.3, message, evidence, REMEDIES)
