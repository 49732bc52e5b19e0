"""A search after the data changed: how many trials until it is as good as a cold search of all of them.

A table is cut in two by a column: rows up to its median were there before, the others came since. A pool of settings is
trained on both parts, as ``retemper tune`` trains them (on validation rows, no folds); searches draw from the pool, and
trials are looked up. *before*: so many of the pool at random, on the first part; *cold*: so many at random, on the
second; *warm*: on the second, in the order of the same draw but begun from the one before. Columns: trials until the
cold search had its best; trials, probes included, until the warm one had a loss as low (one more than all, where it
never had), means over seeds and draws; their ratio; how often the warm search's best was better, and worse.

With ``--permuted`` the targets of the second part are shuffled: the task is another one, and the ranking of before
should be dropped, or at least do no harm.

usage: python benchmarks/warm_start.py [--seeds 3] [--draws 8] [--trials 32] [--pool 64] [--batch 8] [--rows 1500]
           [--permuted] [TABLE.csv TARGET COLUMN|row]...
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measuring import met, print_table

from retemper.core import device
from retemper.core.budget import Budget
from retemper.core.progress import SilentReporter
from retemper.core.recipe import Recipe, build
from retemper.core.run_folder import RunFolder
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.split import split
from retemper.procedure import data_check
from retemper.procedure.book import Book, State
from retemper.procedure.pace import Pace
from retemper.procedure.stacked_trials import StackedTrials
from retemper.search.before import Before
from retemper.search.distributions import key_of
from retemper.search.samplers import listed, quasi_random
from retemper.search.space import Setting
from retemper.search.space_file import space_of
from retemper.search.study import Sampler
from retemper.search.trials import Order
from retemper.search.warm import WarmStart
from retemper.training.pool import Pool

SPACE = {
    "training.optimizer.learning_rate": {"low": 1e-4, "high": 0.3, "log": True},
    "training.optimizer.weight_decay": {"low": 1e-6, "high": 1.0, "log": True},
    "model.dropout": {"low": 0.0, "high": 0.6},
    "training.batch_size": [32, 128],
    "model.width": [16, 64],
}
EPOCHS = 12


@dataclass(frozen=True)
class Case:
    """Rows before and rows since."""

    name: str
    target: str
    before: pl.DataFrame
    since: pl.DataFrame


@dataclass(frozen=True)
class Trainer:
    """Where and what all pools are trained on."""

    pool: Pool
    folder: Path

    def losses(self, frame: pl.DataFrame, target: str, seed: int, settings: list[Setting]) -> list[float]:
        """The loss of each setting on some rows; NaN: it failed."""
        recipe = build({"workers": 1, "seed": seed, "data.target": target})
        folder = RunFolder.create(Path(tempfile.mkdtemp(dir=self.folder)) / "run", "t")
        folder.close()
        evaluator = self._evaluator(folder, frame, recipe)
        orders = [Order(number, values, EPOCHS, (-1,)) for number, values in enumerate(settings)]
        found = {own.order.trial: own.loss for batch in evaluator.evaluate(orders) for own in batch}
        return [found[order.trial] for order in orders]

    def _evaluator(self, folder: RunFolder, frame: pl.DataFrame, recipe: Recipe) -> StackedTrials:
        self.pool.folder = folder.jobs
        table = read(frame, recipe.data.target)
        schema = infer(table, recipe.data)
        splits = split(table, schema, recipe.split, recipe.seed)
        pace = Pace(len(splits.train), len(splits.validation), max(1, len(schema.classes)))
        book = Book(folder, Budget(None, 0.0), SilentReporter(), self.pool, 1, pace)
        state, _ = data_check.run(book, State(recipe, table, schema, splits))
        pace.shape = state.ready[2].shape
        return StackedTrials(book, state, EPOCHS, 0)


def carried_out(sampler: Sampler, table: Mapping[str, float], batch: int) -> list[float]:
    """The losses of a search, in the order of its trials; one that failed is as bad as can be."""
    losses: list[float] = []
    while settings := sampler.ask(batch):
        for values in settings:
            loss = table[key_of(values)]
            sampler.tell(values, loss, EPOCHS)
            losses.append(loss if np.isfinite(loss) else np.inf)
    return losses


def reached(own: list[float], mark: float, trials: int) -> int:
    """The first trial as good as a mark, counted from 1."""
    return next((number for number, loss in enumerate(own, 1) if loss <= mark), trials + 1)


def case_of(path: str, target: str, column: str, permuted: bool) -> Case:
    """A table cut at the median of a column, or of the row numbers."""
    frame = pl.read_csv(path, infer_schema_length=None)
    order = pl.Series(range(frame.height)) if column == "row" else frame[column]
    late = order > order.median()
    since = frame.filter(late)
    if permuted:
        since = since.with_columns(since[target].shuffle(seed=0))
    name = Path(path).name.split(".")[0]
    return Case(f"{name} by {column}{', permuted' * permuted}", target, frame.filter(~late), since)


@dataclass(frozen=True)
class Pair:
    """A cold and a warm search: trials until as good as the cold one's best, whether the ranking was kept."""

    cold: int
    warm: int
    kept: bool
    gain: float


def compare(
    settings: list[Setting], before: list[float], since: list[float], own: argparse.Namespace
) -> list[Pair]:
    """Several draws from a pool."""
    now = {key_of(values): loss for values, loss in zip(settings, since, strict=True)}
    known = sorted((loss, number) for number, loss in enumerate(before) if np.isfinite(loss))
    pairs = []
    for draw in range(own.draws):
        rng = np.random.default_rng(draw)
        earlier = set(rng.permutation(len(settings))[: own.trials].tolist())
        order = [settings[number] for number in rng.permutation(len(settings))]
        told = [(settings[number], loss) for loss, number in known if number in earlier]
        cold = carried_out(listed.Sampler(order, own.trials), now, own.batch)
        inner = listed.Sampler(order, len(order))
        sampler = WarmStart(inner, Before("before", told), space_of(SPACE), draw, own.trials)
        warm = carried_out(sampler, now, own.batch)
        mark = min(cold)
        needs = [reached(losses, mark, own.trials) for losses in (cold, warm)]
        kept = sampler.verdict is not None and sampler.verdict.kept
        pairs.append(Pair(*needs, kept, mark - min(warm)))
    return pairs


def line_of(name: str, pairs: list[Pair]) -> list[Any]:
    """A line of the table."""
    cold, warm = (statistics.mean(getattr(pair, side) for pair in pairs) for side in ("cold", "warm"))
    return [
        name,
        f"{sum(pair.kept for pair in pairs)} of {len(pairs)}",
        f"{cold:.1f}",
        f"{warm:.1f}",
        f"{cold / warm:.2f}",
        f"{sum(pair.gain > 0 for pair in pairs)}",
        f"{sum(pair.gain < 0 for pair in pairs)}",
    ]


def main() -> None:
    """Print a line a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", metavar="TABLE TARGET COLUMN")
    numbers = {"seeds": 3, "draws": 8, "trials": 32, "pool": 64, "batch": 8, "rows": 1500}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--permuted", action="store_true")
    own = parser.parse_args()
    if len(own.tables) % 3:
        parser.error("each table needs a target and a column")
    device.one_thread()
    lines = []
    with tempfile.TemporaryDirectory() as folder, Pool(Path(folder) / "idle", 1) as pool:
        trainer = Trainer(pool, Path(folder))
        for k in range(0, len(own.tables), 3):
            case = case_of(*own.tables[k : k + 3], own.permuted)
            pairs = []
            for seed in range(own.seeds):
                settings = quasi_random.build(quasi_random.Options(), space_of(SPACE), seed, own.pool).ask(
                    own.pool
                )
                before, since = (
                    trainer.losses(
                        part.sample(min(own.rows, part.height), seed=seed), case.target, seed, settings
                    )
                    for part in (case.before, case.since)
                )
                pairs += compare(settings, before, since, own)
            lines.append(line_of(case.name, pairs))
            print(*lines[-1], sep="  ", flush=True)
    header = ["change", "kept", "cold", "warm", "cold / warm", "better", "worse"]
    print_table(f"Warm start, {own.trials} trials", header, lines)
    ratio = statistics.median(float(line[4]) for line in lines)
    print(f"\nmedian ratio {ratio:.2f}, " + met(ratio, at_least=0.8 if own.permuted else 2))


if __name__ == "__main__":
    main()
