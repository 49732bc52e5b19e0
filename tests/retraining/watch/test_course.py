"""Files of a watched folder: in order, once, whole ones alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retemper.core.errors import InputError
from retemper.retraining.registry.reference import Reference
from retemper.retraining.watch import arrivals, course
from retemper.retraining.watch.course import Tally, Task, Way, one_pass
from retemper.retraining.watch.stream import Stream, Watched

from .killed import FILES, NAME, World, learnt_by, treat


def names(tally: Tally) -> list[str]:
    return [str(own.decision["batch"]) for own in tally.batches]


def test_one_look_treats_all_in_order_and_the_next_one_nothing(world: World) -> None:
    first = world.one_pass()
    assert names(first) == ["b9.csv", "b10.csv", "b12.csv"] and list(first.failed) == ["b11.csv"]
    world.check_end()
    second = world.one_pass()
    assert second == Tally(failed_before=["b11.csv"])
    world.check_end()


def test_the_same_content_under_another_name_is_told_and_passed_over(world: World) -> None:
    world.one_pass()
    (world.folder / "b10.csv").rename(world.folder / "b13.csv")
    (world.folder / "b9.csv").touch()
    tally = world.one_pass()
    assert not tally.batches and tally.same == {"b13.csv": "b10.csv"}
    assert not world.one_pass().same  # told once
    world.check_end()


def test_a_damaged_file_is_tried_again_when_it_or_the_options_change(world: World) -> None:
    world.one_pass()
    (world.folder / "b11.csv").write_text("keep now")
    assert names(world.one_pass()) == ["b11.csv"]
    (world.folder / "b14.csv").write_text("damaged")
    assert list(world.one_pass().failed) == ["b14.csv"]
    tried = []

    def again(task: Task) -> None:
        tried.append(task.file.name)
        treat(task, world.registry, world.start)

    watched = Watched(NAME, str(world.root)) if world.registry else Watched("start", None, "0")
    with Stream.opened(world.run, watched) as stream:
        one_pass(stream, world.folder, Way(again, world.registry))
        tally = one_pass(stream, world.folder, Way(again, world.registry, under="others"))
        assert tried == ["b14.csv"] and list(tally.failed) == ["b14.csv"]
    assert not any((world.run / "working").glob("*"))


def test_a_file_that_is_being_written_waits_and_those_behind_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_twice, others = arrivals.unfinished, world.folder / "b10.csv"
    monkeypatch.setattr(
        arrivals,
        "unfinished",
        lambda paths: look_twice(paths, lambda pause: others.write_text("keep, and more")),
    )
    tally = world.one_pass()
    assert names(tally) == ["b9.csv"] and tally.waiting == "b10.csv"
    monkeypatch.setattr(arrivals, "unfinished", look_twice)
    assert names(world.one_pass()) == ["b10.csv", "b12.csv"]
    world.check_end()


def test_a_file_that_changes_while_it_is_read_waits(world: World) -> None:
    def changing(task: Task) -> None:
        if task.file.name == "b10.csv":
            raise InputError(course.CHANGED, "The file was written to.", None, "Write it elsewhere.")
        treat(task, world.registry, world.start)

    watched = Watched(NAME, str(world.root)) if world.registry else Watched("start", None, "0")
    with Stream.opened(world.run, watched) as stream:
        tally = one_pass(stream, world.folder, Way(changing, world.registry))
    assert names(tally) == ["b9.csv"] and tally.waiting == "b10.csv" and not tally.failed
    world.one_pass()
    world.check_end()


def test_a_stop_leaves_nothing_of_the_file_under_way(world: World) -> None:
    def stopped(task: Task) -> None:
        treat(task, world.registry, world.start)
        raise KeyboardInterrupt

    watched = Watched(NAME, str(world.root)) if world.registry else Watched("start", None, "0")
    with pytest.raises(KeyboardInterrupt), Stream.opened(world.run, watched) as stream:
        one_pass(stream, world.folder, Way(stopped, world.registry))
    assert not (world.run / "working").exists() and not any((world.run / "batches").iterdir())
    world.one_pass()
    world.check_end()


def test_a_full_disk_is_no_file_s_fault(world: World) -> None:
    def full(task: Task) -> None:
        raise InputError("disk_full", "The disk is full.", None, "Free space, then go on.")

    watched = Watched(NAME, str(world.root)) if world.registry else Watched("start", None, "0")
    with Stream.opened(world.run, watched) as stream, pytest.raises(InputError, match="disk is full"):
        one_pass(stream, world.folder, Way(full, world.registry))
    world.one_pass()
    world.check_end()


@pytest.mark.parametrize("world", [True], indirect=True)
def test_a_champion_that_was_replaced_meanwhile_stays_and_the_file_is_treated_again(world: World) -> None:
    registry = world.registry
    assert registry is not None
    others: list[int] = []

    def beside(task: Task) -> None:
        treat(task, registry, world.start)
        if not others:
            others.append(registry.add(NAME, world.start).number)
            registry.promote(NAME, others[0])

    with Stream.opened(world.run, Watched(NAME, str(world.root))) as stream:
        tally = one_pass(stream, world.folder, Way(beside, registry))
    assert names(tally) == ["b9.csv", "b9.csv", "b10.csv", "b12.csv"]
    first, second = (dict(own.decision) for own in tally.batches[:2])
    assert (first["promoted"], first["gate"]["verdict"], first["stream"]["overtaken"]) == (
        False,
        "keep",
        "m@2",
    )
    assert second["promoted"] and (second["champion"], second["challenger"]) == ("m@2", "m@3")
    assert [own.version for own in registry.life(NAME).changes] == [1, 2, 3, 4]
    assert learnt_by(registry.fetch(Reference(NAME)) / "model") == ["b9.csv", "b12.csv"]
    pages = [(own.folder / "report.html").read_text() for own in tally.batches[:2]]
    assert "The model stays" in pages[0] and "m@3" in pages[1]
    levels = [own.tested[0] for own in tally.batches]
    assert len(set(levels)) == 4 and sum(levels) < 0.05  # two looks at one file spend two levels


@pytest.mark.parametrize("world", [True], indirect=True)
def test_what_was_rolled_back_is_not_promoted_again(world: World) -> None:
    registry = world.registry
    assert registry is not None
    world.one_pass()
    registry.rollback(NAME)
    # As if it had been killed before it could write that the registry had it.
    decision = world.run / "batches" / "0003-b12.csv" / "decision.json"
    facts = json.loads(decision.read_text())
    facts["stream"].pop("version")
    decision.write_text(json.dumps(facts | {"challenger": "0003-b12.csv/model"}))
    world.one_pass()
    life = registry.life(NAME)
    assert life.in_force == 2 and life.numbers == (1, 2, 3)
    (world.folder / "b15.csv").write_text("promote b15")
    (batch,) = world.one_pass().batches
    assert batch.decision["champion"] == "m@2" and learnt_by(batch.folder / "model") == ["b9.csv", "b15.csv"]


def test_models_of_earlier_batches_go_unless_they_are_the_only_copy(world: World) -> None:
    world.one_pass()
    for count in range(2):
        (world.folder / f"b2{count}.csv").write_text(f"keep {count}")
        world.one_pass()
    kept = sorted(path.parent.name for path in world.run.glob("batches/*/model"))
    newest = ["0004-b20.csv", "0005-b21.csv"]
    assert kept == (newest if world.registry else ["0001-b9.csv", "0003-b12.csv", *newest])
    assert learnt_by(world.run / "model") == ["b9.csv", "b12.csv"]


def test_one_process_a_stream_one_model_a_stream_and_no_other_s_folder(world: World) -> None:
    world.one_pass()
    facts = json.loads((world.run / "stream.json").read_text())
    watched = Watched(*(facts[name] for name in ("model", "registry", "bundle")))

    def code(run: Path, own: Watched) -> str:
        with pytest.raises(InputError) as caught:
            Stream.opened(run, own)
        assert caught.value.exit_code == 2
        return caught.value.code

    with Stream.opened(world.run, watched):
        assert code(world.run, watched) == "run_in_use"
    assert code(world.run, Watched("another", "registry")) == "other_model"
    assert code(world.folder, watched) == "run_not_empty"
    (world.run / "batches" / "0002-b10.csv" / "decision.json").write_text("{")
    assert code(world.run, watched) == "bad_result"
    with pytest.raises(InputError):  # the lock was given back each time
        Stream.opened(world.run, watched)


def test_only_tables_that_are_there_count(world: World) -> None:
    for name in (".b1.csv", "b1.csv.tmp", "b1.txt", "b1.csv.part"):
        (world.folder / name).write_text("promote")
    (world.folder / "b0.csv").mkdir()
    for name in FILES:
        if name != "b12.csv":
            (world.folder / name).unlink()
    assert names(world.one_pass()) == ["b12.csv"]
    (world.folder / "b12.csv").unlink()
    assert world.one_pass() == Tally()
    files: dict[str, Any] = json.loads((world.run / "files.json").read_text())
    assert not files
    (world.folder / "b30.csv").write_text("promote b12.csv")
    assert world.one_pass().same == {"b30.csv": "b12.csv"}  # known by its batch
