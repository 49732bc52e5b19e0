"""Writers that are killed in every step, and writers that meet; run as a program, since it forks.

``python -m tests.retraining.registry.writers kill FOLDER`` and ``… race FOLDER`` print what they saw as JSON.
Bundles are made up and not loaded, so that no process needs PyTorch; flushes are points to die at and wait for no disk.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retemper.bundle.place import place_of
from retemper.core.errors import InputError
from retemper.retraining.registry import folder
from retemper.retraining.registry.folder import FolderRegistry
from retemper.retraining.registry.reference import Reference

from ..deaths import die_at

NAME = "m"
WORKERS, STEPS = 4, 12


def bundle(place: Path) -> Path:
    """What a registry looks at of a bundle."""
    place.mkdir(parents=True)
    facts = {
        "task": "regression",
        "columns": {"columns": [{"name": "a"}]},
        "target": {"name": "y"},
        "recipe": {},
        "weights": {"file": "weights.safetensors"},
    }
    (place / "bundle.json").write_text(json.dumps(facts))
    (place / "weights.safetensors").write_bytes(bytes(range(256)) * 40)
    return place


def forked(do: Callable[[], None]) -> int:
    """The number of a child that does this and ends."""
    child = os.fork()
    if child:
        return child
    try:
        do()
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def killed(child: int) -> bool:
    """Whether a child was killed; one that failed fails us."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def look(registry: FolderRegistry) -> tuple[int, int | None]:
    """How many versions there are and which is in force; all of it must be whole."""
    if NAME not in registry.names():
        return 0, None
    life = registry.life(NAME)
    assert not life.damaged
    for number in life.numbers:
        registry.fetch(Reference(NAME, number))
    for one, next_ in zip(life.changes, life.changes[1:], strict=False):
        assert next_.before == one.version != next_.version
    return len(life.numbers), life.in_force


def kill(root: Path) -> dict[str, int]:
    """Each action, killed at its first touch of the disk, at its second …, until it gets through."""
    model = bundle(root / "bundle")
    begun = FolderRegistry(str(root / "begun"))
    for _ in range(3):
        begun.add(NAME, model)
    begun.promote(NAME, 2)
    points = {}
    for number, (action, do) in enumerate(ACTIONS.items()):
        step, dead = 0, True
        while dead:
            step += 1
            registry = FolderRegistry(str(root / f"{number}-{step}"))
            if action != "first":
                shutil.copytree(begun.place, registry.place)
            before = look(registry)

            def work(registry: FolderRegistry = registry, do: Any = do, step: int = step) -> None:
                die_at(step, registry.place)
                do(registry, model)

            dead = killed(forked(work))
            after = look(registry)
            allowed = {"first": {(0, None), (1, None), (1, 1)}, "add": {(3, 2), (4, 2)}}
            changed = {"promote": {(3, 2), (3, 3)}, "rollback": {(3, 2), (3, 1)}}
            assert after in (allowed | changed)[action], (action, step, before, after)
            count = after[0]
            assert registry.add(NAME, model).number == count + 1, (action, step)
            registry.promote(NAME, count + 1)
            assert look(registry) == (count + 1, count + 1)
            left = [path.name for path in Path(registry.place).rglob(".*") if path.name != ".lock"]
            assert not left, (action, step, left)
        points[action] = step - 1
    return points


ACTIONS: dict[str, Callable[[FolderRegistry, Path], object]] = {
    "first": lambda registry, model: registry.add(NAME, model),
    "add": lambda registry, model: registry.add(NAME, model),
    "promote": lambda registry, model: registry.promote(NAME, 3),
    "rollback": lambda registry, model: registry.rollback(NAME),
}


def race(root: Path, seed: int) -> dict[str, int]:
    """Writers that add, promote and roll back at once, one of them killed on the way, while a reader looks on."""
    model = bundle(root / "bundle")
    registry = FolderRegistry(str(root / "registry"))
    registry.add(NAME, model)

    def write(worker: int) -> None:
        draw = random.Random(f"{seed} {worker}")
        if worker == 0:
            die_at(draw.randrange(20, 150), registry.place)
        done = {"added": [], "changed": 0}  # type: dict[str, Any]
        for _ in range(STEPS):
            action = draw.choice(["add", "promote", "rollback"])
            try:
                if action == "add":
                    done["added"].append(registry.add(NAME, model).number)
                elif action == "promote":
                    registry.promote(
                        NAME, draw.choice(registry.life(NAME).numbers), reason=f"worker {worker}"
                    )
                else:
                    registry.rollback(NAME)
            except InputError as error:
                assert error.code == "nothing_before", error
        (root / f"{worker}.json").write_text(json.dumps(done))

    def read() -> None:
        while not (root / "over").exists():
            look(registry)

    reader = forked(read)
    try:
        dead = [killed(child) for child in [forked(lambda w=worker: write(w)) for worker in range(WORKERS)]]  # type: ignore[misc]
    finally:
        (root / "over").touch()
    assert not killed(reader) and dead[1:] == [False] * (WORKERS - 1)
    added = [n for path in root.glob("?.json") for n in json.loads(path.read_text())["added"]]
    assert len(set(added)) == len(added)
    numbers = set(registry.life(NAME).numbers)
    assert numbers >= set(added) | {1} and numbers == set(range(1, max(numbers) + 1))
    registry.promote(NAME, max(numbers))
    registry.rollback(NAME)
    count, _ = look(registry)
    return {"versions": count, "changes": len(registry.life(NAME).changes), "dead": sum(dead)}


if __name__ == "__main__":
    folder.loadable = place_of  # type: ignore[assignment]
    os.fsync = lambda handle: None  # type: ignore[assignment]
    what, where = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(kill(where) if what == "kill" else race(where, int(sys.argv[3]))))
