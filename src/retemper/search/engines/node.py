"""What a node of a cluster does for a search: a job in a folder of its own, its files sent back.

Nodes share no disk. The prepared rows come as files by reference, are fetched once a node, and lie in its temporary
folder until the search is over; the states of paused networks come with the job that goes on from them.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core import device
from retemper.core.budget import Deadline, now
from retemper.core.errors import InputError, RetemperError
from retemper.core.memory import is_short, let_go
from retemper.training import carry_out
from retemper.training.job import Job, write_job

PACKAGES = ("retemper", "torch", "numpy")
"""Other versions could train to other bits."""


@dataclass(frozen=True)
class Parcel:
    """A job as it travels.

    Args:
        job: as in job.json.
        data: name of the prepared rows' folder on a node.
        rows: file → reference to its bytes.
        states: job that is gone on from → reference to its paused state.
        left_s: seconds until its deadline; None: there is none.
        units: steps after which a replay stops.
        versions: of the packages, where the search runs.
    """

    job: dict[str, Any]
    data: str
    rows: Mapping[str, Any]
    states: Mapping[str, Any]
    left_s: float | None
    units: int | None
    versions: Mapping[str, str]


def versions() -> dict[str, str]:
    """The versions of what decides the bits."""
    return {name: version(name) for name in PACKAGES}


def train(parcel: Parcel) -> dict[str, Any]:
    """Do a job.

    Returns:
        ``said``: what a worker process would say (see ``training.worker``); ``files``: name → bytes, of the job's
        folder; ``history``: bytes to append.
    """
    began = now()
    try:
        _check(parcel.versions)
        device.one_thread()
        with tempfile.TemporaryDirectory(prefix=f"{parcel.data}-job-") as run:
            folder = _unpacked(parcel, Path(run))
            at = None if parcel.left_s is None else began + parcel.left_s
            carry_out.run(folder, Deadline("", at, parcel.units), lambda fraction, text: None)
            files = {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
            history = b"".join(path.read_bytes() for path in (Path(run) / "history").iterdir())
        let_go()
        return {"said": {"done": True}, "files": files, "history": history}
    except RetemperError as error:
        said: dict[str, Any] = {
            "error": {"code": error.code, "message": error.message, "where": error.where, "hint": error.hint}
        }
    except Exception as error:
        said = {"short": str(error)} if is_short(error) else {"crash": traceback.format_exc()}
    return {"said": said}


def forget(study: str) -> None:
    """Delete what a search left in this node's temporary folder."""
    for folder in Path(tempfile.gettempdir()).glob(f"retemper-{study}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _check(wanted: Mapping[str, str]) -> None:
    here = versions()
    if here != dict(wanted):
        differ = ", ".join(
            f"{name} {here[name]} (not {own})" for name, own in wanted.items() if here[name] != own
        )
        raise InputError(
            "versions_differ",
            f"A node of the cluster has other versions, which may train to other bits: {differ}.",
            {"node": platform.node()},
            "Install the same versions on every node.",
        )


def _unpacked(parcel: Parcel, run: Path) -> Path:
    data = _rows(parcel)
    job = replace(Job.from_json(parcel.job), data=str(data))
    jobs = run / "checkpoints" / "jobs"
    (run / "history").mkdir()
    write_job(jobs / job.name, job)
    for name, reference in parcel.states.items():
        (jobs / name).mkdir()
        (jobs / name / carry_out.PAUSED).write_bytes(_fetched(reference))
    return jobs / job.name


def _rows(parcel: Parcel) -> Path:
    """The folder of the prepared rows, made whole or not at all: several tasks of a node may make it at once."""
    place = Path(tempfile.gettempdir()) / parcel.data
    if place.is_dir():
        return place
    beside = Path(tempfile.mkdtemp(prefix=f"{parcel.data}-", dir=place.parent))
    for name, reference in parcel.rows.items():
        (beside / name).write_bytes(_fetched(reference))
    try:
        beside.rename(place)
    except OSError:
        shutil.rmtree(beside)
        if not place.is_dir():
            raise
    return place


def _fetched(reference: Any) -> memoryview:
    import ray

    fetched: NDArray[np.uint8] = ray.get(reference)
    return fetched.data
