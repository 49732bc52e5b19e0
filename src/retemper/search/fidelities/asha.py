"""Asynchronous successive halving: whoever is among the best of a rung so far goes on, without waiting for the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

from pydantic import Field

from retemper.search.fidelities import Extent, halving
from retemper.search.study import Plan, Study
from retemper.search.trials import Evaluation, Order, Trial


class Options(halving.Options):
    """ASHA (Li et al. 2020): of the trials that a rung has seen so far, the best 1/η may go on at any time.

    In waves (the default) the seed fixes what is trained. Use with samplers that learn, since good trials go far early
    on, and with many machines; avoid where the first epochs mislead.
    """

    asynchronous: bool = Field(
        False,
        description="each trial that comes back makes room for the next, and what came first is logged; for trials "
        "that come back one by one (functions): a stack's come back together",
    )


@dataclass
class Rung:
    """What is known after so many epochs: trial → loss, and who went on from here."""

    epochs: int
    losses: dict[int, float] = field(default_factory=dict)
    gone_on: set[int] = field(default_factory=set)

    def waiting(self, share: float) -> list[int]:
        """Trials among the best ``share`` that have not gone on, the best first."""
        ranked = sorted((loss, number) for number, loss in self.losses.items() if math.isfinite(loss))
        best = ranked[: math.floor(len(self.losses) * share + 1e-9)]
        return [number for _, number in best if number not in self.gone_on]


def plan(options: Options, study: Study, extent: Extent) -> Plan:
    """Up to ``extent.batch`` orders under way: promotions first, from the highest rung down, then fresh trials."""
    rungs = [Rung(e) for e in halving.rungs_of(options.first_epochs, extent.epochs, options.reduction)]
    under_way, more = 0, True
    while True:
        room = extent.batch - under_way
        orders = _promoted(study, rungs, extent, room, 1 / options.reduction)
        if more and len(orders) < room:
            fresh = study.ask(room - len(orders))
            more = bool(fresh)
            orders += [_order(trial, rungs[0].epochs, extent) for trial in fresh]
        if not orders and not under_way:
            orders = _last_steps(study, rungs, extent)
        under_way += len(orders)
        if not under_way:
            return
        evaluations: list[Evaluation] = yield orders
        under_way -= len(evaluations)
        for evaluation in evaluations:
            rung = next(rung for rung in rungs if rung.epochs == evaluation.order.epochs)
            rung.losses[evaluation.order.trial] = evaluation.loss


def _promoted(study: Study, rungs: list[Rung], extent: Extent, room: int, share: float) -> list[Order]:
    orders: list[Order] = []
    for below, above in reversed(list(pairwise(rungs))):
        for number in below.waiting(share)[: room - len(orders)]:
            below.gone_on.add(number)
            orders.append(_order(study.trials[number], above.epochs, extent))
    return orders


def _last_steps(study: Study, rungs: list[Rung], extent: Extent) -> list[Order]:
    """In the end nobody is left to wait for: the best of the highest rung goes on, or no trial would train in full."""
    if rungs[-1].waiting(1.0):
        return []
    for below, above in reversed(list(pairwise(rungs))):
        for number in below.waiting(1.0)[:1]:
            below.gone_on.add(number)
            return [_order(study.trials[number], above.epochs, extent)]
    return []


def _order(trial: Trial, epochs: int, extent: Extent) -> Order:
    return Order(trial.number, trial.values, epochs, extent.folds)
