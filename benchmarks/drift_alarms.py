"""How often does `retemper.drift` cry wolf? Trials without drift, at windows of 50 to 2,000 rows.

Each trial draws a reference of 10,000 rows and a window of 20 columns from one distribution and asks for drift at
alpha = .05. *numbers*: normal, skewed, uniform, rounded and correlated columns; *categories*: 30 levels, of equal or
of falling frequency; *mixed*: ten of each, one cell in twenty missing in half of them; *wide*: 100 columns, half of
them counts, half of them levels, near copies among them. The alarm rate is shown with Wilson's 95 % interval: a rate of
at most 5 % is refuted where the interval lies above it. *columns* is the share of columns that are called drifted after
all corrections, *uncorrected* the share with p <= .05 (*wide*: of levels, p is corrected within the family).

All cells go ahead together, 20 trials at a time. With --keep what is done stays in FILE, one line a trial, and is not
done again.

usage: python benchmarks/drift_alarms.py [--trials 1000] [--reference 10000] [--windows 50,100,200,500,2000]
       [--tables numbers,categories,mixed,wide] [--keep FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from measuring import print_table
from scipy.stats import binomtest

import retemper

COLUMNS, LEVELS, ALPHA = 20, 30, 0.05
AT_ONCE = 20
WORDS = pl.Series([f"level {k:02d}" for k in range(LEVELS)])
Table = dict[str, pl.Series]


def numbers(draw: np.random.Generator, rows: int, columns: int = COLUMNS) -> Table:
    common = draw.normal(size=rows)
    makers: list[Callable[[], np.ndarray]] = [
        lambda: draw.normal(size=rows),
        lambda: draw.lognormal(sigma=1.5, size=rows),
        lambda: draw.uniform(size=rows),
        lambda: draw.poisson(3, size=rows).astype(float),
        lambda: common + draw.normal(size=rows),
    ]
    return {f"n{k}": pl.Series(makers[k % len(makers)]()) for k in range(columns)}


def categories(draw: np.random.Generator, rows: int, columns: int = COLUMNS) -> Table:
    falling = 1 / np.arange(1.0, LEVELS + 1)
    shares = [None, falling / falling.sum()]
    return {f"c{k}": WORDS[draw.choice(LEVELS, rows, p=shares[k % 2])] for k in range(columns)}


def mixed(draw: np.random.Generator, rows: int) -> Table:
    table = numbers(draw, rows, COLUMNS // 2) | categories(draw, rows, COLUMNS // 2)
    for name in list(table)[::2]:
        missing = pl.Series(draw.random(rows) < 0.05)
        table[name] = table[name].set(missing, None)
    return table


def wide(draw: np.random.Generator, rows: int) -> Table:
    """100 columns: counts of a common rate, nearly always 0 in some, and levels of which every third copies another."""
    rate = draw.gamma(2.0, size=rows)
    table = {f"n{k}": pl.Series(draw.poisson(rate * 2.0 ** (k % 10 - 8)).astype(float)) for k in range(50)}
    levels = categories(draw, rows, 50)
    for k in range(2, 50, 3):
        keep = pl.Series(draw.random(rows) < 0.8)
        levels[f"c{k}"] = levels[f"c{k - 2}"].zip_with(keep, levels[f"c{k}"])
    return table | levels


TABLES: dict[str, Callable[[np.random.Generator, int], Table]] = {
    "numbers": numbers,
    "categories": categories,
    "mixed": mixed,
    "wide": wide,
}


@dataclass(frozen=True)
class Trial:
    """One call, and what it said of its columns."""

    table: str
    window: int
    number: int
    reference: int
    alarm: bool
    columns: int
    drifted: int
    uncorrected: int
    seconds: float

    @classmethod
    def of(cls, table: str, window: int, number: int, reference: int) -> Trial:
        draw = np.random.default_rng([number, window, list(TABLES).index(table)])
        sides = [pl.DataFrame(TABLES[table](draw, rows)) for rows in (reference, window)]
        began = time.process_time()
        found = retemper.drift(*sides, ALPHA, seed=number)
        seconds = time.process_time() - began
        low = sum(column.p_value <= ALPHA for column in found.columns)
        said = found.detected, len(found.columns), len(found.drifted), low
        return cls(table, window, number, reference, *said, seconds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--reference", type=int, default=10_000)
    parser.add_argument("--windows", default="50,100,200,500,2000")
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--keep", type=Path, default=None)
    options = parser.parse_args()
    cells = [
        (name, int(window)) for name in options.tables.split(",") for window in options.windows.split(",")
    ]
    done = list(_made(cells, options))
    header = (
        "table",
        "window",
        "trials",
        "alarms",
        "95 % interval",
        "columns",
        "uncorrected",
        "CPU s a trial",
    )
    rows = [_row(cell, [own for own in done if (own.table, own.window) == cell]) for cell in cells]
    print_table(f"False alarms at alpha = {ALPHA}, {options.reference} reference rows", header, rows)


def _made(cells: list[tuple[str, int]], options: argparse.Namespace) -> Iterator[Trial]:
    """All trials, those first that have been kept."""
    kept = options.keep if options.keep is not None and options.keep.exists() else None
    lines = [] if kept is None else kept.read_text().splitlines()
    earlier = [
        own for own in (Trial(**json.loads(line)) for line in lines) if own.reference == options.reference
    ]
    yield from (own for own in earlier if own.number < options.trials)
    known = {(own.table, own.window, own.number) for own in earlier}
    rounds = [range(first, first + AT_ONCE) for first in range(0, options.trials, AT_ONCE)]
    wanted = [(*cell, number) for numbers in rounds for cell in cells for number in numbers]
    for table, window, number in wanted:
        if number < options.trials and (table, window, number) not in known:
            yield _kept(Trial.of(table, window, number, options.reference), options.keep)


def _kept(trial: Trial, keep: Path | None) -> Trial:
    if keep is not None:
        with keep.open("a") as file:
            file.write(json.dumps(asdict(trial)) + "\n")
    return trial


def _row(cell: tuple[str, int], trials: list[Trial]) -> list[object]:
    count, alarms = len(trials), sum(own.alarm for own in trials)
    interval = binomtest(alarms, count).proportion_ci(method="wilson")
    columns = sum(own.columns for own in trials)
    return [
        *cell,
        count,
        f"{alarms / count:.1%}",
        f"{interval.low:.1%} to {interval.high:.1%}",
        f"{sum(own.drifted for own in trials) / columns:.2%}",
        f"{sum(own.uncorrected for own in trials) / columns:.1%}",
        f"{np.mean([own.seconds for own in trials]):.2f}",
    ]


if __name__ == "__main__":
    main()
