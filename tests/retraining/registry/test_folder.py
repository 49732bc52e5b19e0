"""A registry in a folder: what is added, promoted, rolled back and fetched, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retemper.bundle.load import load
from retemper.bundle.model import Model
from retemper.core.errors import InputError
from retemper.core.run_folder import write_whole
from retemper.retraining.registry.folder import FolderRegistry
from retemper.retraining.registry.reference import Reference, parse

from .conftest import DECISION, RESULT

X = np.array([[-0.9], [0.9]])
CodeOf = Callable[..., str]


def predicted(registry: FolderRegistry, reference: str) -> list[str]:
    return list(load(registry.fetch(parse(reference))).predict(X))


def test_the_first_version_comes_into_force_and_later_ones_wait(
    registry: FolderRegistry, bundles: list[Path], models: list[Model]
) -> None:
    assert [registry.add("churn", bundle).number for bundle in bundles] == [1, 2]
    assert registry.names() == ["churn"] and registry.life("churn").in_force == 1
    assert predicted(registry, "churn") == list(models[0].predict(X)) == ["no", "yes"]
    assert predicted(registry, "churn@2") == list(models[1].predict(X)) == ["yes", "no"]
    registry.promote("churn", 2, reason="better")
    assert predicted(registry, "churn") == ["yes", "no"]
    change = registry.life("churn").changes[-1]
    assert (change.action, change.version, change.before, change.reason) == ("promote", 2, 1, "better")


def test_a_rollback_of_a_rollback_is_where_it_began(registry: FolderRegistry, bundles: list[Path]) -> None:
    for _ in range(3):
        registry.add("churn", bundles[0])
    registry.promote("churn", 3)
    registry.promote("churn", 2)
    assert [registry.rollback("churn").version for _ in range(3)] == [3, 2, 3]
    life = registry.life("churn")
    actions = [(change.action, change.version) for change in life.changes]
    assert actions == [("add", 1), ("promote", 3), ("promote", 2)] + [("rollback", k) for k in (3, 2, 3)]


def test_promoting_what_is_in_force_changes_nothing(registry: FolderRegistry, bundles: list[Path]) -> None:
    registry.add("churn", bundles[0])
    before = (Path(registry.place) / "churn" / "in_force.json").read_bytes()
    assert registry.promote("churn", 1).action == "add"
    assert (Path(registry.place) / "churn" / "in_force.json").read_bytes() == before


def test_a_decision_counts_against_the_champion_it_was_made_against(
    registry: FolderRegistry, bundles: list[Path], code_of: CodeOf
) -> None:
    for _ in range(3):
        registry.add("churn", bundles[0])
    registry.promote("churn", 2, over=1)
    assert code_of(registry.promote, "churn", 3, over=1) == "champion_changed"
    assert registry.promote("churn", 2, over=1).version == 2  # asked once more after a kill


def test_lineage_is_what_the_run_knows(registry: FolderRegistry, bundles: list[Path], run: Path) -> None:
    registry.add("churn", bundles[0])
    lineage = registry.add("churn", run, decision=DECISION, note="June").lineage
    assert lineage == registry.life("churn").versions[1].lineage
    assert (lineage.parent, lineage.note, lineage.run) == (1, "June", str(run))
    assert lineage.metrics == RESULT["metrics"]["test"]
    data = lineage.data
    assert (data.source, data.sha256, data.rows) == ("/data/churn.csv", "ab" * 32, RESULT["rows"])
    facts = json.loads((run / "model" / "bundle.json").read_text())
    assert data.columns == (facts["columns"]["columns"][0]["name"], facts["target"]["name"])
    assert lineage.decision == {
        "strategy": "warm_start",
        "verdict": "promote",
        "reason": "better on new rows",
        "promoted": True,
    }
    folder = registry.fetch(Reference("churn", 2))
    assert sorted(path.name for path in folder.iterdir()) == [
        "decision.json",
        "model",
        "recipe.yaml",
        "result.json",
        "version.json",
    ]
    assert json.loads((folder / "decision.json").read_text()) == DECISION
    assert registry.add("churn", run / "model").lineage.metrics == lineage.metrics


def test_a_folder_of_other_things_is_not_copied(
    registry: FolderRegistry, bundles: list[Path], tmp_path: Path
) -> None:
    shutil.copytree(bundles[0], tmp_path / "home")
    (tmp_path / "home" / "diary.txt").write_text("private")
    registry.add("churn", tmp_path / "home")
    files = {path.name for path in Path(registry.place).rglob("*") if path.is_file()}
    assert files == {".lock", "in_force.json", "version.json", "bundle.json", "weights.safetensors"}


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors", "result.json", "version.json"])
@pytest.mark.parametrize("harm", ["flipped", "gone"])
def test_a_damaged_version_is_neither_loaded_nor_promoted(
    registry: FolderRegistry, run: Path, code_of: CodeOf, name: str, harm: str
) -> None:
    registry.add("churn", run)
    registry.add("churn", run)
    (file,) = (Path(registry.place) / "churn" / "versions" / "2").rglob(name)
    content = file.read_bytes()
    file.unlink()
    if harm == "flipped":
        file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    assert code_of(registry.fetch, parse("churn@2")) == "damaged_version"
    assert code_of(registry.promote, "churn", 2) == "damaged_version"
    life = registry.life("churn")
    assert (
        life.in_force == 1 and life.numbers == (1, 2) and (life.damaged == (2,)) == (name == "version.json")
    )
    assert registry.fetch(parse("churn")).name == "1" and registry.add("churn", run).number == 3


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"schema": 1, "in_force": 1}'])
def test_what_is_in_force_is_told_or_refused(
    registry: FolderRegistry, bundles: list[Path], code_of: CodeOf, content: bytes
) -> None:
    registry.add("churn", bundles[0])
    file = Path(registry.place) / "churn" / "in_force.json"
    file.write_bytes(content)
    assert code_of(registry.fetch, parse("churn")) == "damaged_registry"
    assert code_of(registry.promote, "churn", 1) == "damaged_registry"
    assert code_of(registry.add, "churn", bundles[0]) == "damaged_registry"
    assert registry.fetch(parse("churn@1")).name == "1"
    file.unlink()  # as the advice says
    assert code_of(registry.fetch, parse("churn")) == "nothing_in_force"
    assert registry.add("churn", bundles[0]).number == 2 and registry.life("churn").in_force is None
    assert registry.promote("churn", 1).version == 1 and registry.fetch(parse("churn")).name == "1"


def test_a_number_is_never_given_twice(registry: FolderRegistry, bundles: list[Path]) -> None:
    for _ in range(2):
        registry.add("churn", bundles[0])
    registry.promote("churn", 2)
    registry.promote("churn", 1)
    shutil.rmtree(Path(registry.place) / "churn" / "versions" / "2")  # by hand
    assert registry.add("churn", bundles[0]).number == 3


def test_what_is_not_there_is_named(registry: FolderRegistry, bundles: list[Path], code_of: CodeOf) -> None:
    assert code_of(registry.life, "churn") == "unknown_model"
    assert code_of(registry.promote, "churn", 1) == "unknown_model"
    assert code_of(registry.rollback, "churn") == "unknown_model"
    assert not Path(registry.place).exists()  # to ask makes no folders
    registry.add("churn", bundles[0])
    with pytest.raises(InputError, match="did you mean churn"):
        registry.fetch(parse("chrun"))
    assert code_of(registry.fetch, parse("churn@2")) == "unknown_version"
    assert code_of(registry.promote, "churn", 2) == "unknown_version"
    assert code_of(registry.rollback, "churn") == "nothing_before"
    assert code_of(registry.add, "churn", bundles[0], parent=7) == "unknown_version"
    assert code_of(registry.add, "Churn", bundles[0]) == "bad_name"
    assert code_of(registry.add, "other", bundles[0] / "nowhere") == "no_model"
    assert registry.names() == ["churn"]


def test_a_model_that_does_not_load_is_not_added(
    registry: FolderRegistry, bundles: list[Path], tmp_path: Path, code_of: CodeOf
) -> None:
    shutil.copytree(bundles[0], tmp_path / "bundle")
    write_whole(tmp_path / "bundle" / "weights.safetensors", b"x")
    assert code_of(registry.add, "churn", tmp_path / "bundle") == "damaged_bundle"
    assert not Path(registry.place).exists()


@pytest.mark.parametrize("file", ["result.json", "checkpoints/run.json", "decision.json"])
@pytest.mark.parametrize("content", ["[]", "{", '{"metrics": 3, "data": 3, "rows": 1}', '"x"'])
def test_a_run_that_tells_nonsense(
    registry: FolderRegistry, run: Path, code_of: CodeOf, file: str, content: str
) -> None:
    (run / file).write_text(content)
    if file == "result.json" and content == '"x"':
        (run / file).write_text('{"rows": {"train": "many"}, "metrics": {}}')
    assert code_of(registry.add, "churn", run) == "damaged_run"
    assert registry.names() == []


@given(st.text(max_size=80) | st.from_regex(r"[\w.@/ -]{1,70}"))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = parse(text)
    except InputError as error:
        assert error.code in ("bad_name", "bad_version") and len(error.message) >= 10
        return
    assert str(reference) == text and text.isascii()
    assert Path(reference.name).name == reference.name and not reference.name.startswith(".")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "../x",
            "@1",
            "a@",
            "a@0",
            "a@01",
            "a@-1",
            "a@1@2",
            "a@٣",
            "é",
            "a b",
        ),
        *("a\n", "nul", "CON.txt", "a.", "-a", ".a", "x" * 65, "a\x00", "a@1\n", "a@" + "9" * 30),
    ],
)
def test_what_no_name_can_be(
    text: str, registry: FolderRegistry, bundles: list[Path], code_of: CodeOf
) -> None:
    assert code_of(parse, text) in ("bad_name", "bad_version")
    assert "@" in text or code_of(registry.add, text, bundles[0]) == "bad_name"


STEPS = st.lists(st.tuples(st.sampled_from(["add", "promote", "rollback"]), st.integers(1, 4)), max_size=8)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_any_sequence_is_what_a_list_would_say(
    bundles: list[Path], tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    registry = FolderRegistry(str(tmp_path_factory.mktemp("any")))
    count, in_force = 0, list[int]()
    for action, version in [("add", 1), *steps]:
        call: Any = {
            "add": lambda: registry.add("m", bundles[0]),
            "promote": lambda version=version: registry.promote("m", version),
            "rollback": lambda: registry.rollback("m"),
        }[action]
        try:
            call()
        except InputError as error:
            assert error.code == ("nothing_before" if action == "rollback" else "unknown_version")
            assert len(in_force) < 2 if action == "rollback" else version > count
            continue
        count += action == "add"
        if action == "rollback":
            in_force.append(in_force[-2])
        elif action == "promote" and in_force[-1] != version:
            in_force.append(version)
        elif count == 1 and not in_force:
            in_force.append(1)
    life = registry.life("m")
    assert [change.version for change in life.changes] == in_force and len(life.versions) == count
