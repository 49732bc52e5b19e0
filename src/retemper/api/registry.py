"""Which registry is meant, and what a MODEL stands for: a folder, or ``name[@version]``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retemper.bundle.place import holds_model, place_of
from retemper.core.errors import InputError, nearest
from retemper.core.records import to_json
from retemper.core.version_records import Life
from retemper.report.decision_file import read_decision
from retemper.report.life import life_facts, write
from retemper.report.page_file import page_place
from retemper.retraining.registry.folder import FolderRegistry
from retemper.retraining.registry.mlflow_server import is_mlflow
from retemper.retraining.registry.reference import Reference, could_be, parse

if TYPE_CHECKING:
    from retemper.retraining.registry.interface import Registry

VARIABLE, DEFAULT = "RETEMPER_REGISTRY", "registry"


def registry(place: str | Path | None = None) -> Registry:
    """Versions of models by name: ``add``, ``promote``, ``rollback``, ``life``, ``names``, ``fetch``.

    Args:
        place: its folder, or an MLflow server (``http://…``, or ``mlflow:`` and a tracking URI); None: what the
            environment variable RETEMPER_REGISTRY says, else ``registry`` below the working directory.

    Returns:
        The registry; a folder that isn't there yet is an empty one, and made by the first ``add``.

    >>> registry("no/such/folder").names()
    []
    """
    where = str(place or os.environ.get(VARIABLE) or DEFAULT)
    if is_mlflow(where):
        from retemper.retraining.registry.mlflow_registry import MlflowRegistry  # loads Polars

        return MlflowRegistry(where)
    return FolderRegistry(where)


def located(model: str | Path, place: str | Path | None = None) -> Path:
    """The bundle that a MODEL stands for.

    A folder that holds a model comes first, then ``name`` (the version in force) and ``name@version``.

    Args:
        model: a run folder, a bundle folder, or a name of the registry.
        place: of the registry, as for :func:`registry`.

    Returns:
        The bundle's folder. A registered one has been checked: every file is what was added.

    Raises:
        InputError: ``no_model`` where a path or a name leads nowhere; ``unknown_version``, ``nothing_in_force``,
            ``damaged_version``.

    >>> located("no/such/run")
    PosixPath('no/such/run')
    """
    text = str(model)
    if holds_model(model) or not could_be(text):
        return place_of(model).bundle
    known, reference = registry(place), parse(text)
    names = known.names()
    if reference.name in names:
        return place_of(known.fetch(reference)).bundle
    if reference.version is None and not names:
        return place_of(model).bundle  # nobody speaks of a registry: a folder is meant
    raise InputError(
        "no_model",
        f"There is no model {text!r}: neither a folder nor a name of the registry; {nearest(reference.name, names)}"
        if names
        else f"There is no model {text!r}: the registry holds no model yet.",
        {"folder": text, "registry": known.place},
        f"Name a RUN folder of a finished `retemper train`, or see `retemper registry list` ({VARIABLE}=FOLDER).",
    )


def document(known: Registry, names: Sequence[str]) -> dict[str, Any]:
    """What ``retemper registry list --json`` prints: every version and every change of these models.

    >>> document(registry("no/such/folder"), [])
    {'schema': 1, 'registry': 'no/such/folder', 'models': []}

    Raises:
        InputError: ``unknown_model``, ``damaged_registry``, ``cannot_read``.
    """
    return {"schema": 1, "registry": known.place, "models": [_life(known.life(name)) for name in names]}


def _life(life: Life) -> dict[str, Any]:
    versions = [
        {"version": own.number, "added": own.added, **to_json(own.lineage), "files": to_json(own.files)}
        for own in life.versions
    ]
    return {
        "name": life.name,
        "in_force": life.in_force,
        "before": life.before,
        "versions": versions,
        "damaged": list(life.damaged),
        "changes": to_json(life.changes),
    }


def page(known: Registry, name: str, out: str | Path) -> Path:
    """Write a model's life as one HTML page: its scores from version to version, and who was in force when.

    Args:
        known: the registry.
        name: the model.
        out: the page; its name ends in .html.

    Returns:
        The page's path.

    Raises:
        InputError: ``bad_option``, ``unknown_model``, ``cannot_write``.

    >>> page(registry(), "churn", "churn.html")  # doctest: +SKIP
    PosixPath('churn.html')
    """
    path = page_place(out, "--out", f"--out {name}.html")
    life = known.life(name)
    decisions, damaged = [], set(life.damaged)
    for own in life.versions:
        if "decision.json" not in own.files:
            continue
        try:
            folder = known.fetch(Reference(name, own.number))
        except InputError as error:
            if error.code != "damaged_version":
                raise
            damaged.add(own.number)
        else:
            decisions.append((f"version {own.number}", _as_registered(folder, own.number, life)))
    whole = tuple(own for own in life.versions if own.number not in damaged)
    life = replace(life, versions=whole, damaged=tuple(sorted(damaged)))
    return write(life_facts(life, known.place, decisions), path)


def _as_registered(folder: Path, number: int, life: Life) -> dict[str, Any]:
    """A version's decision with its model's name here; of a promotion that the registry refused nothing came."""
    decision = read_decision(folder / "decision.json")
    in_force = any(change.version == number for change in life.changes)
    made = {"challenger": str(Reference(life.name, number))} if decision.get("promoted") else {}
    return decision | made | {"promoted": bool(decision.get("promoted")) and in_force}
