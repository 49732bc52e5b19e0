"""Which registry is meant, and what a MODEL stands for: a folder, or ``name[@version]``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from retemper.bundle.place import holds_model, place_of
from retemper.core.errors import InputError, nearest
from retemper.retraining.registry.folder import FolderRegistry
from retemper.retraining.registry.reference import could_be, parse

if TYPE_CHECKING:
    from retemper.retraining.registry.interface import Registry

VARIABLE, DEFAULT = "RETEMPER_REGISTRY", "registry"


def registry(place: str | Path | None = None) -> Registry:
    """Versions of models by name: ``add``, ``promote``, ``rollback``, ``life``, ``names``, ``fetch``.

    Args:
        place: its folder; None: what the environment variable RETEMPER_REGISTRY says, else ``registry`` below the
            working directory.

    Returns:
        The registry; a folder that isn't there yet is an empty one, and made by the first ``add``.

    >>> registry("no/such/folder").names()
    []
    """
    return FolderRegistry(str(place or os.environ.get(VARIABLE) or DEFAULT))


def located(model: str | Path) -> Path:
    """The bundle that a MODEL stands for.

    A folder that holds a model comes first, then ``name`` (the version in force) and ``name@version``.

    Args:
        model: a run folder, a bundle folder, or a name of the registry.

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
    known, reference = registry(), parse(text)
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
