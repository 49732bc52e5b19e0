"""Retrain a model on new rows, and replace it only where the gate lets the new one pass."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from retemper.api.faults import machine_faults
from retemper.api.options import seconds_of
from retemper.api.registry import located, registry
from retemper.bundle.place import holds_model
from retemper.core import device
from retemper.core.budget import Budget, now
from retemper.core.errors import InputError, Interrupted, nearest
from retemper.core.interrupt import Watch
from retemper.core.loading import loading
from retemper.core.progress import Reporter, SilentReporter
from retemper.core.run_folder import RunFolder, disk_faults
from retemper.retraining.registry.lineage import fingerprint
from retemper.retraining.registry.reference import Reference, could_be, parse

if TYPE_CHECKING:
    from retemper.bundle.model import Model
    from retemper.retraining.before import Before
    from retemper.retraining.options import RetrainOptions

CHALLENGER = "challenger"
"""Where a challenger lies that was not promoted, to be looked at."""


class Settings(TypedDict, total=False):
    """Everything about a retraining but the model and the new rows; all optional."""

    old: Any
    """labelled rows from before; None: those that the bundle kept"""
    out: str | Path | None
    """the run's folder; None: ``runs/<date>-<time>-<name>``"""
    strategy: str
    """``"auto"``, or a strategy by its name"""
    gate: str
    """``"standard"`` or ``"strict"``"""
    time_limit: str | float | None
    """for everything: ``"2m"``, ``90`` (seconds)"""
    budget: float
    """multiply-adds, as a share of what training from scratch on all rows would take"""
    keep_old: int | str | None
    """rows that the new bundle keeps; ``"none"``: none"""
    if_drifted: bool
    """train only where drift or harm is seen"""
    seed: int
    """fixes every random choice, 0 or more"""
    set: Mapping[str, Any]
    """further options of :class:`retemper.retraining.options.RetrainOptions` by name"""
    reporter: Reporter
    """told of each step; silent without"""
    started: float
    """when the time limit began (``time.monotonic()``); now"""


@dataclass(frozen=True)
class Retrained:
    """A finished retraining.

    Args:
        folder: its RUN, which is itself a MODEL: the one in force.
        decision: the content of decision.json.

    >>> Retrained(Path("runs/a"), {"promoted": False, "strategy": "nothing"}).promoted
    False
    """

    folder: Path
    decision: dict[str, Any]

    @property
    def promoted(self) -> bool:
        """Whether the challenger is in force."""
        return bool(self.decision["promoted"])

    @cached_property
    def model(self) -> Model:
        """The model in force."""
        from retemper.bundle.load import load

        return load(self.folder)


def retrain(model: Model | str | Path, new: Any, **settings: Unpack[Settings]) -> Retrained:
    """Is the world different, does it hurt, what is the cheapest cure, is the cured model truly better?

    Only where the gate proves it better is the challenger promoted; else the champion stays, to the bit.

    Args:
        model: a model, the path of a run or bundle folder, or ``name[@version]`` of the registry.
        new: rows of now: a path, frame, array or dict; without the target (or where its cells are empty) they show
            drift and harm, and are not trained on.
        **settings: see :class:`Settings`.

    Returns:
        ``.promoted``, ``.model`` (the one in force), ``.decision`` (decision.json), ``.folder``.

    Raises:
        InputError: the data, an option or the machine is at fault.
        Interrupted: stopped by Ctrl-C or SIGTERM; the champion is untouched.

    >>> retrain("runs/churn", "june.csv", old="may.csv").promoted  # doctest: +SKIP
    True
    """
    began = settings.get("started", now())
    options = options_of(settings)
    seconds_of(settings.get("time_limit"))  # a mistake is told before anything is read
    with machine_faults(), loading():
        from retemper.api.retrain_inputs import before_of

        champion = _champion(model)
        before = before_of(champion.model, new, settings.get("old"), options)
        with RunFolder.create(settings.get("out"), champion.title) as folder, Watch(folder.path, "retrain"):
            with _whole_or_none(folder):
                data = {"new": _source(new), "old": _source(settings.get("old"))}
                done = carried_out(folder, before, champion, settings, began, {"data": data})
            _register(champion, folder, done.decision)
            return done


def _source(data: Any) -> dict[str, str] | None:
    """A file's or a folder's path and SHA-256, for the lineage; None: rows in memory, or none."""
    if not isinstance(data, (str, PathLike)):
        return None
    path = Path(data).resolve()
    return {"path": str(path), "sha256": fingerprint(path)}


@contextmanager
def _whole_or_none(folder: RunFolder) -> Iterator[None]:
    """A run that the input, the machine or a person stops is deleted: its name is free again."""
    try:
        yield
    except Interrupted as stopped:
        folder.discard()
        message = "Stopped on request; the champion stays as it is, and nothing of this run is kept."
        hint = "Give the same command again: a retraining begins anew."
        raise Interrupted(stopped.code, message, {"folder": str(folder.path)}, hint) from stopped
    except InputError:
        folder.discard()
        raise


@dataclass(frozen=True)
class Champion:
    """The model in force, a title for it, and the name and version by which it is registered."""

    model: Model
    title: str
    name: str | None = None
    version: int | None = None

    @property
    def called(self) -> str:
        """Its name in decision.json."""
        return self.title if self.version is None else f"{self.name}@{self.version}"


def _champion(model: Model | str | Path) -> Champion:
    if not isinstance(model, (str, Path)):
        return Champion(model, "model")
    from retemper.bundle.load import load

    if holds_model(model):
        return Champion(load(located(model)), Path(model).resolve().name)
    if not could_be(str(model)):
        return Champion(load(located(model)), Path(model).name)
    reference = parse(str(model))
    known = registry()
    if reference.version is None and reference.name in known.names():
        # Named first, then loaded: whoever promotes another one meanwhile does not change who this is.
        reference = Reference(reference.name, known.life(reference.name).in_force)
    return Champion(load(located(str(reference))), reference.name, reference.name, reference.version)


def carried_out(
    folder: RunFolder,
    before: Before,
    champion: Champion,
    settings: Settings,
    began: float,
    facts: Mapping[str, Any] | None = None,
) -> Retrained:
    """A retraining with all its files; no registry is told of it.

    Args:
        folder: the run's, empty.
        before: what there is.
        champion: the model in force.
        settings: of these, time_limit, if_drifted and reporter.
        began: when the time limit began.
        facts: what else decision.json says.
    """
    from retemper.report.write import write as write_report
    from retemper.retraining import sequence

    limit = seconds_of(settings.get("time_limit"))
    budget = Budget(limit, began, log=folder.log)
    reporter = settings.get("reporter", SilentReporter())
    tools = sequence.Tools(folder, budget, reporter, before.options.workers or device.cores())
    told = before.options.model_dump(mode="json")
    folder.log({"event": "started", "options": told, "time_limit_s": limit})
    outcome = sequence.run(before, tools, settings.get("if_drifted", False))
    challenger = None
    if outcome.challenger is not None:
        place = folder.model if outcome.promoted else folder.path / CHALLENGER
        challenger = str(place.relative_to(folder.path.parent))
        if not outcome.promoted:
            outcome.challenger.save(place)
    outcome.model.save(folder.model)
    folder.write_text("recipe.yaml", outcome.model.recipe.to_yaml())
    decision = outcome.to_json(champion.called, challenger) | {
        "seconds": now() - began,
        "seed": before.options.seed,
        **(facts or {}),
    }
    folder.write_json("decision.json", decision)
    write_report(folder.path)
    _drop_empty(folder)
    return Retrained(folder.path, json.loads((folder.path / "decision.json").read_text(encoding="utf-8")))


def _drop_empty(folder: RunFolder) -> None:
    """Folders that nothing was put into tell nobody anything: only a search has curves and checkpoints."""
    with disk_faults(folder.path):
        for path in (folder.history, folder.checkpoints):
            if not any(path.iterdir()):
                path.rmdir()


def _register(champion: Champion, folder: RunFolder, decision: dict[str, Any]) -> None:
    """The challenger joins the registry that its champion came from, and takes its place there in one step.

    Raises:
        InputError: ``champion_changed``: somebody put another version into force meanwhile. Then the decision has come
            to nothing: the challenger stays in the registry, the run is deleted. Else the registry is at fault, and
            the finished run stays.
    """
    if champion.name is None or not decision["promoted"]:
        return
    name, registered = champion.name, None
    try:
        known = registry()
        registered = known.add(name, folder.path, parent=champion.version).number
        known.promote(name, registered, over=champion.version, reason=decision["gate"]["reason"])
    except InputError as error:
        if error.code != "champion_changed":
            done = "The retraining is finished, and only the registry does not know it yet: then"
            commands = [] if registered else [f"`retemper registry add {name} {folder.path}`"]
            commands.append(f"`retemper registry promote {name}@{registered or 'VERSION'}`")
            hint = f"{error.hint} {done} {' and '.join(commands)}."
            raise InputError(error.code, error.message, error.where, hint) from error
        folder.discard()
        message = (
            f"{error.message} The challenger, judged against the former one, is kept as version {registered}."
        )
        hint = "Give the same command again, to retrain and judge against the version that is in force now."
        raise InputError(error.code, message, error.where, hint) from error
    folder.log({"event": "promoted", "model": f"{name}@{registered}", "registry": known.place})


def options_of(settings: Settings) -> RetrainOptions:
    """What the settings say about retraining.

    Raises:
        InputError: ``unknown_option``, ``bad_retrain_option``.

    >>> options_of({"keep_old": "none"}).keep_old
    0
    """
    from retemper.retraining.options import RetrainOptions

    known = list(Settings.__annotations__)
    wrong = [name for name in settings if name not in known]
    if wrong:
        message = f"retrain() has no option {wrong[0]!r}, {nearest(wrong[0], known)}"
        raise InputError("unknown_option", message, {"option": wrong[0]}, "Mend the name.")
    named = {
        name: settings[name]
        for name in ("strategy", "gate", "budget", "seed")
        if settings.get(name) is not None
    }
    keep = settings.get("keep_old")
    if keep is not None:
        named["keep_old"] = 0 if keep == "none" else keep
    return RetrainOptions.checked({**settings.get("set", {}), **named})
