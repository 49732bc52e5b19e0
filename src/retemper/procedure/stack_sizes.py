"""How the networks of a search are put into stacks, widths together or apart and how many in one: by timing some steps.

Bits don't depend on it, so the clock may choose; the choice is written into the log with its figures, and whoever
repeats the run makes it again. Whether a network that is filled up to a wider one's size keeps its bits is the
machine's to say (its products are cut into blocks, of which the last may be added up otherwise): the same steps tell.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from retemper.models.layers.build import network_of
from retemper.procedure.book import Book, State
from retemper.training.job import Job
from retemper.training.losses import resolve
from retemper.training.self_timing import STEPS, WARM_UP, Timed, timed

SHARE = 0.05
"""Of all members' steps that timing may take."""
WIDEST_MASK = 256
"""Products over more inputs are cut into blocks, and what a network is filled up with would change its last bits."""
SHORT = 3000
"""Steps of all members that take no longer than a job's folder, files and pipe (30 ms): not worth another job."""
SIZES = (1, 8, 32, 128)
"""Members of a stack that are tried beside all of them; 1: every network is a process's own."""


class StackSizes:
    """Chooses how jobs are stacked.

    Args:
        book: its log.
        state: the prepared rows.
    """

    def __init__(self, book: Book, state: State) -> None:
        self.book, self.state = book, state
        self._chosen: dict[str, Any] = dict(book.budget.made)

    def arranged(self, jobs: Sequence[Job]) -> list[Job]:
        """The same networks in stacks that take the least time, each for one worker."""
        if self.state.recipe.tune.engine == "processes":
            return [part for job in jobs for part in job.parts(len(job.members))]
        families: dict[str, list[Job]] = {}
        for job in jobs:
            families.setdefault(_family(job), []).append(job)
        stacks = [job for own in families.values() for job in self._joined(own)]
        return [part for job in stacks for part in self._cut(job, len(stacks))]

    def _joined(self, jobs: Sequence[Job]) -> list[Job]:
        """Jobs that differ in widths alone: as they are, or all in the shape that holds each of them."""
        total = sum(len(job.members) for job in jobs)
        if len(jobs) == 1 or not self._is_worth_timing(jobs, 2 * total):
            return list(jobs)
        together = _all_in_one(jobs)
        if self._stored_width(together) > WIDEST_MASK:
            return list(jobs)

        def time() -> tuple[bool, dict[str, float]]:
            apart = [self._timed(job, len(job.members)) for job in jobs]
            one = self._timed(together, len(together.members))
            same = all(one.left[id_] == bits for own in apart for id_, bits in own.left.items())
            if not same:
                self.book.folder.log({"event": "widths apart", "why": "filled up, some have other bits here"})
            seconds = {_widths(job): own.seconds for job, own in zip(jobs, apart, strict=True)}
            return same and one.seconds < sum(seconds.values()), {**seconds, "together": one.seconds}

        return [together] if self._decided("widths", jobs, time) else list(jobs)

    def _cut(self, job: Job, stacks: int) -> list[Job]:
        """The job, or parts of it; a short one of several stacks stays whole, since there is work for all workers."""
        if stacks >= self.book.workers and self._steps(job) * len(job.members) < SHORT:
            return [job]
        count = -(-len(job.members) // self.book.workers)
        sizes = [size for size in SIZES if size < count]
        if not sizes or not self._is_worth_timing([job], sum(sizes) + count):
            return job.parts(self.book.workers)

        def time() -> tuple[int, dict[str, float]]:
            taken = {size: self._timed(job, size).seconds for size in (*sizes, count)}
            best = min(taken, key=lambda size: taken[size] / size)
            return best, {str(size): seconds for size, seconds in taken.items()}

        size = self._decided("members", [job], time)
        return job.parts(-(-len(job.members) // size))

    def _decided(
        self, what: str, jobs: Sequence[Job], time: Callable[[], tuple[Any, dict[str, float]]]
    ) -> Any:
        """What was chosen before for jobs like these, or what the clock says now."""
        name = f"stacks.{what}.{_mark(jobs)}"
        if name not in self._chosen:
            self._chosen[name], seconds = time()
            figures = {way: round(1000 * value, 3) for way, value in seconds.items()}
            self.book.folder.log({"event": "timed", "name": name, "milliseconds_a_step": figures})
            self.book.budget.record(name, self._chosen[name])
        return self._chosen[name]

    def _timed(self, job: Job, members: int) -> Timed:
        return timed(job, job.members[:members], self.state.ready[2], self.state.folds)

    def _is_worth_timing(self, jobs: Sequence[Job], tried: int) -> bool:
        """Whether a few steps of so many members are little beside all steps of all."""
        members = sum(len(job.members) for job in jobs)
        return bool(SHARE * self._steps(jobs[0]) * members >= (STEPS + WARM_UP) * tried)

    def _steps(self, job: Job) -> int:
        _, _, data = self.state.ready
        rows = len(data.train.y) + (len(data.validation.y) if job.folds else 0)
        return -(-rows // int(job.training["batch_size"])) * (job.last_epoch - job.since)

    def _stored_width(self, job: Job) -> int:
        _, _, data = self.state.ready
        outputs = resolve(self.state.recipe.training.loss, self.state.task, data.n_classes).n_outputs(
            data.n_classes
        )
        network = network_of(job.model, data.shape, outputs)
        return max(int(parameter.stored[1]) for parameter in network.parameters)


def _family(job: Job) -> str:
    """What jobs must share to train as one stack with masks over their widths; a job that goes on stays as it is."""
    model = dict(job.model)
    if model["name"] == "mlp" and not job.goes_on:
        model["widths"] = len(model.get("widths") or ()) or None
        model.pop("width", None)
    return json.dumps([model, job.training, job.until, job.since, job.goes_on], sort_keys=True)


def _width(job: Job) -> int:
    return int(max(job.model.get("widths") or (job.model.get("width", 0),)))


def _widths(job: Job) -> str:
    """What tells the widths of jobs apart.

    >>> from types import SimpleNamespace
    >>> _widths(SimpleNamespace(model={"width": 64})), _widths(SimpleNamespace(model={"widths": [64, 32]}))
    ('64', '64+32')
    """
    return "+".join(map(str, job.model.get("widths") or (job.model.get("width", 0),)))


def _all_in_one(jobs: Sequence[Job]) -> Job:
    """One job, each of whose layers is as wide as the widest of the jobs; narrower members with their own models."""
    widest = max(jobs, key=_width)
    model = dict(widest.model)
    if model.get("widths"):
        layers = zip(*(job.model["widths"] for job in jobs), strict=True)
        model["widths"] = [max(units) for units in layers]
    members = tuple(
        member if member.model or job.model == model else replace(member, model=job.model)
        for job in jobs
        for member in job.members
    )
    # The widest may train beside others after a resume: that is another job, and the folder of this one stays.
    ids = zlib.crc32(json.dumps([member.id for member in members]).encode())
    return replace(widest, name=f"{widest.name}.together.{ids:08x}", model=model, members=members)


def _mark(jobs: Sequence[Job]) -> str:
    shared = [[job.model, job.training, len(job.members)] for job in jobs]
    return f"{zlib.crc32(json.dumps(shared, sort_keys=True).encode()):08x}"
