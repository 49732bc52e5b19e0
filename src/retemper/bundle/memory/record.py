"""What a model remembers of its training: the record that a bundle carries beside the networks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from retemper.bundle.memory.kept import Kept
from retemper.bundle.memory.sketches import Sketches
from retemper.bundle.memory.trained import Trained
from retemper.core.harm_records import Standing
from retemper.core.records import to_json

TRAINED, ROWS = "trained.safetensors", "rows.json"
"""Files of the filter's bits and of the kept rows, beside bundle.json."""


@dataclass(frozen=True)
class Work:
    """What the training of the model's networks took: what training them from scratch would.

    Args:
        rows: that they were trained on, validation rows among them.
        networks: how many.
        epochs: passes over the rows, of all networks together.
        multiply_adds: of all products, forwards and backwards.
    """

    rows: int
    networks: int
    epochs: int
    multiply_adds: float


@dataclass(frozen=True, eq=False)
class Memory:
    """What later retraining needs. Raw rows are in it only when the user said so (``keep.rows``).

    Args:
        trained: a filter of the rows that the model was trained on.
        standing: by metric, how the model stood on rows that it had not seen.
        work: what its training took.
        kept: raw rows; None: none are kept.
        sketches: counts of rows that it had not seen; None: the user wanted none.
        matrix: what the models in force were worth after each batch (rows) on unseen rows of each (columns): the
            accuracy, or the RMSE.
    """

    trained: Trained
    standing: Mapping[str, Standing] = field(default_factory=dict)
    work: Work | None = None
    kept: Kept | None = None
    sketches: Sketches | None = None
    matrix: tuple[tuple[float | None, ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What is in bundle.json; the rest is in :meth:`files`."""
        return {
            "trained": self.trained.to_json(),
            "standing": {name: own.to_json() for name, own in self.standing.items()},
            "work": to_json(self.work),
            "matrix": to_json(self.matrix),
            "sketches": None if self.sketches is None else self.sketches.to_json(),
        }

    def files(self) -> dict[str, tuple[str, bytes]]:
        """Key in bundle.json → name and content of a file beside it."""
        bits = {name: torch.from_numpy(own.copy()) for name, own in self.trained.bits().items()}
        found = {"trained": (TRAINED, save_tensors(bits))}
        return found if self.kept is None else {**found, "rows": (ROWS, self.kept.as_bytes())}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], files: Mapping[str, bytes]) -> Memory:
        """The memory that :meth:`to_json` and :meth:`files` wrote.

        Args:
            data: as in bundle.json.
            files: key → content.

        Raises:
            KeyError, TypeError, ValueError, SafetensorError: it is something else.
        """
        bits = {name: own.numpy() for name, own in load_tensors(files["trained"]).items()}
        return cls(
            Trained.from_json(data["trained"], bits),
            {name: Standing.from_json(own) for name, own in data["standing"].items()},
            None if data["work"] is None else Work(**data["work"]),
            Kept.from_json(json.loads(files["rows"])) if "rows" in files else None,
            None if data["sketches"] is None else Sketches.from_json(data["sketches"]),
            tuple(tuple(row) for row in data["matrix"]),
        )
