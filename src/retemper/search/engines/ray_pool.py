"""A run's jobs on a Ray cluster: as a pool of processes, but its places are on many machines.

What is trained lies with the driver alone, job by job: a later rung goes on wherever there is room, and a node that
dies takes nothing with it but what it was doing, which is done again elsewhere to the same bits.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from retemper.core import interrupt
from retemper.core.budget import Deadline, now
from retemper.core.run_folder import disk_faults, write_whole
from retemper.search.engines import node
from retemper.search.engines.cluster import Cluster
from retemper.search.engines.tasks import Lost
from retemper.training.carry_out import PAUSED
from retemper.training.pool import Pool

WAIT_S = 0.2


class RayPool(Pool):
    """A pool whose workers are the places of a cluster.

    Args:
        folder: where job folders go.
        cluster: connected.
    """

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self._cluster = cluster
        # A search that goes on after a kill finds, and in the end deletes, what it has left on the nodes.
        self._study = _mark(f"{socket.gethostname()}:{folder.resolve()}")
        self._versions = node.versions()
        self._rows: dict[str, tuple[str, dict[str, Any]]] = {}
        self._states: dict[str, Any] = {}
        self._sent: dict[int, tuple[int, Path]] = {}
        super().__init__(folder, cluster.places())

    def run(self, *args: Any, **options: Any) -> Any:
        """As :meth:`Pool.run`."""
        # The states of a rung are sent for that rung alone; the cluster lets go of the others.
        self._states.clear()
        self.workers = self._cluster.places()
        return super().run(*args, **options)

    def _start(self, number: int) -> None:
        """Nothing to start: a place is a promise of the cluster."""

    def _replace(self, worker: int) -> None:
        """The cluster has new processes by itself."""

    def _send(self, worker: int, folder: Path, deadline: Deadline) -> None:
        job = json.loads((folder / "job.json").read_text())
        data, rows = self._rows_of(Path(job["data"]))
        states = {name: self._state(name) for name in job["goes_on"]}
        left_s = None if deadline.at is None else deadline.at - now()
        parcel = node.Parcel(job, data, rows, states, left_s, deadline.units, self._versions)
        self._sent[self._cluster.call(node.train, parcel)] = worker, folder

    def _next(self) -> tuple[int, dict[str, Any] | None] | None:
        interrupt.check()
        done = self._cluster.done(WAIT_S)
        if done is None:
            self.workers = max(1, self._cluster.places())
            return None
        ticket, answer = done
        worker, folder = self._sent.pop(ticket)
        if isinstance(answer, Lost):
            return worker, {"short": answer.why} if answer.short else None
        if isinstance(answer, Exception):
            return worker, {"crash": str(answer)}
        self._keep(folder, answer)
        return worker, answer["said"]

    def _keep(self, folder: Path, answer: Mapping[str, Any]) -> None:
        """What a job left, into its folder; the file that says it is done comes last."""
        if "files" not in answer:
            return
        job = json.loads((folder / "job.json").read_text())
        history = folder.parents[2] / "history" / f"{job['history'] or job['name']}.jsonl"
        with disk_faults(folder):
            with history.open("ab") as file:
                file.write(answer["history"])
            for name, content in sorted(answer["files"].items(), key=lambda own: own[0] != PAUSED):
                write_whole(folder / name, content)

    def _rows_of(self, folder: Path) -> tuple[str, dict[str, Any]]:
        """The prepared rows: what a node calls their folder, and references to its files."""
        files = sorted(path for path in folder.iterdir() if path.is_file())
        mark = json.dumps([[path.name, (own := path.stat()).st_size, own.st_mtime_ns] for path in files])
        key = f"{folder}{mark}"
        if key not in self._rows:
            name = f"retemper-{self._study}-{_mark(key)}"
            self._rows[key] = name, {path.name: self._put(path) for path in files}
        return self._rows[key]

    def _state(self, name: str) -> Any:
        if name not in self._states:
            self._states[name] = self._put(self.folder / name / PAUSED)
        return self._states[name]

    def _put(self, path: Path) -> Any:
        """A file in the cluster's store, mapped and not read, so that it is in memory once."""
        size = path.stat().st_size
        content = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
        return self._cluster.put(np.asarray(content))

    def close(self) -> None:
        """End what still trains, and let the nodes forget the rows."""
        self._cluster.drop()
        self._cluster.each_node(node.forget, self._study)


def _mark(text: str) -> str:
    """A short name that stands for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
