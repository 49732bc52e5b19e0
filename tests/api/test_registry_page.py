"""The page of a registered model: its decisions as the registry knows them, whatever became of a version."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from retemper.api.registry import page, registry
from retemper.core.errors import InputError
from retemper.retraining.registry.interface import Registry

TEST = {"name": "better_on_new", "metric": "log_loss", "rule": "gain", "difference": 0.1, "low": 0.05}
DECISION: dict[str, Any] = {
    "champion": "shop@1",
    "challenger": "run/model",
    "strategy": "der_plus_plus",
    "candidates": [{"strategy": "der_plus_plus", "new": {"log_loss": {"value": 0.3}}}],
    "harm": {"metric": "log_loss", "before": 0.3, "now": 0.4, "low": 0.05, "high": 0.15},
    "drift": {"detected": True, "p_value": 0.001, "alpha": 0.004, "kinds": ["covariate"]},
    "gate": {"verdict": "promote", "reason": "A gain.", "tests": [TEST | {"high": 0.2, "passed": True}]},
    "promoted": True,
}


@pytest.fixture
def known(made: ModuleType, tmp_path: Path) -> Registry:
    """Three versions: the second was promoted, the third was refused."""
    found = registry(tmp_path / "registry")
    folder = made.champion("classes").save(tmp_path / "champion")
    found.add("shop", folder)
    for _ in range(2):
        found.add("shop", folder, parent=1, decision=DECISION)
    found.promote("shop", 2, over=1)
    with pytest.raises(InputError):
        found.promote("shop", 3, over=1)
    return found


def text_of(path: Path) -> str:
    html = path.read_text()
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def test_what_was_refused_was_not_promoted(known: Registry, tmp_path: Path) -> None:
    told = text_of(page(known, "shop", tmp_path / "shop.html"))
    rows = re.findall(r"version \d drift .*? shop@\d", told)
    assert len(rows) == 2, "the newest first"
    assert "kept" in rows[0] and rows[0].endswith("shop@1")
    assert "promoted" in rows[1] and rows[1].endswith("shop@2")
    assert "DER++: promote" in told and "run/model" not in told
    assert "(alarm up to 0.004)" in told


def test_a_damaged_version_does_not_hide_the_others(known: Registry, tmp_path: Path) -> None:
    (weights,) = (Path(known.place) / "shop" / "versions" / "3").rglob("weights.safetensors")
    weights.write_bytes(b"?")
    told = text_of(page(known, "shop", tmp_path / "shop.html"))
    assert "Damaged: version 3." in told and "3 versions" in told and "shop@2" in told


def test_a_registry_that_can_not_be_read_is_told(known: Registry, tmp_path: Path) -> None:
    record = Path(known.place) / "shop" / "in_force.json"
    record.write_text(json.dumps({"schema": 1}))
    with pytest.raises(InputError) as caught:
        page(known, "shop", tmp_path / "shop.html")
    assert caught.value.code == "damaged_registry"
