"""The loop itself: its steps in order, why nothing is trained, and which batch is which after many of them."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from retemper.api.retrain_inputs import before_of
from retemper.bundle.model import Model
from retemper.core.budget import Budget, now
from retemper.core.errors import InputError
from retemper.core.progress import SilentReporter
from retemper.core.records import Step
from retemper.core.run_folder import RunFolder
from retemper.retraining import sequence
from retemper.retraining.options import RetrainOptions
from retemper.retraining.outcome import Outcome

from .made import champion, table

ALL = ["drift", "harm", "race", "challenger", "gate"]


@dataclass
class Told(SilentReporter):
    """Keeps what it is told."""

    begun: list[tuple[str, int, int]] = field(default_factory=list)
    done: list[Step] = field(default_factory=list)

    def step_started(self, name: str, number: int, count: int) -> None:
        self.begun.append((name, number, count))

    def step_finished(self, step: Step) -> None:
        self.done.append(step)


@dataclass
class World:
    """A place for runs, and who was told."""

    place: Path
    told: Told = field(default_factory=Told)

    def run(self, model: Model, new: pl.DataFrame, drifted: bool = False, **more: Any) -> Outcome:
        """One retraining of the sequence alone."""
        old = more.pop("old", None)
        before = before_of(model, new, old, RetrainOptions(**{"workers": 1, "budget": 0.05, **more}))
        self.told = Told()
        with RunFolder.create(self.place / str(now()), "run") as folder:
            tools = sequence.Tools(folder, Budget(None, now()), self.told, 1)
            outcome = sequence.run(before, tools, drifted)
            log = [json.loads(line) for line in (folder.path / "log.jsonl").read_text().splitlines()]
            steps = [(own["name"], own["message"]) for own in log if own["event"] == "step"]
            assert steps == [(own.name, own.message) for own in self.told.done]
        return outcome


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_steps_are_told_in_their_order(world: World) -> None:
    new, old = table("classes", 120, 2, turned=True), table("classes", 160, 5)
    outcome = world.run(champion("classes"), new, old=old, strategy="warm_start")
    assert [own[0] for own in world.told.begun] == ALL == [own.name for own in world.told.done]
    assert [own[1:] for own in world.told.begun] == [(k, 5) for k in range(1, 6)]
    assert outcome.challenger is not None and outcome.strategy == "warm_start"
    assert outcome.tried[-1].note == sequence.CHALLENGER
    spent = outcome.facts["compute"]
    assert sum(own.cost for own in outcome.tried) == pytest.approx(spent["spent"] / spent["from_scratch"])
    assert spent["spent"] <= 1.1 * 0.05 * spent["from_scratch"]


REASONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "no target": (lambda rows: rows.drop("y"), {}),
    "too few to train": (lambda rows: rows[:19], {}),
    "asked for only then": (lambda rows: rows, {"drifted": True, "alpha": 1e-9}),
    "to do nothing": (lambda rows: rows, {"strategy": "nothing"}),
}


@pytest.mark.parametrize("why", REASONS)
def test_why_nothing_is_trained(world: World, why: str) -> None:
    change, options = REASONS[why]
    model, rows = champion("classes"), change(table("classes", 120, 7))
    outcome = world.run(model, rows, old=table("classes", 160, 5), keep_old=40, **options)
    assert [own.name for own in world.told.done] == ["drift", "harm"]
    assert re.search(why, outcome.gate.reason)
    assert outcome.challenger is None and not outcome.tried and outcome.strategy == "nothing"
    assert outcome.model.parts is model.parts and not outcome.promoted
    memory = outcome.model.memory
    assert memory is not None
    # Rows with a label are kept though nothing was trained, and are a batch of their own.
    labelled = "y" in rows.columns
    assert len(memory.matrix) == (2 if labelled else 1)
    assert memory.kept is not None and (1 in memory.kept.batch) == labelled


def test_batches_keep_their_places_whatever_became_of_them(world: World) -> None:
    old, turned = table("classes", 160, 5), table("classes", 120, 2, turned=True)
    model = world.run(champion("classes"), turned, old=old, keep_old=120, strategy="warm_start").model
    # Nothing to do; old rows given by hand; rows without labels; a batch that is learnt.
    model = world.run(model, table("classes", 60, 11, turned=True), drifted=True, alpha=1e-9).model
    model = world.run(model, table("classes", 60, 12, turned=True), old=old, strategy="new_head").model
    model = world.run(model, table("classes", 60, 13, turned=True).drop("y")).model
    outcome = world.run(model, table("classes", 90, 14, turned=True), strategy="new_head")
    memory = outcome.model.memory
    assert memory is not None and memory.kept is not None
    assert [len(row) for row in memory.matrix] == [1, 2, 3, 4, 5]
    told = outcome.facts["forgetting"]
    assert tuple(map(tuple, told["matrix"])) == memory.matrix
    assert told["batches"] == ["training", *(f"batch {k}" for k in range(1, 5))]
    assert set(memory.kept.batch.tolist()) <= set(range(5)) and 4 in memory.kept.batch
    assert memory.matrix[4][4] is not None and memory.matrix[2][2] is None


def test_a_challenger_that_did_not_stay_finite_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence.race, "short_runs", lambda *given: [])
    monkeypatch.setattr(sequence.race, "full_runs", lambda *given: [])
    outcome = world.run(champion("classes"), table("classes", 120, 2), old=table("classes", 160, 5))
    assert "finite" in outcome.gate.reason and outcome.challenger is None and not outcome.promoted
    assert world.told.done[-1].verdict == "fail"


def test_a_strategy_that_can_not_be_done_is_told_before_anything_is_trained(world: World) -> None:
    with pytest.raises(InputError) as caught:
        world.run(champion("classes"), table("classes", 120, 2), strategy="gdumb")
    assert caught.value.code == "strategy_not_applicable" and "--keep-old" in caught.value.message
    assert [own.name for own in world.told.done] == ["drift", "harm"]
