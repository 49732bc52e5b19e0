"""A study: a sampler names settings, a plan says how long each trains, an evaluator trains them, a journal keeps it.

    while the plan has orders:
        evaluations ← the journal, where it knows the orders already; else the evaluator
        journal ← evaluations
        sampler ← settings with their losses
        orders ← plan(evaluations)

Everything that is asked follows from the seed and from the evaluations, so a killed study asks the same questions
again and finds the answers in the journal: no trial is lost and none is trained twice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from retemper.search.journal import Journal
from retemper.search.space import Setting
from retemper.search.trials import Evaluation, Order, Trial

Plan = Generator[list[Order], list[Evaluation], None]
"""Gives orders, is sent evaluations; ends when nothing more is to be trained (see ``fidelities``)."""


class Sampler(Protocol):
    """Names settings to try; the same ones after the same evaluations."""

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings; none: there are no more."""

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """What a setting led to after so many epochs; NaN: it failed."""


@runtime_checkable
class Reminded(Sampler, Protocol):
    """A sampler to which asking is dear, so that it takes its answers of an earlier session back."""

    def ask_again(self, before: Sequence[Setting | None]) -> list[Setting]:
        """As ``ask``; ``before``: what each of its answers was then, None where that is not known."""


class OutOfTime(Exception):
    """The time limit allows no more of the orders; what came before counts."""


class Evaluator(Protocol):
    """Trains orders; given from above, since a search knows no networks.

    It yields evaluations as they come, in batches; in what order, and how the orders are spread over stacks, processes
    and machines, changes no evaluation.
    """

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        """The evaluations of all orders, some at a time.

        Raises:
            OutOfTime: the rest is not trained.
        """

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        """Take in what was evaluated before this process began, so that trials can go on from there."""


@dataclass
class Study:
    """What a search knows.

    Args:
        sampler: names settings.
        evaluator: trains them.
        journal: keeps what comes back.
        told: called with each new batch of evaluations, for progress and storage.
        out_of_time: whether a time limit ended it: it asks for no more trials, and has only those that were trained.
        most: how many trials there may be; None: as many as the sampler names.
        course: carries a plan out in another way than all orders of a round together (see ``arrivals``).
    """

    sampler: Sampler
    evaluator: Evaluator
    journal: Journal
    told: Callable[[Sequence[Trial]], None] = lambda trials: None
    trials: dict[int, Trial] = field(default_factory=dict)
    out_of_time: bool = False
    most: int | None = None
    course: Callable[[Study, Plan], None] | None = None

    def ask(self, count: int) -> list[Trial]:
        """New trials, numbered on; none: the sampler has no more settings."""
        if self.out_of_time:
            return []
        first = len(self.trials)
        count = count if self.most is None else max(0, min(count, self.most - first))
        new = [Trial(first + k, values) for k, values in enumerate(self._settings(first, count))]
        self.trials |= {trial.number: trial for trial in new}
        return new

    def _settings(self, first: int, count: int) -> list[Setting]:
        if isinstance(self.sampler, Reminded):
            return self.sampler.ask_again([self.journal.setting(first + k) for k in range(count)])
        return self.sampler.ask(count)

    def run(self, plan: Plan) -> list[Trial]:
        """Carry the plan out to its end.

        Returns:
            All trials, by number.
        """
        try:
            (self.course or Study._carry_out)(self, plan)
        except OutOfTime:
            self.out_of_time = True
            self.trials = {number: trial for number, trial in self.trials.items() if trial.evaluations}
        return [self.trials[number] for number in sorted(self.trials)]

    def _carry_out(self, plan: Plan) -> None:
        orders = next(plan, None)
        while orders is not None:
            for batch in self._evaluations(orders):
                self.take(batch)
            evaluations = [self.journal[order] for order in orders]
            for evaluation in evaluations:
                self.tell(evaluation)
            try:
                orders = plan.send(evaluations)
            except StopIteration:
                orders = None

    def go_on_with(self, sampler: Sampler) -> None:
        """Ask another sampler from here on; it is told of all that is known."""
        self.sampler = sampler
        for trial in self.trials.values():
            for then in trial.steps:
                assert then.last is not None
                sampler.tell(then.values, then.loss, then.last.order.epochs)

    def _evaluations(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        known: list[Evaluation] = []
        missing: list[Order] = []
        for order in orders:
            evaluation = self.journal.find(order)
            known.append(evaluation) if evaluation else missing.append(order)
        if known:
            self.evaluator.recall(known)
            yield known
        if not missing:
            return
        for batch in self.evaluator.evaluate(missing):
            yield self.journal.add(batch)

    def tell(self, evaluation: Evaluation) -> None:
        """Let the sampler know what a trial has come to, all of its folds together."""
        trial = self.trials[evaluation.order.trial]
        epochs = (trial.last or evaluation).order.epochs
        self.sampler.tell(trial.values, trial.loss, epochs)

    def take(self, evaluations: Sequence[Evaluation]) -> None:
        """Keep what came back with its trials."""
        changed = []
        for evaluation in evaluations:
            number = evaluation.order.trial
            self.trials[number] = self.trials[number].with_(evaluation)
            changed.append(self.trials[number])
        self.told(changed)
