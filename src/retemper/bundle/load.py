"""A model from its folder, checked before it is used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from retemper.bundle.memory.record import Memory
from retemper.bundle.migrate import STEPS, migrated
from retemper.bundle.model import Model, shape_of
from retemper.bundle.parts import Part
from retemper.bundle.place import place_of
from retemper.bundle.save import SCHEMA, checksum
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.data.prepare import Preparer
from retemper.data.schema import Schema
from retemper.data.target import Target
from retemper.evaluation.decision import Decision
from retemper.models.layers.build import network_of
from retemper.training import losses
from retemper.training.stack import Layout

__all__ = ["Model", "load"]


def load(path: Path | str) -> Model:
    """The model of a bundle folder, or of a run folder (its ``model/``).

    Raises:
        InputError: there is no bundle, or its files are damaged or of another version.

    >>> import tempfile
    >>> import numpy as np
    >>> from retemper import NetRegressor
    >>> x = np.linspace(0, 1, 60)[:, None]
    >>> model = NetRegressor(hidden_units=8, epochs=3, random_state=0).fit(x, x[:, 0]).model_
    >>> bool((load(model.save(tempfile.mkdtemp())).predict(x) == model.predict(x)).all())
    True
    """
    folder = place_of(path).bundle
    try:
        facts = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    except OSError:
        raise InputError(
            "no_model",
            "There is no model here: bundle.json can't be read.",
            {"folder": str(path)},
            "Name a RUN folder of a finished `retemper train`, or its model/ folder.",
        ) from None
    except ValueError:  # neither UTF-8 nor JSON
        raise _damaged(folder, "bundle.json") from None
    if not isinstance(facts, dict):
        raise _damaged(folder, "bundle.json")
    if facts.get("schema") not in (SCHEMA, *STEPS):
        raise InputError(
            "other_version",
            f"The bundle has format {facts.get('schema')!r}; this retemper reads formats {min(STEPS)} to {SCHEMA}.",
            {"file": str(folder / "bundle.json")},
            "Install the retemper that wrote it, or train again.",
        )
    try:
        if facts.pop("sha256", None) != checksum(facts):
            raise _damaged(folder, "bundle.json")
        return _model(folder, migrated(facts))
    except (KeyError, TypeError, ValueError, AttributeError, OSError, SafetensorError):
        raise _damaged(folder, "the bundle") from None


def _model(folder: Path, facts: dict[str, Any]) -> Model:
    content = _content(folder, facts["weights"])
    preparer, target = Preparer.from_json(facts["preparer"]), Target.from_json(facts["target"])
    recipe = Recipe.model_validate(facts["recipe"])
    shape = shape_of(preparer)
    loss = losses.resolve(recipe.training.loss, target.task, len(target.classes))
    tensors = load_tensors(content)
    parts = []
    for k, network in enumerate(facts["networks"]):
        layout = Layout(network_of(network["model"], shape, loss.n_outputs(len(target.classes))))
        own = {p.name: tensors[f"network_{k}.{p.name}"] for p in layout.parameters}
        if any(own[p.name].shape != p.shape for p in layout.parameters):
            raise _damaged(folder, "bundle.json")
        parts.append(Part(network["model"], layout.row(own, torch.float32), network["weight"]))
    if not parts:
        raise _damaged(folder, "bundle.json")
    schema, temperature = Schema.from_json(facts["columns"]), facts["temperature"]
    decision = Decision.from_json(facts["decision"])
    memory = None if facts["memory"] is None else _memory(folder, facts)
    return Model(schema, preparer, target, recipe, tuple(parts), temperature, decision, memory)


def _memory(folder: Path, facts: dict[str, Any]) -> Memory:
    named = [key for key in ("trained", "rows") if key in facts]
    return Memory.from_json(facts["memory"], {key: _content(folder, facts[key]) for key in named})


def _content(folder: Path, named: dict[str, str]) -> bytes:
    content = (folder / named["file"]).read_bytes()
    if hashlib.sha256(content).hexdigest() != named["sha256"]:
        raise _damaged(folder, named["file"])
    return content


def _damaged(folder: Path, what: str) -> InputError:
    return InputError(
        "damaged_bundle",
        f"The model is damaged: {what} is not what was written.",
        {"folder": str(folder)},
        "Restore the folder from a copy, or train again.",
    )
