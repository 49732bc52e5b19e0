"""Every sampler with every fidelity, with folds and without: the seed fixes the trials, however often it is killed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retemper.core import catalogue
from retemper.search.fidelities import Extent
from retemper.search.journal import Journal
from retemper.search.space import Condition, Interval, Setting, Space, Words
from retemper.search.study import Study
from retemper.search.trials import Evaluation, Order, Trial, ranked

SPACE = Space(
    {
        "rate": Interval(1e-4, 1.0, log=True),
        "width": Words((16, 64, 32)),
        "depth": Interval(1, 4, integer=True),
        "optimizer": Words(("adam", "sgd")),
        "momentum": Interval(0.5, 0.99),
    },
    {"momentum": Condition("optimizer", ("sgd",))},
)
SAMPLERS: dict[str, dict[str, Any]] = {
    "listed": {"settings": [SPACE.at([share / 20] * 5) for share in range(20)]},
    "tpe": {"startup": 4},
    "gp": {"startup": 4},
    "bayes": {"startup": 4},
}
EPOCHS, TRIALS, FEW = 9, 14, 6
"""Trials of a search, and of one by a Gaussian process, which takes its time."""


def loss_of(values: Setting, epoch: int, fold: int) -> float:
    """Least at a rate of .01; the first tenth of the widest range is lost, and so is a part of the folds there."""
    if values["rate"] > 0.6:
        return math.nan if fold % 2 == 0 else 9.0
    value = abs(math.log10(values["rate"]) + 2) + 0.1 * values["depth"] + values.get("momentum", 0.7)
    return float(value + 4 / epoch + 0.01 * math.sin(100 * fold + values["depth"]))


class Trainer:
    """Gives curves, some orders at a time and in no order; killed after so many evaluations."""

    def __init__(self, seed: int, killed_after: float = math.inf) -> None:
        self.draw, self.left, self.made = random.Random(seed), killed_after, 0
        self.paused: dict[tuple[int, int], int] = {}

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        waiting = self.draw.sample(list(orders), len(orders))
        while waiting:
            count = self.draw.randint(1, 5)
            batch, waiting = [self.one(order) for order in waiting[:count]], waiting[count:]
            self.made += len(batch)
            if self.made > self.left:
                raise KeyboardInterrupt
            yield batch

    def one(self, order: Order) -> Evaluation:
        if order.values["depth"] == 4 and order.values["width"] == 16:
            return Evaluation(
                order, error={"code": "cannot_build", "message": "It is too deep.", "advice": ""}
            )
        curves = {
            fold: tuple(loss_of(order.values, epoch, fold) for epoch in range(1, order.epochs + 1))
            for fold in order.folds
        }
        spent = 0
        for fold in order.folds:
            spent += order.epochs - self.paused.get((order.trial, fold), 0)
            self.paused[order.trial, fold] = order.epochs
        return Evaluation(order, {fold: min(own) for fold, own in curves.items()}, curves, {}, spent)

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        for own in evaluations:
            self.paused |= {(own.order.trial, fold): own.order.epochs for fold in own.losses}


def searched(sampler: str, fidelity: str, folds: int, trainer: Trainer, path: Path | None) -> list[Trial]:
    trials = FEW if sampler == "gp" else TRIALS
    space = Space({name: SPACE[name] for name in ("rate", "depth", "width")}) if sampler == "gp" else SPACE
    own, plan = catalogue.entry("sampler", sampler), catalogue.entry("fidelity", fidelity)
    built = own.build(own.Options(**SAMPLERS.get(sampler, {})), space, 3, trials)
    study = Study(built, trainer, Journal(path), most=trials)
    extent = Extent(EPOCHS, tuple(range(folds)) or (-1,), 4)
    return study.run(plan.plan(plan.Options(), study, extent))


def plain(trials: Sequence[Trial]) -> list[Any]:
    """What is known of the trials, their curves aside, which a journal may keep elsewhere."""
    return [(t.number, t.values, [repr(replace(own, curves={})) for own in t.evaluations]) for t in trials]


def cases() -> Iterator[tuple[str, str, int]]:
    """All; of samplers that take their time, or only choose between others, one."""
    for sampler in catalogue.names("sampler"):
        for fidelity in catalogue.names("fidelity"):
            folds = (3,) if fidelity == "racing" else (0, 3)
            if sampler not in ("gp", "bayes"):
                yield from ((sampler, fidelity, count) for count in folds)
            elif fidelity == "halving":
                yield sampler, fidelity, 3


@pytest.mark.parametrize(("sampler", "fidelity", "folds"), list(cases()))
def test_a_search_is_the_same_however_it_is_spread_and_killed(
    sampler: str, fidelity: str, folds: int, tmp_path: Path
) -> None:
    whole = Trainer(0)
    expected = searched(sampler, fidelity, folds, whole, None)
    other = searched(sampler, fidelity, folds, Trainer(1), None)
    assert plain(other) == plain(expected), "in whatever order the evaluations come"
    best = ranked(expected)[0]
    assert best.sound and best.last is not None
    assert (best.last.order.epochs, len(best.last.order.folds)) == (EPOCHS, max(1, folds))
    assert all((t.values["depth"], t.values["width"]) != (4, 16) for t in expected if t.sound)

    path, made = tmp_path / "trials.jsonl", 0
    for killed_after in (0, 3, whole.made // 2):
        trainer = Trainer(killed_after, killed_after - made)
        with pytest.raises(KeyboardInterrupt):
            searched(sampler, fidelity, folds, trainer, path)
        made = len(list(Journal(path)))
    if path.is_file():
        with path.open("ab") as file:
            file.write(b'{"order": {"trial": 0, "val')  # the last line was cut off
    trainer = Trainer(9)
    resumed = searched(sampler, fidelity, folds, trainer, path)
    assert plain(resumed) == plain(expected)
    assert trainer.made + made == whole.made, "no trial is trained twice, and none is lost"
