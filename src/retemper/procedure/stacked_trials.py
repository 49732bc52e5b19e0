"""Trials of a search as stacks: what has one shape trains together, folds and all.

A trial is a recipe with some options changed. Of these, rate, decay, momentum, dropout, smoothing and schedule belong
to a member of a stack; what differs in anything else trains in another stack. A trial that goes on after a pause takes
its networks along, whoever they trained beside.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from retemper.core.errors import InputError, shown
from retemper.core.recipe import Recipe
from retemper.models.layers.build import network_of
from retemper.procedure.book import Book, Candidate, State, candidates_of, main_loss
from retemper.procedure.jobs import member_of
from retemper.procedure.kept_jobs import BestTrials, KeptJobs
from retemper.procedure.stack_sizes import StackSizes
from retemper.procedure.trained_trials import TrainedTrials, network_id
from retemper.procedure.trial_faults import DIVERGED, said, unbuilt
from retemper.procedure.trial_time import LEAST_S, TOGETHER, affordable
from retemper.search.study import OutOfTime
from retemper.search.trials import Evaluation, Order
from retemper.training.job import Job, JobResult
from retemper.training.losses import resolve
from retemper.training.stack import Member

Found = TypeVar("Found")


@dataclass(frozen=True)
class Network:
    """One network to train: which trial's, judged by which fold, in which stack."""

    order: Order
    fold: int
    member: Member
    model: dict[str, Any]
    training: dict[str, Any]

    @property
    def size(self) -> int:
        """Units of all layers, to find the widest of a stack."""
        return sum(self.model.get("widths") or ()) or int(self.model.get("width", 0))

    def stack(self, state: State) -> tuple[str, str]:
        """What the members of its stack share; widths that fill up to the same stored sizes make no difference."""
        _, _, data = state.ready
        network = network_of(self.model, data.shape, max(1, data.n_classes))
        shared = zlib.crc32(json.dumps([self.training, self.order.epochs], sort_keys=True).encode())
        return network.stacks_with, f"{shared:08x}"


class StackedTrials:
    """Trains the orders of a study on a run's prepared rows.

    A trial that can't be built, is too large for the memory, crashes or diverges comes back with its error and advice;
    the others go on.

    Args:
        book: who trains.
        state: the prepared rows, with folds dealt where the orders name any.
        epochs: of a trial that trains in full: what schedules are made for.
        folds: how many parts each draw of the folds has; 0: the validation rows judge.
        kept, best: the search's job folders, where they are not of these trials alone.
    """

    def __init__(
        self,
        book: Book,
        state: State,
        epochs: int,
        folds: int,
        kept: KeptJobs | None = None,
        best: BestTrials | None = None,
    ) -> None:
        self.book, self.state, self.epochs, self.folds = book, state, epochs, folds
        self._paused: dict[int, tuple[str, int]] = {}
        self._stacks: dict[str, tuple[str, str]] = {}
        self._sizes = StackSizes(book, state)
        self._trained = TrainedTrials(book.pool.folder, state)
        self._kept = kept or KeptJobs(book.pool.folder)
        self._best = best or BestTrials()

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        """Train all orders; with a time limit in parts, as many as there is time for.

        Raises:
            OutOfTime: what came before counts.
        """
        rest = list(orders)
        while rest:
            name = "search." + ".".join(map(str, (rest[0].trial, rest[0].epochs, rest[0].folds[0])))
            count = self.book.budget.decide(name, partial(self._affordable, rest))
            if not count:
                raise OutOfTime
            begins = not (self.book.pace.finished or self._paused)
            evaluations = self._evaluated(rest[:count], LEAST_S * begins)
            self.recall(evaluations)
            self._kept.thin(self._best.places)
            yield evaluations
            rest = rest[count:]

    def finish(self, order: Order) -> Evaluation:
        """Train an order for as long as there is time, but :data:`LEAST_S` in any case: what the model is made of."""
        (evaluation,) = self._evaluated([order], LEAST_S)
        self.recall([evaluation])
        return evaluation

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        """Where the trials paused, so that they can go on from there."""
        for own in evaluations:
            for fold, place in own.places.items():
                self._paused[network_id(own.order.trial, fold)] = (place, own.order.epochs)
            self._best.add(own)

    def networks(self, evaluation: Evaluation) -> list[Candidate]:
        """The trained networks of an evaluation, as narrow as they are meant to be."""
        (found,) = self._found([evaluation], self._trained.networks)
        return found

    def outputs(self, evaluations: Sequence[Evaluation]) -> list[dict[int, NDArray[np.float32]]]:
        """For each evaluation: fold → outputs for the rows of the fold."""
        return self._found(evaluations, self._trained.outputs)

    def _found(
        self, evaluations: Sequence[Evaluation], look: Callable[[Sequence[Evaluation]], list[Found]]
    ) -> list[Found]:
        """What lies on the disk; networks that are gone are trained again first."""
        gone = [own.order for own in evaluations if not self._trained.are_there(own)]
        again = {own.order.key: own for own in self._evaluated(gone)} if gone else {}
        return look([again.get(own.order.key, own) for own in evaluations])

    def _affordable(self, orders: Sequence[Order], left_s: float) -> int:
        """How many of the orders there is time for now; a few at first, to learn how long they take."""
        if math.isinf(left_s):
            return len(orders)
        folds = len(orders[0].folds)
        count = max(1, TOGETHER * self.book.workers // folds) if left_s > LEAST_S else 1
        if not self.book.pace.finished:
            return min(len(orders), count) if left_s > 0 or not self._paused else 0
        return affordable(orders, left_s, count, self.epochs, self._seconds)

    def _seconds(self, orders: Sequence[Order]) -> float:
        networks, _ = self._built(orders)
        return self.book.pace.seconds(self._jobs(networks), self.book.workers)

    def _evaluated(self, orders: Sequence[Order], least_s: float = 0.0) -> list[Evaluation]:
        self._stacks.clear()
        networks, faults = self._built(orders)

        def give_up(job: Job, fault: InputError) -> None:
            faults.update((member.id, fault) for member in job.members)
            if fault.__cause__ is not None:
                self.book.folder.log({"event": "fault", "job": job.name, "traceback": str(fault.__cause__)})

        jobs = self._arranged(self._jobs(networks))
        seconds, limited = max(least_s, self.book.budget.left_s()), self.book.budget.limited
        # Where the time ends trainings early, it ends all of them by the same part: they are compared.
        results = self.book.train(jobs, seconds, alike=limited, deal=False, give_up=give_up) if jobs else []
        trained = {
            fit.member.id: (result, place)
            for result in results
            for fit, place in zip(result.fits, result.places, strict=True)
        }
        self._kept.add(dict.fromkeys(place for result in results for place in result.places))
        candidates = {c.id: c for result in results for c in candidates_of(self.state, result)}
        return [
            self._evaluation(order, candidates, trained) if fault is None else Evaluation(order, error=fault)
            for order in orders
            for fault in [self._fault(order, faults)]
        ]

    def _built(self, orders: Sequence[Order]) -> tuple[list[Network], dict[int, InputError]]:
        """The networks of the orders, and what is wrong with those that can't be built, by id."""
        networks: list[Network] = []
        faults: dict[int, InputError] = {}
        for order in orders:
            try:
                own = self._networks(order)
                self._stack(own[0])
            except InputError as error:
                faults |= {network_id(order.trial, fold): error for fold in order.folds}
            except (ValueError, TypeError, RuntimeError, MemoryError) as error:
                faults |= {network_id(order.trial, fold): unbuilt(error) for fold in order.folds}
            else:
                networks += own
        return networks, faults

    def _fault(self, order: Order, faults: Mapping[int, InputError]) -> dict[str, str] | None:
        """The error of an order, of which one network at least can't be trained."""
        own = (faults.get(network_id(order.trial, fold)) for fold in order.folds)
        return next((said(fault) for fault in own if fault), None)

    def _arranged(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs in stacks that take the least time; where a few steps can't even be timed, one a worker."""
        try:
            return self._sizes.arranged(jobs)
        except (RuntimeError, MemoryError) as error:
            self.book.folder.log({"event": "not timed", "why": shown(str(error))})
            return [part for job in jobs for part in job.parts(self.book.workers)]

    def _networks(self, order: Order) -> list[Network]:
        recipe = self.state.recipe.with_changes(order.values)
        resolve(recipe.training.loss, self.state.task, self.state.ready[2].n_classes)
        model, training, own = shared_of(recipe)
        return [
            Network(
                order,
                fold,
                member_of(recipe, network_id(order.trial, fold), held_out=fold, **own),
                model,
                training,
            )
            for fold in order.folds
        ]

    def _jobs(self, networks: Sequence[Network]) -> list[Job]:
        groups: dict[tuple[tuple[str, str], int], list[Network]] = {}
        for network in networks:
            place, since = self._paused.get(network.member.id, ("", 0))
            # A network that is trained again for what it was before it went on begins anew.
            goes_on = 0 < since < network.order.epochs and self._trained.is_paused(place)
            since = since if goes_on else 0
            groups.setdefault((self._stack(network), since), []).append(network)
        return [self._job(own, since) for (_, since), own in groups.items()]

    def _stack(self, network: Network) -> tuple[str, str]:
        key = json.dumps([network.model, network.training, network.order.epochs], sort_keys=True)
        if key not in self._stacks:
            self._stacks[key] = network.stack(self.state)
        return self._stacks[key]

    def _job(self, networks: Sequence[Network], since: int) -> Job:
        first = max(networks, key=lambda network: network.size)
        members = tuple(
            network.member if network.model == first.model else replace(network.member, model=network.model)
            for network in networks
        )
        before = dict.fromkeys(self._paused[member.id][0] for member in members) if since else {}
        until = first.order.epochs
        ids = json.dumps([member.id for member in members]).encode()
        return Job(
            name=f"search.{first.model['name']}.{since}-{until}.{zlib.crc32(ids):08x}",
            data=str(self.state.data_folder),
            model=first.model,
            training=first.training,
            members=members,
            seed=self.state.recipe.seed,
            epochs=self.epochs,
            device=self.state.recipe.device,
            history="search",
            folds=self.folds,
            until=until if until < self.epochs else 0,
            goes_on=tuple(before),
            since=since,
        )

    def _evaluation(
        self, order: Order, candidates: dict[int, Candidate], trained: dict[int, tuple[JobResult, str]]
    ) -> Evaluation:
        own = {fold: candidates[network_id(order.trial, fold)] for fold in order.folds}
        results = {fold: trained[network.id] for fold, network in own.items()}
        before = {fold: self._paused.get(network.id, ("", 0))[1] for fold, network in own.items()}
        losses = {fold: main_loss(self.state, network.outputs, fold) for fold, network in own.items()}
        return Evaluation(
            order,
            losses=losses,
            curves={fold: curve_of(network) for fold, network in own.items()},
            trained_epochs=sum(max(0, network.fit.epochs - before[f]) for f, network in own.items()),
            seconds=sum(result.seconds / len(result.fits) for result, _ in results.values()),
            places={fold: place for fold, (_, place) in results.items()},
            error=None if all(map(math.isfinite, losses.values())) else DIVERGED,
        )


def curve_of(network: Candidate) -> tuple[float, ...]:
    """The validation loss of each epoch; what is not finite comes back from the disk as None."""
    losses = (row["val_loss"] for row in network.fit.history)
    return tuple(math.nan if loss is None else float(loss) for loss in losses)


def shared_of(recipe: Recipe) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A recipe's model and training without what belongs to a member of a stack, and what of it is no number."""
    model, training = recipe.model.as_plain(), recipe.training.model_dump(mode="json")
    own = {"momentum": training["optimizer"].pop("momentum", None), "schedule": training["schedule"]}
    training["schedule"] = "constant"  # every member has its own
    for name in ("learning_rate", "weight_decay"):
        training["optimizer"].pop(name, None)
    model.pop("dropout", None)
    training["loss"].pop("label_smoothing", None)
    return model, training, own
