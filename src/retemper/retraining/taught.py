"""What of the champion goes into a course's networks: where they begin, what stays, what it says, what is held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retemper.bundle.parts import Part
from retemper.core.seeds import generator
from retemper.retraining.course import Course
from retemper.retraining.folds import NEVER
from retemper.retraining.ground import Ground
from retemper.retraining.sight import Sight
from retemper.retraining.teacher import lesson_of
from retemper.training.anchor import Anchor
from retemper.training.fisher import fisher
from retemper.training.initialisers import Initialiser
from retemper.training.plan import Plan
from retemper.training.planning import plain_loss
from retemper.training.stack import Stack

HEAD = ("head_weight", "head_bias")
ANCHOR_ROWS = 512
"""Old rows that tell what mattered: its expectation over targets is exact, so some hundred are enough."""


def taught(plan: Plan, ground: Ground, sight: Sight, course: Course, parts: Sequence[Part]) -> Plan:
    """The plan with its start, and with what keeps the networks near the champion.

    Args:
        plan: of networks that begin anew.
        ground, sight: the rows.
        course: how.
        parts: the champion's part that each member begins at.
    """
    if course.start == "fresh":
        return plan
    changes: dict[str, Any] = {"start": _start(plan, course, parts)}
    if course.moves == "head":
        changes["still"] = tuple(p.name for p in plan.network.parameters if p.role not in HEAD)
    if course.teaching is not None:
        changes["lesson"] = lesson_of(ground, sight, course)
    if course.anchor:
        changes["anchor"] = _anchor(plan, ground, course, parts)
    return replace(plan, **changes)


def _anchor(plan: Plan, ground: Ground, course: Course, parts: Sequence[Part]) -> Anchor:
    """The start holds the weights, by the Fisher information of old rows."""
    center = torch.stack([part.row for part in parts])
    old = np.flatnonzero(~ground.is_new & (ground.fold != NEVER))
    some = np.sort(generator(plan.seed, "rows of the anchor").permutation(old)[:ANCHOR_ROWS])
    subsets = [some] * len(plan.members)
    found = fisher(plan.network, center, plan.train, plain_loss(plan.loss), subsets, plan.seed)
    return Anchor(center, course.anchor * found)


def _start(plan: Plan, course: Course, parts: Sequence[Part]) -> Tensor:
    """[M, P] the champion's weights, shrunk and stirred where the course says so."""
    rows = torch.stack([part.row for part in parts])
    if course.keep == 1 and not course.noise:
        return rows
    drawn = Stack(plan.network, plan.members)
    initialiser = plan.options.initialiser.options
    assert isinstance(initialiser, Initialiser)
    drawn.initialise(initialiser, plan.seed, plan.output_bias, plan.options.head_scale)
    return course.keep * rows + course.noise * drawn.buffers["parameters"]
