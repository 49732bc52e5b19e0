"""A retraining of a registered model: its challenger takes the champion's place in one step, or not at all."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import retemper
from retemper.api.registry import registry
from retemper.core.errors import InputError
from retemper.core.progress import SilentReporter
from retemper.core.records import Step
from retemper.retraining.registry.folder import FolderRegistry
from retemper.retraining.registry.interface import Registry


@pytest.fixture
def known(made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry in which a champion is in force as churn@1."""
    monkeypatch.setenv("RETEMPER_REGISTRY", str(tmp_path / "registry"))
    found = registry()
    found.add("churn", made.champion("classes", 2).save(tmp_path / "champion"))
    return found


def retrained(made: ModuleType, place: Path, **settings: Any) -> retemper.Retrained:
    new, old = made.table("classes", 160, 2, turned=True), made.table("classes", 160, 5)
    given = {"strategy": "fine_tune", "set": {"workers": 1}, **settings}
    return retemper.retrain("churn", new, old=old, out=place / "run", **given)


class Faster(SilentReporter):
    """Somebody puts another version into force while the challenger is judged."""

    def __init__(self, known: Registry, bundle: Path) -> None:
        self.known, self.bundle = known, bundle

    def step_finished(self, step: Step) -> None:
        if step.name == "gate":
            number = self.known.add("churn", self.bundle, parent=1).number
            self.known.promote("churn", number, over=1, reason="by hand")


def test_who_comes_second_keeps_the_challenger_and_changes_nothing(
    made: ModuleType, known: Registry, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        retrained(made, tmp_path, reporter=Faster(known, tmp_path / "champion"))
    assert caught.value.code == "champion_changed" and "kept as version 3" in caught.value.message
    life = known.life("churn")
    assert life.in_force == 2 and [own.number for own in life.versions] == [1, 2, 3]
    assert not (tmp_path / "run").exists()
    again = retrained(made, tmp_path)
    assert again.promoted and again.decision["champion"] == "churn@2" and known.life("churn").in_force == 4


@pytest.mark.parametrize("refused", ["add", "promote"])
def test_a_run_that_the_registry_could_not_take_stays_and_says_what_is_left_to_do(
    made: ModuleType, known: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def full(*given: Any, **settings: Any) -> Any:
        raise InputError("disk_full", "No space is left.", {"registry": known.place}, "Free space.")

    monkeypatch.setattr(FolderRegistry, refused, full)
    with pytest.raises(InputError) as caught:
        retrained(made, tmp_path)
    left = "registry promote churn@2" if refused == "promote" else f"registry add churn {tmp_path / 'run'}"
    assert caught.value.code == "disk_full" and left in caught.value.hint
    assert json.loads((tmp_path / "run" / "decision.json").read_text())["promoted"]
    assert retemper.load(tmp_path / "run").classes and known.life("churn").in_force == 1
