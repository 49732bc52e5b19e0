"""What many models say of the same rows: those of one architecture predict as one stack."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.data.prepare import Preparer
from retemper.models.layers.build import network_of
from retemper.training.plan import Rows, predict


def rows_to_predict(preparer: Preparer, frame: pl.DataFrame) -> Rows:
    """Rows as a preparer makes them, all at once.

    Raises:
        InputError: a column is absent, or a cell can't be read as its column's kind.
    """
    inputs = preparer.transform(frame)
    return Rows.of(inputs.dense, inputs.categories, np.zeros(len(inputs.dense), dtype=np.int64))


def outputs_together(models: Sequence[Model], rows: Sequence[Rows]) -> list[NDArray[np.float64]]:
    """Each model's outputs for its rows, to the bit what :meth:`Model.outputs` gives.

    Args:
        models: of one network each.
        rows: for each model, prepared by its own preparer; those that are the very same object are predicted together.
    """
    found: dict[int, NDArray[np.float64]] = {}
    stacks: dict[tuple[int, str], list[int]] = {}
    for number, (model, own) in enumerate(zip(models, rows, strict=True)):
        stacks.setdefault((id(own), json.dumps(model.parts[0].model, sort_keys=True)), []).append(number)
    for numbers in stacks.values():
        first = models[numbers[0]]
        network = network_of(first.parts[0].model, first.shape, first.loss.n_outputs(len(first.classes)))
        parameters = torch.stack([models[number].parts[0].row for number in numbers])
        outputs = predict(network, parameters, rows[numbers[0]], first.loss).double().numpy()
        found |= {
            number: models[number].in_units(each) for number, each in zip(numbers, outputs, strict=True)
        }
    return [found[number] for number in range(len(models))]
