"""Trials of a search as stacks: orders become jobs, jobs are trained as far as the time allows, results are judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from retemper.core.errors import InputError, shown
from retemper.procedure.book import Book, State, candidates_of, main_loss
from retemper.procedure.contenders import Candidate
from retemper.procedure.kept_jobs import BestTrials, KeptJobs
from retemper.procedure.paused_networks import PausedNetworks
from retemper.procedure.stack_sizes import StackSizes
from retemper.procedure.trained_trials import TrainedTrials, network_id
from retemper.procedure.trial_faults import DIVERGED, said
from retemper.procedure.trial_jobs import TrialJobs
from retemper.procedure.trial_time import LEAST_S, TOGETHER, affordable
from retemper.search.study import OutOfTime
from retemper.search.trials import Evaluation, Order
from retemper.training.job import Job, JobResult

Found = TypeVar("Found")


class StackedTrials:
    """Trains the orders of a study on a run's prepared rows.

    A trial that can't be built, is too large for the memory, crashes or diverges comes back with its error and advice;
    the others go on.

    Args:
        book: who trains.
        state: the prepared rows, with folds dealt where the orders name any.
        epochs: of a trial that trains in full: what schedules are made for.
        folds: how many parts each draw of the folds has; 0: the validation rows judge.
        kept, best, paused: the search's job folders, where they are not of these trials alone.
    """

    def __init__(
        self,
        book: Book,
        state: State,
        epochs: int,
        folds: int,
        kept: KeptJobs | None = None,
        best: BestTrials | None = None,
        paused: PausedNetworks | None = None,
    ) -> None:
        self.book, self.state, self.epochs = book, state, epochs
        self._paused = PausedNetworks(book.pool.folder) if paused is None else paused
        self._jobs = TrialJobs(state, epochs, folds, self._paused)
        self._begun = False
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
            begins = not (self.book.pace.finished or self._begun)
            evaluations = self._evaluated(rest[:count], LEAST_S * begins)
            self.recall(evaluations)
            self._paused.forget(self._kept.thin(self._best.places))
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
            self._begun = True
            self._paused.add(own)
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
            return min(len(orders), count) if left_s > 0 or not self._begun else 0
        return affordable(orders, left_s, count, self.epochs, self._seconds)

    def _seconds(self, orders: Sequence[Order]) -> float:
        networks, _ = self._jobs.built(orders)
        return self.book.pace.seconds(self._jobs.jobs(networks), self.book.workers)

    def _evaluated(self, orders: Sequence[Order], least_s: float = 0.0) -> list[Evaluation]:
        networks, faults = self._jobs.built(orders)

        def give_up(job: Job, fault: InputError) -> None:
            faults.update((member.id, fault) for member in job.members)
            if fault.__cause__ is not None:
                self.book.folder.log({"event": "fault", "job": job.name, "traceback": str(fault.__cause__)})

        jobs = self._arranged(self._jobs.jobs(networks))
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

    def _evaluation(
        self, order: Order, candidates: dict[int, Candidate], trained: dict[int, tuple[JobResult, str]]
    ) -> Evaluation:
        own = {fold: candidates[network_id(order.trial, fold)] for fold in order.folds}
        results = {fold: trained[network.id] for fold, network in own.items()}
        losses = {fold: main_loss(self.state, network.outputs, fold) for fold, network in own.items()}
        return Evaluation(
            order,
            losses=losses,
            curves={fold: curve_of(network) for fold, network in own.items()},
            trained_epochs=sum(max(0, n.fit.epochs - results[fold][0].job.since) for fold, n in own.items()),
            seconds=sum(result.seconds / len(result.fits) for result, _ in results.values()),
            places={fold: place for fold, (_, place) in results.items()},
            error=None if all(map(math.isfinite, losses.values())) else DIVERGED,
        )


def curve_of(network: Candidate) -> tuple[float, ...]:
    """What the best epoch is chosen by, epoch by epoch; what is not finite comes back from the disk as None."""
    losses = (row["val_loss_calibrated"] for row in network.fit.history)
    return tuple(math.nan if loss is None else float(loss) for loss in losses)
