"""A search after the data changed: how many trials until it is as good as a cold search of all of them.

For each change of ``data_changes.py`` the losses of a grid of settings are trained once, before and since (see
``warm_pools.py``); searches then look their trials up, as many of them as one likes. *before*: a search of the rows of
before. *cold*: a search of those since. *warm*: one with the same sampler that begins from the one before. The mark is
the median over the searches of the cold one's best; what is compared are the trials until a setting as good is tried,
probes included, by medians over the searches (one more than all, where it never was). *better*: how often the warm
search's best was better than the cold one's. *lost*: mean trials until the mark of warm − cold, where the ranking of
before had been turned round (each axis of the grid reversed), so that it should be dropped at the price of its probes.

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
    """What a cold and a warm search tried: the true losses, in order."""

    cold: list[float]
    warm: list[float]
    kept: bool


def pairs_of(before: Surface, since: Surface, searcher: Searcher, own: argparse.Namespace) -> list[Pair]:
    """Several searches."""
    pairs = []
    for number in range(own.searches):
        old, new = 2 * number, 2 * number + 1
        tried = searcher.cold(lambda v, s=old: before.loss(v, s), old, own.earlier)  # type: ignore[misc]
        known = sorted(((v, before.loss(v, old)) for v in tried), key=lambda pair: pair[1])
        seen: Callable[[Setting], float] = lambda v, s=new: since.loss(v, s)  # type: ignore[misc] # noqa: E731
        cold = searcher.cold(seen, new, own.trials)
        warm, kept = searcher.warm(seen, Before("before", known), new)
        pairs.append(Pair(list(map(since.mean, cold)), list(map(since.mean, warm)), kept))
    return pairs


def reached(losses: list[float], mark: float) -> int:
    """The first trial as good as a mark, counted from 1; one more than all, where none is."""
    return next((number for number, loss in enumerate(losses, 1) if loss <= mark), len(losses) + 1)


def line_of(pairs: list[Pair], turned: list[Pair]) -> list[Any]:
    """A line of the table, without its name."""
    mark = statistics.median(min(pair.cold) for pair in pairs)
    cold, warm = ([reached(getattr(p, side), mark) for p in pairs] for side in ("cold", "warm"))
    own = [(reached(p.cold, min(p.cold)), reached(p.warm, min(p.cold))) for p in pairs]
    lost = [reached(p.warm, mark) - reached(p.cold, mark) for p in turned]
    return [
        f"{sum(pair.kept for pair in pairs)} of {len(pairs)}",
        f"{statistics.median(cold):.0f}",
        f"{statistics.median(warm):.0f}",
        statistics.median(cold) / statistics.median(warm),
        statistics.mean(cold) / statistics.mean(warm),
        sum(c for c, _ in own) / sum(w for _, w in own),
        f"{sum(min(p.warm) < min(p.cold) for p in pairs)}",
        f"{sum(min(p.warm) > min(p.cold) for p in pairs)}",
        f"{sum(pair.kept for pair in turned)}",
        f"{statistics.mean(lost):+.1f}",
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
    header = [
        "change",
        "kept",
        "cold",
        "warm",
        "cold / warm",
        "of means",
        "own best",
        "better",
        "worse",
        "turned: kept",
        "lost",
    ]
    shown = [[f"{c:.2f}" if isinstance(c, float) else c for c in line] for line in lines]
    print_table(
        f"Warm start, {own.sampler}, {own.trials} trials, {own.searches} searches each", header, shown
    )
    for column in (4, 5, 6):
        mean = math.exp(statistics.fmean(math.log(line[column]) for line in lines))
        print(f"{header[column]}: geometric mean {mean:.2f}, {met(mean, at_least=2)}")


if __name__ == "__main__":
    main()
