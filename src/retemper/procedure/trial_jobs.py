"""The networks that orders stand for, put into jobs: what has one shape trains as one stack.

A trial is a recipe with some options changed. Of these, rate, decay, momentum, dropout, smoothing and schedule belong
to a member of a stack; what differs in anything else trains in another stack. A network that has paused goes on beside
those that paused after as many epochs, whoever they trained beside before.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.models.layers.build import network_of
from retemper.procedure.book import State
from retemper.procedure.jobs import member_of
from retemper.procedure.paused_networks import PausedNetworks
from retemper.procedure.trained_trials import network_id
from retemper.procedure.trial_faults import unbuilt
from retemper.search.trials import Order
from retemper.training.job import Job
from retemper.training.losses import resolve
from retemper.training.stack import Member

MOST_SHAPES = 1000
"""Of more shapes it is forgotten what they share."""


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


class TrialJobs:
    """Makes jobs of orders.

    Args:
        state: the prepared rows, with folds dealt where the orders name any.
        epochs: of a trial that trains in full: what schedules are made for.
        folds: how many parts each draw of the folds has; 0: the validation rows judge.
        paused: where networks go on from.
    """

    def __init__(self, state: State, epochs: int, folds: int, paused: PausedNetworks) -> None:
        self.state, self.epochs, self.folds = state, epochs, folds
        self._paused = paused
        self._stacks: dict[str, tuple[str, str]] = {}

    def built(self, orders: Sequence[Order]) -> tuple[list[Network], dict[int, InputError]]:
        """The networks of the orders, and what is wrong with those that can't be built, by id."""
        if len(self._stacks) > MOST_SHAPES:
            self._stacks.clear()
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

    def jobs(self, networks: Sequence[Network]) -> list[Job]:
        """A job for each group of networks of one shape that go on from one epoch."""
        groups: dict[tuple[tuple[str, str], int], list[Network]] = {}
        for network in networks:
            # A network that is trained again for what it was before it went on begins anew.
            since = self._paused.since(network.member.id, network.order.epochs)
            groups.setdefault((self._stack(network), since), []).append(network)
        return [self._job(own, since) for (_, since), own in groups.items()]

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
        before = dict.fromkeys(self._paused.place(member.id) for member in members) if since else {}
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
