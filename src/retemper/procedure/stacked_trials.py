"""Trials of a search as stacks: what has one shape trains together, folds and all.

A trial is a recipe with some options changed. Of these, rate, decay, momentum, dropout, smoothing and schedule belong
to a member of a stack; what differs in anything else trains in another stack. A trial that goes on after a pause takes
its networks along, whoever they trained beside.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retemper.core.recipe import Recipe
from retemper.models.layers.build import network_of
from retemper.procedure.book import Book, Candidate, State, candidates_of, main_loss
from retemper.procedure.jobs import member_of
from retemper.procedure.stack_sizes import StackSizes
from retemper.search.trials import Evaluation, Order
from retemper.training.arrays import damaged
from retemper.training.job import Job, JobResult, read
from retemper.training.losses import resolve
from retemper.training.stack import Layout, Member

FIRST_ID = 1000
FOLDS_A_TRIAL = 1000
"""Networks of one trial have ids in one thousand, by the number of the fold."""


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

    Args:
        book: who trains.
        state: the prepared rows, with folds dealt where the orders name any.
        epochs: of a trial that trains in full: what schedules are made for.
        folds: how many parts each draw of the folds has; 0: the validation rows judge.
    """

    def __init__(self, book: Book, state: State, epochs: int, folds: int) -> None:
        self.book, self.state, self.epochs, self.folds = book, state, epochs, folds
        self._paused: dict[int, tuple[str, int]] = {}
        self._stacks: dict[str, tuple[str, str]] = {}
        self._sizes = StackSizes(book, state)

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        """Train all orders; their evaluations come at once."""
        jobs = self._jobs([network for order in orders for network in self._networks(order)])
        jobs = self._sizes.arranged(jobs)
        seconds = self.book.budget.left_s() if self.book.budget.limited else 0.0
        results = self.book.train(jobs, seconds, deal=False)
        trained = {
            fit.member.id: (result, place)
            for result in results
            for fit, place in zip(result.fits, result.places, strict=True)
        }
        candidates = {c.id: c for result in results for c in candidates_of(self.state, result)}
        evaluations = [self._evaluation(order, candidates, trained) for order in orders]
        self.recall(evaluations)
        yield evaluations

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        """Where the trials paused, so that they can go on from there."""
        for own in evaluations:
            for fold, place in own.places.items():
                self._paused[network_id(own.order.trial, fold)] = (place, own.order.epochs)

    def networks(self, evaluation: Evaluation) -> list[Candidate]:
        """The trained networks of an evaluation, read from where they lie."""
        found = []
        for fold, place in evaluation.places.items():
            id_ = network_id(evaluation.order.trial, fold)
            result = self._result(place)
            found += [self._narrowed(own) for own in candidates_of(self.state, result) if own.id == id_]
        return found

    def _narrowed(self, candidate: Candidate) -> Candidate:
        """A network without the width that only its stack had."""
        model = candidate.member.model
        if model is None:
            return candidate
        _, _, data = self.state.ready
        outputs = resolve(self.state.recipe.training.loss, self.state.task, data.n_classes).n_outputs(
            data.n_classes
        )
        wide, own = (Layout(network_of(each, data.shape, outputs)) for each in (candidate.model, dict(model)))
        fit = replace(candidate.fit, row=wide.own_row(candidate.fit.row, own))
        return replace(candidate, model=dict(model), fit=fit)

    def _result(self, place: str) -> JobResult:
        folder = self.book.pool.folder / place
        result = read(folder, Job.from_json(json.loads((folder / "job.json").read_text())))
        if result is None:
            raise damaged(folder / "done.safetensors")
        return result

    def _networks(self, order: Order) -> list[Network]:
        recipe = self.state.recipe.with_changes(order.values)
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
            since = self._paused.get(network.member.id, ("", 0))[1]
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
        return Evaluation(
            order,
            losses={fold: main_loss(self.state, network.outputs, fold) for fold, network in own.items()},
            curves={
                fold: tuple(float(row["val_loss"]) for row in network.fit.history)
                for fold, network in own.items()
            },
            trained_epochs=sum(max(0, n.fit.epochs - results[f][0].job.since) for f, n in own.items()),
            seconds=sum(result.seconds / len(result.fits) for result, _ in results.values()),
            places={fold: place for fold, (_, place) in results.items()},
        )


def network_id(trial: int, fold: int) -> int:
    """The id of a trial's network for a fold, which keys its randomness.

    >>> network_id(0, -1), network_id(2, 4)
    (1000, 3004)
    """
    return FIRST_ID + FOLDS_A_TRIAL * trial + max(fold, 0)


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
