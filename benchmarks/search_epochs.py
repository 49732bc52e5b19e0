"""Epochs that each fidelity needs to reach the best of 60 random trials, against random search itself.

For each table a pool of random settings is trained in full, once. A trial that pauses and goes on has the same bits
as one that never paused, so what a fidelity would have seen is read from the pool's curves, exactly, for as many seeds
as one likes: a seed is a draw of the trials' settings and their order. The mark is the median over the seeds of their
best loss. A search reaches it when a trial first has a loss as low, at any epoch; one that never does counts with all
that it trained, as random search does. The samplers are all random here: what others add is another question.

usage: python benchmarks/search_epochs.py TABLE.csv TARGET [TABLE TARGET ...] [--pool 120] [--trials 60] [--epochs 27]
           [--seeds 10] [--folds 2] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from measuring import met, print_table

import retemper
from retemper.core import catalogue
from retemper.search.fidelities import Extent
from retemper.search.journal import Journal
from retemper.search.space import Setting
from retemper.search.study import Study
from retemper.search.trials import Evaluation, Order

SPACE = {
    "training.optimizer.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "training.optimizer.weight_decay": {"low": 1e-4, "high": 0.3, "log": True},
    "model.dropout": {"low": 0.0, "high": 0.5},
    "model.width": [16, 64, 256],
}
FIDELITIES = ("full", "halving", "hyperband", "asha", "extrapolated")
Curve = tuple[float, ...]


def pool_of(path: Path, epochs: int) -> list[Curve]:
    """Mean validation curve over the folds of every trial in a journal; lost ones rise to infinity."""
    curves = []
    for own in Journal(path):
        if own.order.epochs != epochs:
            continue
        mean = [statistics.fmean(losses) for losses in zip(*own.curves.values(), strict=False)]
        sound = [loss if loss == loss else float("inf") for loss in mean]
        curves.append((*sound, *[sound[-1] if sound else float("inf")] * (epochs - len(sound))))
    return curves


def train_pool(table: Path, target: str, keep: Path, args: argparse.Namespace) -> list[Curve]:
    """The pool of a table; trained where its journal is not there yet."""
    place = keep / f"{table.stem}.{args.pool}.{args.epochs}.{args.folds}.jsonl"
    if not place.is_file():
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            changes = {
                "tune.epochs": args.epochs,
                "tune.widenings": 0,
                "training.patience_epochs": 0,
                "procedure.bootstrap": 100,
            }
            retemper.tune(
                pl.read_csv(table, infer_schema_length=None), target, SPACE, sampler="random", seed=1,
                trials=args.pool, folds=args.folds, out=run, set=changes,
            )  # fmt: skip
            place.write_bytes((run / "checkpoints" / "trials.jsonl").read_bytes())
    return pool_of(place, args.epochs)


class Replayed:
    """An evaluator that reads the pool, and counts the epochs until the mark is reached."""

    def __init__(self, curves: Sequence[Curve], mark: float) -> None:
        self.curves, self.mark = curves, mark
        self.paused: dict[int, int] = {}
        self.spent, self.reached = 0, False

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        """One trial after another."""
        found = []
        for order in orders:
            curve = self.curves[order.values["number"]][: order.epochs]
            for loss in curve[self.paused.get(order.trial, 0) :]:
                self.spent += not self.reached
                self.reached = self.reached or loss <= self.mark
            self.paused[order.trial] = order.epochs
            best = min(curve)
            loss = best if best < float("inf") else float("nan")
            found.append(Evaluation(order, {0: loss}, {0: curve}))
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


def epochs_of(name: str, curves: Sequence[Curve], order: Sequence[int], mark: float, epochs: int) -> int:
    """Epochs that a fidelity spends until the mark, or in all where it misses it."""
    evaluator = Replayed(curves, mark)
    study = Study(Numbers(order), evaluator, Journal(None))
    fidelity = catalogue.entry("fidelity", name)
    study.run(fidelity.plan(fidelity.Options(), study, Extent(epochs, (0,), 1 if name == "full" else 27)))
    return evaluator.spent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", metavar="TABLE.csv TARGET")
    for name, default in (("pool", 120), ("trials", 60), ("epochs", 27), ("seeds", 10), ("folds", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--keep", type=Path, help="where journals of pools are kept, or found")
    args = parser.parse_args()
    keep = args.keep or Path(tempfile.mkdtemp())
    rows, ratios = [], {name: [] for name in FIDELITIES[1:]}
    for table, target in zip(map(Path, args.tables[::2]), args.tables[1::2], strict=True):
        curves = train_pool(table, target, keep, args)
        orders = [random.Random(seed).sample(range(len(curves)), args.trials) for seed in range(args.seeds)]
        mark = statistics.median(min(min(curves[k]) for k in order) for order in orders)
        spent = {
            name: statistics.median(epochs_of(name, curves, order, mark, args.epochs) for order in orders)
            for name in FIDELITIES
        }
        for name, own in ratios.items():
            own.append(spent["full"] / spent[name])
        rows.append([table.stem, f"{mark:.4f}", *(f"{spent[name]:.0f}" for name in FIDELITIES)])
    header = ["table", "mark", *("random" if name == "full" else name for name in FIDELITIES)]
    print_table(f"Epochs until the median best of {args.trials} random trials", header, rows)
    for name, own in ratios.items():
        print(
            f"{name}: {statistics.median(own):.1f} times fewer epochs ({met(statistics.median(own), at_least=3)})"
        )


if __name__ == "__main__":
    main()
