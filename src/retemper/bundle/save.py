"""A model as a folder: bundle.json and weights.safetensors, nothing that runs code when loaded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from safetensors.torch import save as save_tensors

from retemper.bundle.model import Model, tensors_of
from retemper.core.records import to_json
from retemper.core.run_folder import disk_faults, write_whole
from retemper.training import losses

SCHEMA = 1


def save(model: Model, folder: Path) -> Path:
    """Write the bundle; bundle.json comes last and names the weights' checksum.

    Raises:
        InputError: the disk is full or can't be written.
    """
    loss = losses.resolve(model.recipe.training.loss, model.task, len(model.classes))
    tensors = tensors_of(model.parts, model.shape, loss.n_outputs(len(model.classes)))
    content = save_tensors(tensors)
    facts = {
        "schema": SCHEMA,
        "task": model.task,
        "columns": model.schema.to_json(),
        "preparer": model.preparer.to_json(),
        "target": model.target_codec.to_json(),
        "recipe": model.recipe.model_dump(mode="json"),
        "networks": [{"model": part.model, "weight": part.weight} for part in model.parts],
        "temperature": model.temperature,
        "decision": model.decision.to_json(),
        "weights": {"file": "weights.safetensors", "sha256": hashlib.sha256(content).hexdigest()},
    }
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "weights.safetensors", content)
        write_whole(folder / "bundle.json", json.dumps(to_json(facts), allow_nan=False).encode())
    return folder
