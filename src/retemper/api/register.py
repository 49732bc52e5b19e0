"""A run's model into the registry: asked for at the start, done at the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retemper.api.registry import registry
from retemper.core.errors import InputError
from retemper.core.run_folder import RunFolder
from retemper.retraining.registry.mlflow_server import is_mlflow


@dataclass(frozen=True)
class Registration:
    """Under which name a run's model is to be registered, and where; the place holds wherever the run is resumed."""

    name: str
    place: str


def registration(name: str | None) -> Registration | None:
    """What was asked for; None: nothing.

    Raises:
        InputError: ``bad_name``, or the registry can't be written: told before anything is trained.

    >>> registration("a/b")
    Traceback (most recent call last):
    retemper.core.errors.InputError: A model can't be called 'a/b': ...
    """
    if name is None:
        return None
    known = registry()
    known.check_new(name)
    return Registration(name, known.place if is_mlflow(known.place) else str(Path(known.place).absolute()))


def register(run: RunFolder, asked: Registration) -> str:
    """Add the model of a finished run.

    Returns:
        Its reference: ``churn@3``.

    Raises:
        InputError: the registry can't be written; the run is finished, and the advice says how to add it later.
    """
    try:
        version = registry(asked.place).add(asked.name, run.path)
    except InputError as error:
        hint = f"The run is finished; add its model later: retemper registry add {asked.name} {run.path}"
        raise InputError(error.code, error.message, error.where, hint) from error
    reference = f"{asked.name}@{version.number}"
    run.log({"event": "registered", "model": reference, "registry": asked.place})
    return reference
