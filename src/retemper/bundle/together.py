"""What many models say of the same rows: those with one preparer prepare them once and predict as one stack."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.models.layers.build import network_of
from retemper.training.plan import Rows, predict


def outputs_together(models: Sequence[Model], frame: pl.DataFrame) -> list[NDArray[np.float64]]:
    """Each model's outputs for the rows, to the bit what :meth:`Model.outputs` gives.

    Args:
        models: of one network each.
        frame: the rows; all of them are prepared at once.

    Raises:
        InputError: a column is absent, or a cell can't be read as its column's kind.
    """
    found: dict[int, NDArray[np.float64]] = {}
    rows: dict[int, Rows] = {}
    stacks: dict[tuple[int, str], list[int]] = {}
    for number, model in enumerate(models):
        key = id(model.preparer)
        if key not in rows:
            inputs = model.preparer.transform(frame)
            rows[key] = Rows.of(inputs.dense, inputs.categories, np.zeros(len(inputs.dense), dtype=np.int64))
        stacks.setdefault((key, json.dumps(model.parts[0].model, sort_keys=True)), []).append(number)
    for (key, _), own in stacks.items():
        first = models[own[0]]
        network = network_of(first.parts[0].model, first.shape, first.loss.n_outputs(len(first.classes)))
        parameters = torch.stack([models[number].parts[0].row for number in own])
        outputs = predict(network, parameters, rows[key], first.loss).double().numpy()
        found |= {number: models[number].in_units(each) for number, each in zip(own, outputs, strict=True)}
    return [found[number] for number in range(len(models))]
