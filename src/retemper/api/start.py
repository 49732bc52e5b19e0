"""What a run saves at its start, so that a killed one goes on from the same data to the same bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from retemper.api.register import Registration
from retemper.core.budget import seconds_noted
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe, build, load
from retemper.core.run_folder import START, RunFolder, disk_faults
from retemper.data.read import Table, append, read

Verb = Literal["train", "tune"]
SECONDS = "checkpoints/seconds.json"
"""How long the run has been going, noted while it goes."""


@dataclass(frozen=True)
class Rows:
    """A table and the path it was read from; None: it was given in memory."""

    table: Table
    path: Path | None


@dataclass(frozen=True)
class Tables:
    """The rows of a run, and the user's own test rows, if any."""

    data: Rows
    test: Rows | None = None

    def joined(self) -> tuple[Table, int]:
        """All rows in one table, and how many at its end are the user's own test rows."""
        if self.test is None:
            return self.data.table, 0
        return append(self.data.table, self.test.table), self.test.table.frame.height


@dataclass(frozen=True)
class Source:
    """Where data came from and what it was: every file's size, time and SHA-256.

    ``path`` is absolute, or relative to the RUN for a frame that was given in memory and saved there.
    """

    path: str
    files: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Clock:
    """The time limit, and what of it the sessions before have used.

    ``replay`` is the file in the RUN whose decisions stand in for a clock.
    """

    time_limit_s: float | None
    replay: str | None
    seconds_used: float = 0.0


@dataclass(frozen=True)
class Start:
    """The content of checkpoints/run.json; ``recipe`` is the SHA-256 of recipe.yaml."""

    verb: Verb

    name: str
    recipe: str
    data: Source
    test: Source | None
    clock: Clock
    register: Registration | None = None


def read_tables(data: Any, test: Any, target: str | None) -> Tables:
    """The rows of a source, and of the user's own test source.

    Raises:
        InputError: what is wrong with the data.
    """
    return Tables(_rows(data, target), None if test is None else _rows(test, target))


def _rows(source: Any, target: str | None) -> Rows:
    return Rows(read(source, target), Path(source).resolve() if isinstance(source, (str, PathLike)) else None)


def save_start(
    folder: RunFolder,
    recipe: Recipe,
    tables: Tables,
    clock: Clock,
    verb: Verb,
    register: Registration | None = None,
) -> Start:
    """Save the recipe, the sources and the clock; run.json comes last and makes the run resumable.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    content = recipe.to_yaml().encode()
    folder.write_bytes("recipe.yaml", content)
    data = _kept(folder, tables.data, "data")
    test = None if tables.test is None else _kept(folder, tables.test, "test")
    name, digest = tables.data.table.name, hashlib.sha256(content).hexdigest()
    start = Start(verb, name, digest, data, test, clock, register)
    folder.write_json(START, {"schema": 1, **asdict(start)})
    return start


def reopen_start(folder: RunFolder) -> tuple[Start, Recipe, Tables]:
    """What the killed run started from, its data checked to be the same.

    Raises:
        InputError: ``data_changed``, ``no_such_file`` or ``damaged_run``.
    """
    start = _saved(folder)
    recipe = _recipe(folder, start)
    data, own = (
        _unchanged(folder, source, start.verb) if source else None for source in (start.data, start.test)
    )
    tables = read_tables(data, own, recipe.data.target)
    rows = replace(tables.data, table=replace(tables.data.table, name=start.name))
    used = max(start.clock.seconds_used, seconds_noted(folder.path / SECONDS))
    now = replace(start, clock=replace(start.clock, seconds_used=used))
    folder.write_json(START, {"schema": 1, **asdict(now)})
    return now, recipe, replace(tables, data=rows)


def _saved(folder: RunFolder) -> Start:
    try:
        saved = json.loads((folder.path / START).read_text(encoding="utf-8"))
        clock, test = Clock(**saved["clock"]), saved["test"]
        source = Source(**saved["data"])
        asked = saved.get("register")
        register = asked and Registration(**asked)
        names = saved["verb"], saved["name"], saved["recipe"]
        return Start(*names, source, test and Source(**test), clock, register)
    except (ValueError, TypeError, KeyError):
        raise _damaged(folder, START) from None


def _recipe(folder: RunFolder, start: Start) -> Recipe:
    try:
        content = (folder.path / "recipe.yaml").read_bytes()
    except FileNotFoundError:
        raise _damaged(folder, "recipe.yaml", start.verb) from None
    if hashlib.sha256(content).hexdigest() != start.recipe:
        raise _damaged(folder, "recipe.yaml", start.verb)
    return build(load(content.decode(), "recipe.yaml"))


def _damaged(folder: RunFolder, name: str, verb: str = "") -> InputError:
    """The error of a file that changed; ``verb``: the run's, where that is still known."""
    return InputError(
        "damaged_run",
        f"{Path(name).name} is not what was written when this run was started.",
        {"file": str(folder.path / name)},
        f"Put it back as it was, or start a new run{f' with `retemper {verb}`' if verb else ''}.",
    )


def _kept(folder: RunFolder, rows: Rows, name: str) -> Source:
    if rows.path is not None:
        return Source(str(rows.path), {file: _mark(rows.path / file) for file in _files(rows.path)})
    # Given in memory: kept in the run, or there would be nothing to resume from.
    relative = f"checkpoints/{name}.parquet"
    with disk_faults(folder.path / relative):
        rows.table.frame.write_parquet(folder.path / relative)
    return Source(relative, {"": _mark(folder.path / relative)})


def _files(path: Path) -> Iterator[str]:
    """Names below a folder of parts; one empty name for a file (``path / ""`` is the path)."""
    if path.is_file():
        yield ""
        return
    yield from sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())


def _mark(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest}


def _unchanged(folder: RunFolder, source: Source, verb: Verb) -> Path:
    path = folder.path / source.path
    if not path.exists():
        raise InputError(
            "no_such_file",
            "The data of this run is gone.",
            {"file": str(path)},
            "Put the file back, then resume.",
        )
    changed = set(_files(path)) ^ set(source.files)
    changed |= {file for file in set(source.files) - changed if not _same(path / file, source.files[file])}
    if changed:
        raise InputError(
            "data_changed",
            "The data has changed since the run was started, so the run can't go on from it.",
            {"file": str(path / min(changed))},
            f"Put the old data back, or start a new run with `retemper {verb}`.",
        )
    return path


def _same(path: Path, mark: dict[str, Any]) -> bool:
    stat = path.stat()
    if stat.st_size != mark["size"]:
        return False
    return bool(stat.st_mtime_ns == mark["mtime_ns"] or _mark(path)["sha256"] == mark["sha256"])
