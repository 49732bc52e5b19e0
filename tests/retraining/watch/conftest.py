"""A watched folder whose retrainings are made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from retemper.bundle.place import place_of
from retemper.retraining.registry import folder as registry_folder
from retemper.retraining.watch import arrivals

from .killed import World


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for writers, and bundles that PyTorch need not load."""
    monkeypatch.setattr(arrivals, "PAUSE_S", 0.0)
    monkeypatch.setattr(registry_folder, "loadable", place_of)


@pytest.fixture(params=[True, False], ids=["registered", "plain"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """With the files b9 (promote), b10 (keep), b11 (damaged) and b12 (promote)."""
    return World(tmp_path / "world", request.param)
