"""``train --register NAME``: told early when it can't be, done at the end, and by whoever resumes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retemper.api.register import Registration, register
from retemper.cli.main import run as command
from retemper.core.errors import InputError
from retemper.core.run_folder import RunFolder
from retemper.retraining.registry.folder import FolderRegistry

from .conftest import small_table


@pytest.fixture(scope="module")
def registered(tmp_path_factory, tiny):
    """A folder with ``run``, whose model was registered in ``registry``."""
    place = tmp_path_factory.mktemp("registered")
    small_table().write_csv(place / "table.csv")
    words = [
        "train",
        place / "table.csv",
        "--target",
        "label",
        "--out",
        place / "run",
        "--preset",
        "quick",
        *tiny,
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("RETEMPER_REGISTRY", raising=False)
        assert command([str(word) for word in [*words, "--register", "small-table"]]) == 0
    return place


def listed(retemper, place):
    (model,) = retemper("registry", "list", "--registry", place / "registry", "--json").document("registry")[
        "models"
    ]
    return model


def test_the_model_is_there_with_its_lineage(retemper, registered):
    model = listed(retemper, registered)
    result = json.loads((registered / "run" / "result.json").read_text())
    version = model["versions"][0]
    assert (model["name"], model["in_force"]) == ("small-table", 1)
    assert version["metrics"] == result["metrics"]["test"] and version["data"]["rows"] == result["rows"]
    assert version["data"]["source"] == str(registered / "table.csv") and version["run"] == str(
        registered / "run"
    )
    assert (
        version["data"]["columns"] == ["size", "age", "colour", "label"]
        and len(version["data"]["sha256"]) == 64
    )
    answer = retemper("registry", "add", "again", registered / "run", "--registry", registered / "other")
    assert answer.out == "Added: again@1 (in force)\n"
    events = [json.loads(line) for line in (registered / "run" / "log.jsonl").read_text().splitlines()]
    assert events[-1]["model"] == "small-table@1" and events[-1]["event"] == "registered"


def test_a_resumed_run_registers_too(retemper, registered, tmp_path, monkeypatch):
    for name in ("result.json", "report.html"):
        (registered / "run" / name).unlink()  # as if it had been killed near its end
    monkeypatch.chdir(tmp_path)
    answer = retemper("train", "--resume", registered / "run")
    assert answer.code == 0 and answer.out.endswith("Registered: small-table@2\n")
    model = listed(retemper, registered)
    first, second = model["versions"]
    assert (
        model["in_force"] == 1
        and first["files"]["model/weights.safetensors"] == second["files"]["model/weights.safetensors"]
    )
    assert not (tmp_path / "registry").exists()


@pytest.mark.parametrize(
    ("name", "code"), [("a/b", "bad_name"), ("churn@2", "bad_name"), ("churn", "cannot_write")]
)
def test_what_can_not_be_is_told_before_training(retemper, table, tmp_path, monkeypatch, name, code):
    monkeypatch.chdir(tmp_path)
    if code == "cannot_write":
        monkeypatch.setenv("RETEMPER_REGISTRY", str(table / "below"))  # below a file
    answer = retemper("train", table, "--target", "label", "--out", "run", "--register", name, "--json")
    assert answer.code == 2 and answer.document("error")["error"]["code"] == code
    assert not Path("run").exists()


def test_a_registry_that_fails_at_the_end_costs_no_run(tmp_path, monkeypatch):
    def full(*_):
        raise InputError("disk_full", "The disk is full.", None, "Free space.")

    monkeypatch.setattr(FolderRegistry, "add", full)
    with RunFolder.create(tmp_path / "run", "demo") as run, pytest.raises(InputError) as caught:
        register(run, Registration("churn", str(tmp_path / "registry")))
    assert caught.value.code == "disk_full"
    assert caught.value.hint.endswith(f"retemper registry add churn {tmp_path / 'run'}")
