"""Calls of an MLflow server, its refusals in a person's words."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from retemper.core.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient

PREFIX = "mlflow:"
QUIETLY = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""MLflow asks a server that is not there for minutes, prints among our output, and reports its use to its makers;
whoever wants that sets these variables otherwise."""


def is_mlflow(place: str) -> bool:
    """Whether a registry's name speaks of MLflow: a URL, or ``mlflow:`` and whatever MLflow calls a tracking URI.

    >>> is_mlflow("http://localhost:5000"), is_mlflow("mlflow:sqlite:///models.db"), is_mlflow("shared/registry")
    (True, True, False)
    """
    return place.startswith((PREFIX, "http://", "https://"))


def client(place: str) -> MlflowClient:
    """A client of the server.

    Raises:
        InputError: ``missing_package``: MLflow is not installed.
    """
    _check_installed(place)
    for variable, value in QUIETLY.items():
        os.environ.setdefault(variable, value)
    from mlflow import MlflowClient

    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = place.removeprefix(PREFIX)
    with answering(place):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def answering(place: str) -> Iterator[None]:
    """What the server refuses, or that it is not there.

    Raises:
        InputError: ``registry_refused`` or ``missing_package``.
    """
    _check_installed(place)
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            "registry_refused",
            f"The MLflow registry did not do it: {said}",
            {"registry": place},
            "See that the server runs, that its address is right, and that you may write to it.",
        ) from error


def _check_installed(place: str) -> None:
    if find_spec("mlflow") is None:
        raise InputError(
            "missing_package",
            "A registry in MLflow needs MLflow, which is not installed.",
            {"registry": place},
            "Install it: pip install 'retemper[track]'.",
        )
