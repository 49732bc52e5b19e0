"""How often does `retemper.drift` cry wolf? Trials without drift, at windows of 50 to 2,000 rows.

Each trial draws a reference of 10,000 rows and a window of 20 columns from one distribution and asks for drift at
alpha = .05. *numbers*: normal, skewed, uniform, rounded and correlated columns; *categories*: 30 levels, of equal or
of falling frequency; *mixed*: ten of each, one cell in twenty missing in half of them; *wide*: 100 columns, half of
them counts, half of them levels, near copies among them. The alarm rate is shown with Wilson's 95 % interval: a rate of
at most 5 % is refuted where the interval lies above it. *columns* is the share of columns that are called drifted after
all corrections, *uncorrected* the share with p <= .05 (*wide*: of levels, p is corrected within the family).

usage: python benchmarks/drift_alarms.py [--trials 1000] [--reference 10000] [--windows 50,100,200,500,2000]
       [--tables numbers,categories,mixed,wide] [--first 0]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import polars as pl
from measuring import print_table
from scipy.stats import binomtest

import retemper

COLUMNS, LEVELS, ALPHA = 20, 30, 0.05
WORDS = np.array([f"level {k:02d}" for k in range(LEVELS)])
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
    return {f"c{k}": pl.Series(draw.choice(WORDS, rows, p=shares[k % 2])) for k in range(columns)}


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--reference", type=int, default=10_000)
    parser.add_argument("--windows", default="50,100,200,500,2000")
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    options = parser.parse_args()
    rows = []
    for name in options.tables.split(","):
        for window in map(int, options.windows.split(",")):
            rows.append([name, window, *_alarms(name, window, options)])
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
    print_table(f"False alarms at alpha = {ALPHA}, {options.reference} reference rows", header, rows)


def _alarms(name: str, window: int, options: argparse.Namespace) -> list[str]:
    began, alarms, columns, uncorrected, tests = time.process_time(), 0, 0, 0, 0
    for trial in range(options.first, options.first + options.trials):
        draw = np.random.default_rng([trial, window, list(TABLES).index(name)])
        found = retemper.drift(
            pl.DataFrame(TABLES[name](draw, options.reference)),
            pl.DataFrame(TABLES[name](draw, window)),
            ALPHA,
            seed=trial,
        )
        alarms += found.detected
        columns += len(found.drifted)
        uncorrected += sum(column.p_value <= ALPHA for column in found.columns)
        tests += len(found.columns)
    interval = binomtest(alarms, options.trials).proportion_ci(method="wilson")
    return [
        str(options.trials),
        f"{alarms / options.trials:.1%}",
        f"{interval.low:.1%} to {interval.high:.1%}",
        f"{columns / tests:.2%}",
        f"{uncorrected / tests:.1%}",
        f"{(time.process_time() - began) / options.trials:.2f}",
    ]


if __name__ == "__main__":
    main()
