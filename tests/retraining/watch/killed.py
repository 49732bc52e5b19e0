"""A watched stream that is killed in every step; run as a program, since it forks.

``python -m tests.retraining.watch.killed FOLDER`` prints what it saw as JSON. Retrainings are made up: a "model" is the
list of the files that it learnt from, so that a file that was lost or used twice can be seen. Everything else is the
real thing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from retemper.bundle.place import place_of
from retemper.core.errors import InputError
from retemper.retraining.registry import folder as registry_folder
from retemper.retraining.registry.folder import FolderRegistry
from retemper.retraining.registry.reference import Reference
from retemper.retraining.watch import arrivals
from retemper.retraining.watch.course import Tally, Task, Way, one_pass
from retemper.retraining.watch.spending import level
from retemper.retraining.watch.stream import Stream, Watched

from ..deaths import die_at

NAME = "m"
FILES = {"b9.csv": "promote", "b10.csv": "keep", "b11.csv": "damaged", "b12.csv": "promote"}


def write_model(place: Path, learnt: list[str]) -> None:
    """What a registry looks at of a bundle, and what it learnt from."""
    place.mkdir(parents=True)
    columns = {"columns": [{"name": "a"}]}
    facts = {
        "task": "regression",
        "columns": columns,
        "target": {"name": "y"},
        "recipe": {},
        "learnt": learnt,
    }
    (place / "weights.safetensors").write_text(json.dumps(learnt) * 100)
    (place / "bundle.json").write_text(json.dumps(facts | {"weights": {"file": "weights.safetensors"}}))


def learnt_by(model: Path) -> list[str]:
    """Of a model that must be whole."""
    learnt = json.loads((model / "bundle.json").read_text())["learnt"]
    assert (model / "weights.safetensors").read_text() == json.dumps(learnt) * 100
    return list(learnt)


def treat(task: Task, registry: FolderRegistry | None, start: Path) -> None:
    """A retraining whose verdict the file's content says."""
    verdict = task.file.read_text()
    if verdict == "damaged":
        raise InputError("ragged_rows", "The rows are ragged.", {"file": str(task.file)}, "Mend the file.")
    newest, stream = task.stream.newest, task.stream
    if registry is None:
        champion = newest.in_force if newest else "start"
        model = newest.folder / "model" if newest else start
    else:
        in_force = registry.life(NAME).in_force
        champion = f"{NAME}@{in_force}"
        model = registry.fetch(Reference(NAME, in_force)) / "model"
        if newest and newest.in_force == champion:
            assert learnt_by(newest.folder / "model") == learnt_by(model)
    promoted = verdict.startswith("promote")
    write_model(task.draft / "model", learnt_by(model) + [task.file.name] * promoted)
    decision: dict[str, Any] = {
        "schema": 1,
        "drift": {
            "detected": False,
            "p_value": 0.5,
            "alpha": level(0.05, [own.tested for own in stream.batches]),
        },
        "harm": {"metric": "rmse", "before": 1.0, "now": 1.0, "low": -0.1, "high": 0.1, "estimated": False},
        "candidates": [],
        "strategy": "replay",
        "gate": {"verdict": "promote" if promoted else "keep", "reason": "as the file says", "tests": []},
        "champion": champion,
        "challenger": f"{task.draft.name}/model" if promoted else None,
        "promoted": promoted,
        **task.facts(registry is not None, {}),
    }
    (task.draft / "decision.json").write_text(json.dumps(decision))


class World:
    """A registry or a bundle, a folder of files and a RUN."""

    def __init__(self, root: Path, registered: bool) -> None:
        self.root, self.run, self.folder, self.start = root, root / "run", root / "files", root / "start"
        self.registry = FolderRegistry(str(root / "registry")) if registered else None
        if not root.exists():
            self.folder.mkdir(parents=True)
            for name, verdict in FILES.items():
                # Contents differ, or the second would be the first under another name.
                (self.folder / name).write_text(verdict if verdict == "damaged" else f"{verdict} {name}")
            write_model(self.start, [])
            if self.registry:
                self.registry.add(NAME, self.start)

    def one_pass(self) -> Tally:
        watched = Watched(NAME, str(self.root)) if self.registry else Watched("start", None, "0")
        way = Way(lambda task: treat(task, self.registry, self.start), self.registry)
        with Stream.opened(self.run, watched) as stream:
            return one_pass(stream, self.folder, way)

    def look(self) -> None:
        """Whatever happened, what can be seen is whole, and a state that there was or will be."""
        learnt = ["b9.csv", "b12.csv"]
        states = [learnt[:count] for count in range(3)]
        if (self.run / "model").exists():
            assert learnt_by(self.run / "model") in states
        for path in self.run.glob("batches/*/decision.json"):
            json.loads(path.read_text())
        if self.registry:
            life = self.registry.life(NAME)
            assert not life.damaged and len(life.numbers) <= 3
            assert learnt_by(self.registry.fetch(Reference(NAME)) / "model") in states

    def check_end(self) -> None:
        """Each file was used once, in order, and nothing is left over."""
        with Stream.opened(self.run, Watched(**self._stream())) as stream:
            names = [str(own.decision["batch"]) for own in stream.batches]
            assert names == ["b9.csv", "b10.csv", "b12.csv"], names
            chain = [own.in_force for own in stream.batches]
            assert [own.decision["champion"] for own in stream.batches[1:]] == chain[:-1]
            spent = [own.tested[0] for own in stream.batches]
            assert spent == [level(0.05, [(0.0, False)] * k) for k in range(3)]
            newest = dict(stream.batches[-1].decision)
        assert json.loads((self.run / "decision.json").read_text()) == newest
        assert learnt_by(self.run / "model") == ["b9.csv", "b12.csv"]
        assert "b10.csv" in (self.run / "report.html").read_text()
        left = [str(own) for own in self.run.rglob("*") if own.name.endswith(".tmp") or own.name == "working"]
        assert not left, left
        if self.registry:
            life = self.registry.life(NAME)
            assert life.numbers == (1, 2, 3) and [own.version for own in life.changes] == [1, 2, 3]
            assert learnt_by(self.registry.fetch(Reference(NAME)) / "model") == ["b9.csv", "b12.csv"]

    def _stream(self) -> dict[str, Any]:
        facts = json.loads((self.run / "stream.json").read_text())
        return {name: facts[name] for name in ("model", "registry", "bundle")}


def killed_in(world: World, step: int) -> bool:
    """One pass in a child that is killed at a step; whether it was."""
    child = os.fork()
    if not child:
        code = 1
        try:
            die_at(step, str(world.root))
            world.one_pass()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), (step, code)
    return code != 0


def kill(root: Path, registered: bool, stride: int) -> int:
    """A pass killed at its first touch of the disk, at its second …, until it gets through; and gone on with."""
    step, dead = 1, True
    while dead:
        world = World(root / str(step), registered)
        dead = killed_in(world, step)
        world.look()
        # The one that goes on is killed, too, a little later than the first was.
        killed_in(world, 1 + step // 2)
        world.look()
        world.one_pass()
        world.check_end()
        shutil.rmtree(world.root)
        step += stride
    return step - stride


if __name__ == "__main__":
    registry_folder.loadable = place_of  # type: ignore[assignment]
    os.fsync = lambda handle: None  # type: ignore[assignment]
    arrivals.PAUSE_S = 0.0
    place = Path(sys.argv[1])
    steps = {
        name: kill(place / name, name == "registered", int(sys.argv[2])) for name in ("registered", "plain")
    }
    print(json.dumps(steps))
