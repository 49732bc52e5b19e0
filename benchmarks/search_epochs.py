"""Epochs that each fidelity needs to reach the best of 60 random trials, against random search itself.

For each table a pool of random settings is trained in full, once. A trial that pauses and goes on has the same bits
as one that never paused, so what a fidelity would have seen is read from the pool's curves, exactly, for as many seeds
as one likes. A seed is an order of the pool's settings. ``random+halving`` is a sampler and a fidelity, each with its
defaults. A sampler that learns has each of its proposals answered by the nearest setting of the pool that it was not
given yet, and is told that one's loss as the proposal's. That is a lower bound: where it looks more closely, the pool
soon has nothing left, while a search of its own would go on.

The loss of a trial after some epochs is what the tuner ranks by: the mean over the folds of the best epoch so far. The
mark is the median over the seeds of the best loss of 60 trials in full. A search goes on until it reaches the mark,
past 60 trials if need be, so nobody gains by giving up; one that has not found it when the pool is empty counts as
endless. All that it trains counts, those that are dropped as well, and a rung counts whole, since its trials train
together; random search trains one after another. Epochs are those of a trial, all folds at once. A ratio is that of
medians over the seeds. *In 60*: how many searches of 60 trials reach the mark; random search's own share is about half.

usage: python benchmarks/search_epochs.py TABLE.csv TARGET [TABLE TARGET ...] [--pool 300] [--trials 60] [--epochs 27]
           [--seeds 100] [--folds 2] [--rows 1500] [--keep FOLDER] [--searches random+halving random+asha]

``random+extrapolated`` fits its laws anew for each seed, and what learns models each: minutes a table.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl
from measuring import met, print_table

import retemper
from retemper.core import catalogue
from retemper.core.recipe import build
from retemper.search.fidelities import Extent
from retemper.search.journal import Journal
from retemper.search.samplers import batch_of
from retemper.search.space import Interval, Setting, Space
from retemper.search.space_file import space_of
from retemper.search.study import OutOfTime, Sampler, Study
from retemper.search.trials import Evaluation, Order

SPACE = {
    "training.optimizer.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "training.optimizer.weight_decay": {"low": 1e-4, "high": 0.3, "log": True},
    "model.dropout": {"low": 0.0, "high": 0.5},
    "model.width": [16, 32, 64, 128],
}
WAVE = 27
"""Most trials that a fidelity asks for at a time: a stack of them."""
Curve = list[float]


@dataclass(frozen=True)
class Pool:
    """Settings, and what the tuner would rank each by after each epoch."""

    settings: list[Setting]
    curves: list[Curve]


def trained(table: Path, target: str, args: argparse.Namespace) -> dict[str, Any]:
    """The pool of a table: its task, and of each trial the tuner's loss and the folds' validation curves."""
    rows = pl.read_csv(table, infer_schema_length=None)
    rows = rows.sample(args.rows, shuffle=True, seed=1) if len(rows) > args.rows else rows
    with tempfile.TemporaryDirectory() as folder:
        changes = {
            "tune.epochs": args.epochs,
            "tune.widenings": 0,
            "training.patience_epochs": 0,
            "training.judge": "plain",  # so that the curve is of the loss that is ranked by
            "prepare.number_embedding": "none",
            "procedure.bootstrap": 100,
        }
        run = retemper.tune(
            rows, target, SPACE, sampler="random", seed=1, trials=args.pool, folds=args.folds,
            out=Path(folder) / "run", set=changes,
        )  # fmt: skip
        # Curves lie on the disk until somebody asks for them.
        trials = [
            {"values": own.order.values, "loss": own.loss, "curves": list(own.curves.values())}
            for own in Journal(Path(folder) / "run" / "checkpoints" / "trials.jsonl")
        ]
    return {"task": run.result["task"], "trials": trials}


def losses_of(trial: dict[str, Any], root: bool, epochs: int) -> Curve:
    """What the tuner would rank a trial by after each epoch; infinite of one that diverged."""
    if not math.isfinite(trial["loss"]):
        return [math.inf] * epochs
    best = [list(accumulate(curve, min)) for curve in trial["curves"]]
    if root:
        best = [[math.sqrt(loss) for loss in curve] for curve in best]
    return [statistics.fmean(losses) for losses in zip(*best, strict=True)]


def share_off(trials: Sequence[dict[str, Any]], curves: Sequence[Curve]) -> float:
    """The share of the better half whose curve doesn't end where the tuner's own loss is, up to the target's scale.

    The tuner bounds probabilities away from 0, so that its loss of a network that is too sure is the lower one.
    """
    ends = sorted(
        (own["loss"], curve[-1]) for own, curve in zip(trials, curves, strict=True) if curve[-1] < math.inf
    )
    scales = [loss / end for loss, end in ends[: len(ends) // 2]]
    usual = statistics.median(scales)
    return statistics.fmean(abs(scale / usual - 1) > 1e-3 for scale in scales)


def pool_of(table: Path, target: str, keep: Path, args: argparse.Namespace) -> Pool:
    """The pool of a table; trained where it is not kept yet."""
    place = keep / f"{table.stem}.{args.pool}.{args.epochs}.{args.folds}.{args.rows}.json"
    if not place.is_file():
        place.write_text(json.dumps(trained(table, target, args)))
    pool = json.loads(place.read_text())
    curves = [losses_of(own, pool["task"] == "regression", args.epochs) for own in pool["trials"]]
    off = share_off(pool["trials"], curves)
    if off > 0.01:
        print(f"{table.stem}: {off:.0%} of the better trials have another loss than their curve says")
    return Pool([own["values"] for own in pool["trials"]], curves)


class Replayed:
    """An evaluator that reads the curves, counts epochs, and stops once the mark is reached."""

    def __init__(self, curves: Sequence[Curve], mark: float) -> None:
        self.curves, self.mark = curves, mark
        self.paused: dict[int, int] = {}
        self.spent, self.reached = 0, False

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        """All orders, which train together.

        Raises:
            OutOfTime: one of them has reached the mark.
        """
        found = []
        for order in orders:
            curve = self.curves[order.values["number"]][: order.epochs]
            self.spent += order.epochs - self.paused.get(order.trial, 0)
            self.paused[order.trial] = order.epochs
            self.reached = self.reached or curve[-1] <= self.mark
            loss = curve[-1] if math.isfinite(curve[-1]) else math.nan
            found.append(Evaluation(order, {0: loss}, {0: tuple(curve)}))
        if self.reached:
            raise OutOfTime
        yield found

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        """Nothing was evaluated before."""


class Numbers:
    """Names the settings of the pool in the order of a seed."""

    def __init__(self, order: Sequence[int]) -> None:
        self._left = list(order)

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings."""
        asked, self._left = self._left[:count], self._left[count:]
        return [{"number": number} for number in asked]

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """Nothing is learnt from it."""


class Nearest:
    """Names the settings of the pool that lie nearest to what a sampler that learns proposes."""

    def __init__(self, sampler: Sampler, settings: Sequence[Setting], space: Space) -> None:
        self._sampler, self._space = sampler, space
        self._left = {number: self._place(values) for number, values in enumerate(settings)}
        self._proposed: dict[int, Setting] = {}

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings."""
        found = []
        for values in self._sampler.ask(min(count, len(self._left))):
            place = self._place(values)
            number = min(self._left, key=lambda number: math.dist(self._left[number], place))
            del self._left[number]
            self._proposed[number] = values
            found.append({"number": number})
        return found

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """The loss is told as that of the proposal."""
        self._sampler.tell(self._proposed[values["number"]], loss, epochs)

    def _place(self, values: Setting) -> list[float]:
        """Where a setting lies in the unit cube."""
        return [
            axis.share(values[path])
            if isinstance(axis, Interval)
            else axis.values.index(values[path]) / (len(axis.values) - 1)
            for path, axis in self._space.items()
        ]


def epochs_of(search: str, pool: Pool, order: Sequence[int], mark: float, trials: int) -> tuple[float, bool]:
    """Epochs that a search spends until the mark, infinite where it never comes there; whether so many trials did."""
    name, _, kind = search.partition("+")
    sampler: Sampler = Numbers(order)
    batch = trials
    if name != "random":
        recipe, space = build({"tune.sampler": name, "tune.trials": trials}), space_of(SPACE)
        options, seed = recipe.tune.sampler.options, order[0]
        learner = catalogue.entry("sampler", name).build(options, space, seed, len(order))
        sampler = Nearest(learner, pool.settings, space)
        batch = batch_of(recipe.tune)
    evaluator = Replayed(pool.curves, mark)
    study = Study(sampler, evaluator, Journal(None))
    fidelity = catalogue.entry("fidelity", kind)
    study.run(fidelity.plan(fidelity.Options(), study, Extent(len(pool.curves[0]), (0,), min(batch, WAVE))))
    return (evaluator.spent, len(evaluator.paused) <= trials) if evaluator.reached else (math.inf, False)


def epochs_of_random(pool: Pool, order: Sequence[int], mark: float, trials: int) -> tuple[float, bool]:
    """The same of random search, which stops in the epoch that reaches the mark."""
    for place, number in enumerate(order):
        within = next((epoch for epoch, loss in enumerate(pool.curves[number], 1) if loss <= mark), None)
        if within:
            return place * len(pool.curves[number]) + within, place < trials
    return math.inf, False


def measured(pool: Pool, args: argparse.Namespace) -> tuple[float, dict[str, list[tuple[float, bool]]]]:
    """The mark; search → for each seed its epochs, and whether the first trials were enough."""
    count = len(pool.curves)
    orders = [random.Random(seed).sample(range(count), count) for seed in range(args.seeds)]
    mark = statistics.median(min(pool.curves[k][-1] for k in order[: args.trials]) for order in orders)
    found = {"random": [epochs_of_random(pool, order, mark, args.trials) for order in orders]}
    for name in args.searches:
        found[name] = [epochs_of(name, pool, order, mark, args.trials) for order in orders]
    return mark, found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", metavar="TABLE.csv TARGET")
    defaults = {"pool": 300, "trials": 60, "epochs": 27, "seeds": 100, "folds": 2, "rows": 1500}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument(
        "--searches", nargs="+", default=["random+halving", "random+asha", "random+hyperband"]
    )
    parser.add_argument("--keep", type=Path, help="where curves of pools are kept, or found")
    args = parser.parse_args()
    keep = args.keep or Path(tempfile.mkdtemp())
    rows: list[list[str]] = []
    ratios: dict[str, list[float]] = {name: [] for name in args.searches}
    for table, target in zip(map(Path, args.tables[::2]), args.tables[1::2], strict=True):
        mark, found = measured(pool_of(table, target, keep, args), args)
        median = {name: statistics.median(epochs for epochs, _ in own) for name, own in found.items()}
        few = {name: statistics.fmean(enough for _, enough in own) for name, own in found.items()}
        for name, own in ratios.items():
            own.append(median["random"] / median[name])
        shown = [f"{ratios[name][-1]:.1f} ({median[name]:.0f}; {few[name]:.0%})" for name in args.searches]
        rows.append([table.stem, f"{mark:.4g}", f"{median['random']:.0f} ({few['random']:.0%})", *shown])
        print(*rows[-1], sep="  ", flush=True)
    print_table(
        f"Times fewer epochs to the median best of {args.trials} random trials (epochs; in {args.trials})",
        ["table", "mark", "random: epochs", *args.searches],
        rows,
    )
    for name, own in ratios.items():
        mean = statistics.geometric_mean(own) if min(own) > 0 else 0.0
        print(
            f"{name}: {mean:.1f} times fewer on average (geometric; {met(mean, at_least=3)}), "
            f"{min(own):.1f} to {max(own):.1f}"
        )


if __name__ == "__main__":
    main()
