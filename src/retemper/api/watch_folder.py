"""Retrain a model on the files of a folder, one after another, as they arrive."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Unpack, cast

from retemper.api.faults import machine_faults
from retemper.api.options import seconds_of
from retemper.api.registry import located, registry
from retemper.api.retrain import Champion, Settings, carried_out, options_of
from retemper.bundle.place import holds_model, place_of
from retemper.core.budget import now
from retemper.core.errors import InputError, Interrupted
from retemper.core.interrupt import Watch
from retemper.core.loading import loading
from retemper.core.progress import SilentReporter
from retemper.core.run_folder import RunFolder
from retemper.retraining.options import RetrainOptions
from retemper.retraining.registry.interface import Registry
from retemper.retraining.registry.mlflow_server import is_mlflow
from retemper.retraining.registry.reference import Reference, parse
from retemper.retraining.watch.arrivals import Mark, tables_in
from retemper.retraining.watch.course import Tally, Task, Way, elsewhere, one_pass
from retemper.retraining.watch.spending import level
from retemper.retraining.watch.stream import Stream, Watched

OWN = ("key", "every", "told")


class FolderSettings(Settings, total=False):
    """Everything about a watched folder but the model and the folder; all optional."""

    key: str | None
    """column that names a row, for labels that come later in files of their own"""
    every: str | float | None
    """look again after so long (``"60s"``), until stopped; None: one look"""
    told: Callable[[Passed], None] | None
    """called after each look"""


@dataclass(frozen=True)
class Passed:
    """What came of one look at a watched folder.

    Args:
        folder: the stream's RUN, which is itself a MODEL as soon as one batch is done.
        tally: the batches, what failed, what waits.
        decision: of the newest batch, the content of RUN/decision.json; None: there was none yet.
    """

    folder: Path
    tally: Tally
    decision: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """The newest decision, and what this look brought under ``pass``."""
        return {**(self.decision or {"schema": 1}), "pass": self.tally.to_json()}


def retrain_folder(model: str | Path, folder: str | Path, **settings: Unpack[FolderSettings]) -> Passed:
    """Treat every new file of a folder once, in the order of their names, each as one retraining.

    What was done is on the disk before the next file's turn: killed at any point, the next call goes on from there, and
    no file is lost or used twice. Of the drift tests' alpha each batch has a share, so that it holds for the whole
    stream. The gate's level is each batch's own: every promotion is proved by itself.

    Args:
        model: a name of the registry (the version in force is retrained, and replaced in the registry), or the path of
            a run or bundle folder (RUN/model is in force from then on).
        folder: where files arrive; ``.csv[.gz]``, ``.parquet``, ``.npz``.
        **settings: see :class:`FolderSettings`; ``out`` is the stream's RUN, the same in each call; ``time_limit``
            is for each file.

    Returns:
        What the (last) look brought.

    Raises:
        InputError: the machine, the model or an option is at fault. A file's fault is no error of the call: see
            ``.tally.failed``.
        Interrupted: stopped by Ctrl-C or SIGTERM.

    >>> retrain_folder("churn", "arrivals", if_drifted=True).tally.failed  # doctest: +SKIP
    {}
    """
    pause = _pause(settings.get("every"))
    options = options_of(_retraining(settings))
    with machine_faults():
        tables_in(Path(folder))  # a folder that is not there begins no stream
        _check_old(settings.get("old"))
        watched, known = _watched(model)
        treating = _Treating(str(model), options, settings, known, watched)
        run = Path(settings.get("out") or _default_run(Path(folder), watched))
        way = Way(treating.treat, known, _under(options, settings))
        with Stream.opened(run, watched) as stream:
            passed = _look(stream, Path(folder), way, settings)
            while pause is not None:
                time.sleep(pause)
                passed = _look(stream, Path(folder), way, settings)
    return passed


def _look(stream: Stream, folder: Path, way: Way, settings: FolderSettings) -> Passed:
    tally = one_pass(stream, folder, way)
    decision = dict(stream.batches[-1].decision) if stream.batches else None
    passed = Passed(stream.run, tally, decision)
    if told := settings.get("told"):
        told(passed)
    return passed


@dataclass(frozen=True)
class _Treating:
    """One file's retraining, from the model in force to the batch's files."""

    model: str
    options: RetrainOptions
    settings: FolderSettings
    registry: Registry | None
    watched: Watched

    def treat(self, task: Task) -> None:
        """See :class:`retemper.retraining.watch.course.Way`."""
        began = now()
        with loading():
            from retemper.api.retrain_inputs import before_of, check_cells, in_file
            from retemper.retraining.watch.labels import rows_of, save_keys, without_known

        with elsewhere():
            champion = self._champion(task.stream)
        rows = rows_of(task, champion.model.schema, self.settings.get("key"))
        with in_file(str(task.file)):
            check_cells(rows.frame, champion.model.schema)  # while its rows can still be counted
        rows = without_known(rows, task, champion.model)
        share = level(self.options.alpha, [own.tested for own in task.stream.batches])
        options = self.options.model_copy(update={"alpha": share})
        self.settings.get("reporter", SilentReporter()).note(f"{task.file.name}, batch {task.stream.number}")
        old, called = self.settings.get("old"), str(task.file)
        before = before_of(champion.model, rows.frame, old, options, called)
        more = {
            "alpha": self.options.alpha,
            "unlabelled": rows.unlabelled(champion.model.target),
            "joined": list(rows.of),
            "labels_without_rows": rows.unmatched,
            "rows_known": rows.known,
        }
        facts = task.facts(self.registry is not None, more)
        try:
            with RunFolder.create(task.draft, task.file.name) as folder, Watch(task.draft, "retrain"):
                carried_out(folder, before, champion, self.settings, began, facts)
        except Interrupted as stopped:
            hint = "Give the same command again: what was decided stays, and the file under way begins anew."
            message = "Stopped on request."
            raise Interrupted(stopped.code, message, {"file": str(task.file)}, hint) from stopped
        save_keys(rows, task.draft)

    def _champion(self, stream: Stream) -> Champion:
        """The model in force: as the newest batch left it, unless another version was put into force since."""
        from retemper.bundle.load import load

        newest = stream.newest
        if self.registry is None:
            if newest is None:
                return Champion(load(located(self.model)), Path(self.model).resolve().name)
            return Champion(load(newest.folder), newest.in_force)
        name = self.watched.model
        in_force = self.registry.life(name).in_force
        if newest is not None and newest.in_force == f"{name}@{in_force}":
            # Its weights are the registry's, and it remembers the rows that came since.
            return Champion(load(newest.folder / "model"), name, name, in_force)
        fetched = place_of(self.registry.fetch(Reference(name, in_force))).bundle
        return Champion(load(fetched), name, name, in_force)


def _watched(model: str | Path) -> tuple[Watched, Registry | None]:
    """What is watched over, and its registry."""
    bundle = located(model)
    if holds_model(model):
        content = (bundle / "bundle.json").read_bytes()
        return Watched(str(Path(model).resolve()), None, hashlib.sha256(content).hexdigest()), None
    if not (bundle / "bundle.json").is_file():
        from retemper.bundle.load import load

        load(bundle)  # says what is missing
    reference = parse(str(model))
    if reference.version is not None:
        raise InputError(
            "bad_model",
            "A watched folder retrains the version that is in force, whichever that is.",
            {"model": str(model)},
            f"Give the name alone: {reference.name}.",
        )
    known = registry()
    place = known.place if is_mlflow(known.place) else str(Path(known.place).resolve())
    return Watched(reference.name, place), known


def _check_old(old: Any) -> None:
    """No new file is to blame where the old rows are missing."""
    if isinstance(old, (str, Path)) and not Path(old).exists():
        hint = "Name a table that is there, or leave --old out."
        raise InputError("no_such_file", "There are no such old rows.", {"file": str(old)}, hint)


def _default_run(folder: Path, watched: Watched) -> Path:
    """The same folder in each call: a stream must find what it did before."""
    facts = [watched.model, watched.registry, str(folder.resolve())]
    names = re.sub(r"[^\w.-]+", "-", f"{Path(watched.model).name}-{folder.resolve().name}")[:60]
    return Path("runs") / f"watch-{names}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:8]}"


def _under(options: RetrainOptions, settings: FolderSettings) -> str:
    """Names everything but the file that a failure may come from."""
    old = settings.get("old")
    path = str(old) if isinstance(old, (str, Path)) else None
    facts = [
        options.model_dump(mode="json"),
        [path, Mark.of(Path(path)) if path else None],
        settings.get("key"),
        version("retemper"),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _retraining(settings: FolderSettings) -> Settings:
    return cast(Settings, {name: value for name, value in settings.items() if name not in OWN})


def _pause(every: str | float | None) -> float | None:
    try:
        return seconds_of(every)
    except InputError as error:
        message = f"The time between two looks must be a duration above 0, but got {every!r}."
        raise InputError("bad_option", message, {"option": "every"}, "Write 60s, 5m, 1h.") from error
