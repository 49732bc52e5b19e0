"""What a version tells of where it came from, whichever way it came."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from retemper.bundle.memory.record import Memory
from retemper.bundle.memory.trained import Trained
from retemper.bundle.model import Model
from retemper.core.harm_records import Standing
from retemper.retraining.registry.folder import FolderRegistry
from retemper.retraining.registry.lineage import fingerprint
from retemper.retraining.registry.reference import Reference

from .conftest import DECISION, RESULT

COUNTS = {"new": 90, "labelled": 80, "never_trained_on": 20, "old_to_learn": 40, "old_to_judge": 10}
STOOD = {"log_loss": Standing(0.4, 0.3, 0.5, 80), "ece": Standing(0.1, None, None, 80)}


@pytest.fixture
def retrained(models: list[Model], tmp_path: Path) -> Callable[..., Path]:
    """The folder of a retraining, as far as a registry looks at it."""

    def make(**facts: object) -> Path:
        folder = tmp_path / "retrained"
        memory = Memory(Trained.drawn(0), STOOD)
        replace(models[0], memory=memory).save(folder / "model")
        (folder / "decision.json").write_text(json.dumps(DECISION | {"rows": COUNTS} | facts))
        return folder

    return make


def test_a_retraining_tells_its_new_rows_and_how_its_model_stands(
    registry: FolderRegistry, retrained: Callable[..., Path]
) -> None:
    new = {"path": "/data/june.csv", "sha256": "cd" * 32}
    lineage = registry.add("churn", retrained(data={"new": new, "old": None})).lineage
    assert (lineage.data.source, lineage.data.sha256) == (new["path"], new["sha256"])
    assert lineage.data.rows == {"train": 100, "test": 30} and sum(lineage.data.rows.values()) == 80 + 50
    assert lineage.metrics == {
        "log_loss": {"value": 0.4, "low": 0.3, "high": 0.5},
        "ece": {"value": 0.1, "low": None, "high": None},
    }


def test_rows_in_memory_have_no_source(registry: FolderRegistry, retrained: Callable[..., Path]) -> None:
    data = registry.add("churn", retrained(data={"new": None, "old": None})).lineage.data
    assert (data.source, data.sha256, data.rows["train"]) == (None, None, 100)


def test_a_batch_of_a_stream_tells_its_file(registry: FolderRegistry, retrained: Callable[..., Path]) -> None:
    run = retrained(batch="b1.csv", stream={"id": "a", "sha256": "ef" * 32})
    data = registry.add("churn", run).lineage.data
    assert (data.source, data.sha256) == ("b1.csv", "ef" * 32)


def test_a_version_under_another_name_keeps_its_data(
    registry: FolderRegistry, run: Path, retrained: Callable[..., Path]
) -> None:
    registry.add("churn", run)
    registry.add("churn", retrained(data={"new": {"path": "/data/june.csv", "sha256": "cd" * 32}}))
    for number in (1, 2):
        copy = registry.add(f"copy{number}", registry.fetch(Reference("churn", number)))
        original = registry.life("churn").versions[number - 1]
        assert copy.lineage.data == original.lineage.data and copy.lineage.data.sha256
        assert copy.lineage.metrics == original.lineage.metrics
    assert registry.life("copy1").versions[0].lineage.data.rows == RESULT["rows"]


def test_a_decision_of_another_shape_is_refused(
    registry: FolderRegistry, retrained: Callable[..., Path], code_of: Callable[..., str]
) -> None:
    assert code_of(registry.add, "churn", retrained(rows={"new": 3})) == "damaged_run"
    assert registry.names() == []


def test_content_and_names_make_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "parts" / "deep").mkdir(parents=True)
    for name in ("a.csv", "deep/b.csv"):
        (tmp_path / "parts" / name).write_text(name)
    whole, file = fingerprint(tmp_path / "parts"), fingerprint(tmp_path / "parts" / "a.csv")
    assert len({whole, file}) == 2 and all(len(own) == 64 for own in (whole, file))
    (tmp_path / "parts" / "a.csv").rename(tmp_path / "parts" / "c.csv")
    assert fingerprint(tmp_path / "parts") != whole and fingerprint(tmp_path / "parts" / "c.csv") == file
