"""A study without waiting: each evaluation goes to the plan as soon as it comes, and what came first is kept.

    while something is under way:
        evaluation ← the journal, in the order in which it was written; else whoever comes back first
        sampler, plan ← evaluation
        orders under way ← plan

What the plan asks next depends on nothing but the order of arrivals. A resumed study finds that order in its journal; a
replay is given it, and lets those who come early wait for their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

from retemper.search.study import Plan, Study
from retemper.search.trials import Evaluation, Order

Key = tuple[int, int, tuple[int, ...]]


class Arrivals:
    """The course of a study that waits for nobody (``Study.course``).

    Args:
        made: decisions to repeat; those about arrivals are their order, after which it is first come, first served.
        record: called with a name and the key of each evaluation as the plan sees it, to log the order.
    """

    def __init__(
        self, made: Mapping[str, Any], record: Callable[[str, Any], None] = lambda name, key: None
    ) -> None:
        self._made, self._record = made, record
        self._seen = 0

    def __call__(self, study: Study, plan: Plan) -> None:
        """Carry a plan out to its end, one evaluation at a time; it may yield no orders where it waits."""
        comers = _Comers(study, list(self._turns()))
        orders = next(plan, None)
        while orders is not None:
            evaluation = comers.next(orders)
            if evaluation is None:
                return
            self._record(self._name(self._seen), evaluation.order.key)
            self._seen += 1
            study.take([evaluation])
            study.tell(evaluation)
            try:
                orders = plan.send([evaluation])
            except StopIteration:
                return

    def _turns(self) -> Iterator[Key]:
        """The order to repeat, from here on."""
        number = self._seen
        while self._name(number) in self._made:
            trial, epochs, folds = self._made[self._name(number)]
            yield trial, epochs, tuple(folds)
            number += 1

    def _name(self, number: int) -> str:
        return f"search.arrival.{number}"


class _Comers:
    """Evaluations in the order in which the plan is to see them."""

    def __init__(self, study: Study, turns: list[Key]) -> None:
        self._study = study
        self._under_way: dict[Key, Order] = {}
        self._unheard: list[Order] = []  # not yet with the evaluator
        self._here: dict[Key, Evaluation] = {}  # came back, the plan has not seen them
        given = set(turns)
        self._turns = [*turns, *(key for own in study.journal if (key := own.order.key) not in given)]
        self._stream: Iterator[list[Evaluation]] | None = None

    def next(self, orders: Sequence[Order]) -> Evaluation | None:
        """The next to be seen, once these orders are under way too; None: nothing is."""
        for order in orders:
            self._under_way[order.key] = order
            known = self._study.journal.find(order)
            if known:
                self._study.evaluator.recall([known])
                self._here[order.key] = known
            else:
                self._unheard.append(order)
        if not self._under_way:
            return None
        key = self._whose_turn()
        while key not in self._here:
            self._wait()
            key = self._whose_turn()
        del self._under_way[key]
        return self._here.pop(key)

    def _whose_turn(self) -> Key:
        """The key that is to be seen next; of somebody who is not here yet: wait for it."""
        # An entry of nobody who is under way belongs to another course of things.
        while self._turns and self._turns[0] not in self._under_way:
            self._turns.pop(0)
        if self._turns:
            return self._turns[0]
        return next(iter(self._here), next(iter(self._under_way)))

    def _wait(self) -> None:
        batch = self._study.journal.add(self._next_batch())
        self._here |= {own.order.key: own for own in batch if own.order.key in self._under_way}

    def _next_batch(self) -> list[Evaluation]:
        unheard, self._unheard = self._unheard, []
        if isinstance(self._stream, Generator):
            try:
                batch: list[Evaluation] = self._stream.send(unheard)
                return batch
            except StopIteration:
                self._stream = None
        # An evaluator that takes no orders in between is asked again, for all that it has not brought.
        missing = [order for key, order in self._under_way.items() if key not in self._here]
        self._stream = iter(self._study.evaluator.evaluate(missing))
        return next(self._stream)
