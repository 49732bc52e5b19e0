"""How far to go: networks on the straight way from the champion's weights to where training ended.

    θ(a) = (1 − a)·θ₀ + a·θ₁,  a in {¼, ½, ¾, 1}

Networks tuned from one point mostly stay in its basin, and those between know the new and have kept more of the old
(WiSE-FT, Wortsman et al. 2022). So training may go at a high rate, and rows that it has not seen say how much of the
way pays: all of it where the world has changed, a quarter where it has not. It costs answers, no training.
"""

from __future__ import annotations

import time
from dataclasses import replace

from retemper.bundle.parts import Part
from retemper.retraining.course import Course
from retemper.retraining.ground import Ground
from retemper.retraining.places import Place
from retemper.retraining.stacks import Trained, answered, sight_for

REACHES = (0.25, 0.5, 0.75)
"""Shares of the way; the whole of it is what was trained."""


def along(ground: Ground, course: Course, trained: Trained) -> list[tuple[Course, Trained]]:
    """The same networks at every share of their way; none where there is no way.

    A fresh start comes from nowhere, and outputs of classes that the champion does not know begin at nothing.

    Args:
        ground: the rows.
        course: what was trained, all of its way.
        trained: its networks, not calibrated; they need not be finite where their way ends.
    """
    if course.start != "champion" or ground.means.new_classes or not trained.networks:
        return []
    sight, found = sight_for(ground, course), []
    for reach in REACHES:
        began = time.perf_counter()
        networks = [(place, _between(place, part, reach)) for place, part in trained.networks]
        own = answered(ground, sight, networks, trained.work, trained.seconds)
        found.append(
            (replace(course, reach=reach), replace(own, seconds=own.seconds + time.perf_counter() - began))
        )
    return found


def _between(place: Place, part: Part, reach: float) -> Part:
    return replace(part, row=place.part.row.to(part.row).lerp(part.row, reach))
