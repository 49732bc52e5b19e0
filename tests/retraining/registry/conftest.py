"""Bundles that are there at once, and a run around one of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retemper import InputError, NetClassifier
from retemper.bundle.model import Model
from retemper.core import device
from retemper.retraining.registry.folder import FolderRegistry

RESULT = {
    "task": "classification",
    "rows": {"train": 60, "validation": 10, "test": 10},
    "metrics": {"test": {"log_loss": {"value": 0.31, "low": 0.25, "high": 0.4}}, "validation": {}},
}
DECISION = {
    "champion": "churn@1",
    "challenger": "runs/b",
    "strategy": "warm_start",
    "gate": {"verdict": "promote", "reason": "better on new rows", "tests": []},
    "promoted": True,
}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """As everywhere in retemper."""
    device.one_thread()


@pytest.fixture(scope="session")
def models() -> list[Model]:
    """Two models of one task that predict differently."""
    x = np.linspace(-1, 1, 80)[:, None]
    sides = (x[:, 0] > 0, x[:, 0] < 0)
    network = NetClassifier(hidden_units=8, learning_rate=0.05, epochs=8, random_state=0)
    return [network.fit(x, np.where(side, "yes", "no")).model_ for side in sides]


@pytest.fixture(scope="session")
def bundles(models: list[Model], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Both models' folders; read them only."""
    return [model.save(tmp_path_factory.mktemp("bundle")) for model in models]


@pytest.fixture
def registry(tmp_path: Path) -> FolderRegistry:
    """An empty one."""
    return FolderRegistry(str(tmp_path / "registry"))


@pytest.fixture
def run(bundles: list[Path], tmp_path: Path) -> Path:
    """A folder as a run leaves it, as far as a registry looks at it."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    shutil.copytree(bundles[1], folder / "model")
    (folder / "recipe.yaml").write_text("seed: 0\n")
    (folder / "result.json").write_text(json.dumps(RESULT))
    marks = {"": {"size": 3, "mtime_ns": 1, "sha256": "ab" * 32}}
    start = {"verb": "train", "data": {"path": "/data/churn.csv", "files": marks}}
    (folder / "checkpoints" / "run.json").write_text(json.dumps(start))
    return folder


@pytest.fixture
def code_of() -> Callable[..., str]:
    """The code of the InputError that a call ends in; no other error will do."""

    def code(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
        with pytest.raises(InputError) as caught:
            call(*arguments, **named)
        assert caught.value.exit_code == 2 and len(caught.value.hint) > 10
        return caught.value.code

    return code
