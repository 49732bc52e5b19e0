"""What a bundle remembers: saved, loaded, copied, and forgotten when it is to be."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retemper.bundle.load import load
from retemper.bundle.memory.kept import Kept, tenths_of
from retemper.bundle.memory.record import Memory, Work
from retemper.bundle.memory.trained import Trained
from retemper.core.errors import InputError
from retemper.core.harm_records import Standing
from retemper.retraining.registry.contents import copied, files_of, loadable


def remembering(model: Any, frame: Any, keep: int) -> Any:
    unseen = np.arange(frame.height) < 60
    edges = tenths_of(frame["y"].to_numpy()) if model.task == "regression" else ()
    kept = Kept(3, edges).updated(frame, unseen, 0, keep, model.schema) if keep else None
    trained = Trained.drawn(3).with_rows(frame.filter(~unseen), model.schema)
    standing = {"accuracy": Standing(0.8, 0.7, None, 60)}
    return replace(model, memory=Memory(trained, standing, Work(140, 3, 30, 1e6), kept))


@pytest.mark.parametrize("target", ["words", "integers", "booleans", "numbers"])
def test_a_memory_comes_back(table: Any, model_for: Any, tmp_path: Path, target: str) -> None:
    frame = table(target=target)
    model = remembering(model_for(frame), frame, 50)
    again = load(model.save(tmp_path)).memory
    assert again is not None and again.kept is not None
    assert again.standing == model.memory.standing and again.work == model.memory.work
    assert np.array_equal(
        again.trained.seen(frame, model.schema), model.memory.trained.seen(frame, model.schema)
    )
    assert again.trained.seen(frame, model.schema)[60:].all()
    assert again.kept.to_json() == model.memory.kept.to_json()
    assert again.kept.frame.equals(model.memory.kept.frame)
    more = [
        one.updated(frame, np.arange(200) < 9, 1, 50, model.schema) for one in (again.kept, model.memory.kept)
    ]
    assert more[0].to_json() == more[1].to_json() and set(more[0].batch.tolist()) == {0, 1}


def test_rows_that_are_no_longer_kept_are_deleted(table: Any, model_for: Any, tmp_path: Path) -> None:
    frame = table()
    model = model_for(frame)
    remembering(model, frame, 50).save(tmp_path)
    assert {"rows.json", "trained.safetensors"} < {path.name for path in tmp_path.iterdir()}
    remembering(model, frame, 0).save(tmp_path)
    assert not (tmp_path / "rows.json").exists() and load(tmp_path).memory.kept is None  # type: ignore[union-attr]
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.json", "weights.safetensors"]


def test_a_registry_copies_what_is_remembered(table: Any, model_for: Any, tmp_path: Path) -> None:
    frame = table()
    remembering(model_for(frame), frame, 20).save(tmp_path / "one")
    copied(files_of(loadable(tmp_path / "one")), tmp_path / "two")
    kept = load(tmp_path / "two" / "model").memory.kept  # type: ignore[union-attr]
    assert kept is not None and kept.frame.height == 20


@pytest.mark.parametrize("file", ["rows.json", "trained.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_damaged_memory_is_told(
    table: Any, model_for: Any, tmp_path: Path, file: str, content: bytes | None
) -> None:
    frame = table()
    remembering(model_for(frame), frame, 20).save(tmp_path)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert caught.value.code == "damaged_bundle"


def test_no_raw_cell_is_in_a_bundle_that_keeps_no_rows(table: Any, model_for: Any, tmp_path: Path) -> None:
    frame = table()
    remembering(model_for(frame), frame, 0).save(tmp_path)
    memory = json.loads((tmp_path / "bundle.json").read_text())["memory"]
    assert set(memory) == {"trained", "standing", "work", "sketches", "matrix"} and memory["sketches"] is None
    assert set(memory["trained"]) == {"salt", "rows", "false_yes", "layers", "alone"}
