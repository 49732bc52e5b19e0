"""A search after the data changed: how many trials until it is as good as a cold search of all of them.

For each change of ``data_changes.py`` the losses of a grid of settings are trained once, before and since (see
``warm_pools.py``); searches then look their trials up, as many of them as one likes. *before*: a search of the rows of
before. *cold*: a search of those since. *warm*: one with the same sampler that begins from the one before. A search
sees the losses of one seed; what it has found by a trial is the setting of the least loss so far, and that is judged by
the mean over all seeds. The mark is the median over the searches of what the cold one finds in the end.

Columns: trials until the mark, probes included, means over the searches (one more than all, where it is never reached);
their ratio; the same ratio where each cold search's own find is the mark; how often the warm search found a better
setting, and a worse one. Then the same with the ranking of before turned round (each axis of the grid reversed), so
that it should be dropped at the price of its probes: how often it was kept, and trials until the mark, warm − cold.

usage: python benchmarks/warm_start.py TABLES [--keep FOLDER] [--sampler quasi_random] [--trials 40] [--earlier 64]
           [--batch 8] [--searches 20] [--seeds 5] [--rows 1200] [--only NUMBER ...]
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from data_changes import CHANGES
from measuring import met, print_table
from warm_pools import SPACE, Surface, surfaces_of

from retemper.core import catalogue, device
from retemper.search.before import Before
from retemper.search.guided import CANDIDATES, UNLEARNED
from retemper.search.space import Setting
from retemper.search.study import Sampler
from retemper.search.warm import WarmStart
from retemper.training.pool import Pool

EPOCHS = 10


@dataclass(frozen=True)
class Searcher:
    """How searches are made."""

    sampler: str
    trials: int
    batch: int

    def built(self, seed: int, trials: int) -> Sampler:
        """A sampler of its own."""
        module = catalogue.entry("sampler", self.sampler)
        built: Sampler = module.build(module.Options(), SPACE, seed, trials)
        return built

    def cold(self, loss: Callable[[Setting], float], seed: int, trials: int) -> list[Setting]:
        """The settings of a plain search, in their order."""
        return carried_out(self.built(seed, trials), loss, self.batch)

    def warm(self, loss: Callable[[Setting], float], before: Before, seed: int) -> tuple[list[Setting], bool]:
        """The settings of a search that begins from another, and whether it kept to it."""
        inner = self.built(seed, self.trials)
        learns = not isinstance(inner, UNLEARNED)
        candidates = Searcher("quasi_random" if learns else self.sampler, 0, 0).built(
            seed, self.trials * CANDIDATES
        )
        sampler = WarmStart(inner, candidates, before, SPACE, self.trials)
        asked = carried_out(sampler, loss, self.batch)
        return asked, sampler.verdict is not None and sampler.verdict.kept


def carried_out(sampler: Sampler, loss: Callable[[Setting], float], batch: int) -> list[Setting]:
    """The settings of a search, in the order of its trials."""
    found: list[Setting] = []
    while settings := sampler.ask(batch):
        for values in settings:
            sampler.tell(values, loss(values), EPOCHS)
        found += settings
    return found


@dataclass(frozen=True)
class Pair:
    """What a cold and a warm search have found by each trial: its true loss."""

    cold: list[float]
    warm: list[float]
    kept: bool


def pairs_of(before: Surface, since: Surface, searcher: Searcher, own: argparse.Namespace) -> list[Pair]:
    """Several searches."""
    pairs = []
    for number in range(own.searches):
        old, new = 2 * number, 2 * number + 1
        tried = searcher.cold(partial(before.loss, seed=old), old, own.earlier)
        known = sorted(((v, before.loss(v, old)) for v in tried), key=lambda pair: pair[1])
        seen = partial(since.loss, seed=new)
        cold = searcher.cold(seen, new, own.trials)
        warm, kept = searcher.warm(seen, Before("before", known), new)
        pairs.append(Pair(found(cold, seen, since), found(warm, seen, since), kept))
    return pairs


def found(tried: list[Setting], seen: Callable[[Setting], float], since: Surface) -> list[float]:
    """The true loss of the best so far, trial by trial."""
    losses = [seen(values) for values in tried]
    best = accumulate(range(len(tried)), lambda a, b: b if losses[b] < losses[a] else a)
    return [since.mean(tried[place]) for place in best]


def reached(losses: list[float], mark: float) -> int:
    """The first trial as good as a mark, counted from 1; one more than all, where none is."""
    return next((number for number, loss in enumerate(losses, 1) if loss <= mark), len(losses) + 1)


def needs(pairs: list[Pair]) -> tuple[float, float]:
    """Trials until the median of what cold searches find, by means: cold, warm."""
    mark = statistics.median(pair.cold[-1] for pair in pairs)
    cold, warm = ([reached(getattr(pair, side), mark) for pair in pairs] for side in ("cold", "warm"))
    return statistics.fmean(cold), statistics.fmean(warm)


def line_of(pairs: list[Pair], turned: list[Pair]) -> list[Any]:
    """A line of the table, without its name."""
    (cold, warm), (cold_turned, warm_turned) = needs(pairs), needs(turned)
    own = [(reached(p.cold, p.cold[-1]), reached(p.warm, p.cold[-1])) for p in pairs]
    return [
        f"{sum(pair.kept for pair in pairs)} of {len(pairs)}",
        f"{cold:.1f}",
        f"{warm:.1f}",
        cold / warm,
        sum(c for c, _ in own) / sum(w for _, w in own),
        f"{sum(p.warm[-1] < p.cold[-1] for p in pairs)}",
        f"{sum(p.warm[-1] > p.cold[-1] for p in pairs)}",
        f"{sum(pair.kept for pair in turned)}",
        f"{warm_turned - cold_turned:+.1f}",
    ]


def main() -> None:
    """Print a line a change."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", type=Path, metavar="TABLES")
    parser.add_argument("--keep", type=Path, help="where losses of grids are kept, or found")
    parser.add_argument("--sampler", default="quasi_random")
    numbers = {"trials": 40, "earlier": 64, "batch": 8, "searches": 20, "seeds": 5, "rows": 1200}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of changes")
    own = parser.parse_args()
    device.one_thread()
    searcher = Searcher(own.sampler, own.trials, own.batch)
    lines = []
    with tempfile.TemporaryDirectory() as folder, Pool(Path(folder) / "idle", 1) as pool:
        keep = own.keep or Path(folder)
        for number, change in enumerate(CHANGES):
            if own.only and number not in own.only:
                continue
            before, since = surfaces_of(change, own.tables, keep, own, pool)
            pairs = pairs_of(before, since, searcher, own)
            turned = pairs_of(before.turned(), since, searcher, own)
            lines.append([f"{change.table}: {change.kind}", *line_of(pairs, turned)])
            print(*lines[-1], sep="  ", flush=True)
    header = ["change", "kept", "cold", "warm", "cold / warm", "own mark", "better", "worse"]
    header += ["turned: kept", "warm − cold"]
    shown = [[f"{c:.2f}" if isinstance(c, float) else c for c in line] for line in lines]
    print_table(
        f"Warm start, {own.sampler}, {own.trials} trials, {own.searches} searches each", header, shown
    )
    for column in (4, 5):
        ratios = [line[column] for line in lines]
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        reach = sum(ratio >= 2 for ratio in ratios)
        print(
            f"{header[column]}: geometric mean {mean:.2f}, {met(mean, at_least=2)}; {reach} of {len(lines)} alone"
        )


if __name__ == "__main__":
    main()
