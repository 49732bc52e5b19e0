"""What the champion says of rows, as a teacher: its networks' raw outputs, averaged."""

from __future__ import annotations

import json

import numpy as np
import torch

from retemper.bundle.model import Model
from retemper.bundle.parts import Part
from retemper.models.layers.build import network_of
from retemper.retraining.course import Course
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.sight import Sight
from retemper.training.arrays import SplitArrays
from retemper.training.lesson import Lesson
from retemper.training.plan import outputs_in_chunks
from retemper.training.stack import Layout


def lesson_of(ground: Ground, sight: Sight, course: Course) -> Lesson:
    """The champion's word on the lessons' rows: on the old ones (``outputs``) or on the new ones (``softened``)."""
    assert course.teaching is not None
    model, new = sight.model, ground.is_new
    taught = ~new if course.teaching == "outputs" else new
    teach = np.where(taught, course.teach, 0.0)
    truth = np.where(taught, course.truth, 1.0)
    outputs = raw_outputs(model, sight.lessons)
    # Of old rows the grown champion says too that they are of no new class; of new ones it can't know.
    among_known = bool(ground.means.new_classes) and course.teaching == "softened"
    known = len(ground.champion.classes) if among_known else None
    return Lesson(outputs, teach, truth, course.teaching, course.temperature, known)


def raw_outputs(model: Model, rows: SplitArrays) -> Floats:
    """The weighted mean [N, O] of the networks' outputs before they become probabilities or units; copies averaged."""
    outputs = model.loss.n_outputs(len(model.classes))
    groups: dict[str, list[Part]] = {}
    for part in model.parts:
        groups.setdefault(json.dumps(part.model, sort_keys=True), []).append(part)
    data, total = rows.rows(), np.zeros((len(rows.y), outputs))
    for parts in groups.values():
        network = network_of(parts[0].model, model.shape, outputs)
        views = Layout(network).views(torch.stack([part.row for part in parts]))
        weight = torch.tensor([part.weight for part in parts], dtype=torch.float64)
        said = torch.cat([own.double() for own in outputs_in_chunks(network, views, data)], 1)[
            :, : data.count
        ]
        by_copy = said[..., : network.copies * outputs].reshape(
            len(parts), data.count, network.copies, outputs
        )
        total += torch.einsum("m,mbko->bo", weight, by_copy).numpy() / network.copies
    return total
