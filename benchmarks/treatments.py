"""Do treatments of columns pay on rows that nobody chose by?

Each table is split 75/25 by the seed, and trained twice on the same rows: as a user would, and with --no-clean, which
tries no treatment. The gain is in the main metric on the test rows, in per cent of the untreated one; positive is
better. `kept` names what the run kept, `tried` counts what it raced. With --damage the table is spoilt first: a fifth
of the cells of every second number is emptied, another number has -999 in a tenth of its cells, and a third has one
cell in fifty a thousand times too large; so that there is something to treat.

usage: python benchmarks/treatments.py [TABLE.csv TARGET ...] [--only TEXT] [--rows 6000] [--seeds 2] [--damage]
           [--time-limit 60s]
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from made_tables import Source, adult_like, bundled, cut, friedman, given, parser
from measuring import RETEMPER, print_table, run

SKLEARN = ("breast_cancer", "diabetes", "digits")
MAIN = {"classification": "log_loss", "regression": "rmse"}


def damaged(source: Source, seed: int) -> Source:
    """The table with gaps, placeholders and slips in its numbers; the target stays."""
    draw, frame = np.random.default_rng(seed), source.frame
    numbers = [name for name in frame.columns if name != source.target and frame[name].dtype.is_numeric()]
    for k, name in enumerate(numbers):
        cells = frame[name].cast(pl.Float64)
        chance = pl.Series(draw.random(frame.height))
        if k == 0:
            spoilt = pl.when(chance < 0.1).then(-999.0).otherwise(cells)
        elif k == 2:
            spoilt = pl.when(chance < 0.02).then(1000.0 * cells).otherwise(cells)
        elif k % 2:
            spoilt = pl.when(chance < 0.2).then(None).otherwise(cells)
        else:
            continue
        frame = frame.with_columns(spoilt.alias(name))
    return replace(source, frame=frame)


def trained(place: Path, source: Source, seed: int, words: list[str]) -> dict[str, Any]:
    """result.json of a run on the two files in the folder."""
    printed = run(
        *RETEMPER, "train", place / "train.csv", "--test", place / "test.csv", "--target", source.target,
        "--seed", seed, "--out", place / f"run{len(words)}", "--json", *words,
    )[1]  # fmt: skip
    found: dict[str, Any] = json.loads(printed)
    return found


def compared(source: Source, seed: int, limit: list[str]) -> tuple[float, list[str], int, list[str]]:
    """The gain in per cent, what was kept, how many were tried, and the cells that were changed."""
    order = np.random.default_rng(seed).permutation(source.frame.height)
    own = source.frame.height // 4
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source.frame[order[own:]].write_csv(place / "train.csv")
        source.frame[order[:own]].write_csv(place / "test.csv")
        treated = trained(place, source, seed, limit)
        plain = trained(place, source, seed, [*limit, "--no-clean"])
    metric = MAIN[treated["task"]]
    after, before = (own["metrics"]["test"][metric]["value"] for own in (treated, plain))
    search = next(step for step in treated["steps"] if step["name"] == "search_coarse")["evidence"]
    kept = [one for one in search["treatments"] if one["verdict"] == "kept"]
    raced = sum(one["verdict"] != "not_tried" for one in search["treatments"])
    cells = [
        f"{cell['column'] or 'rows'}: {cell['cells']} ({cell['before']} → {cell['after']})"
        for one in kept
        for cell in one["cleaned"]
    ]
    return 100 * (before - after) / before, [one["name"] for one in kept], raced, cells


def line(source: Source, seeds: int, limit: list[str]) -> tuple[object, ...]:
    """A row of the table: all seeds of one source."""
    found = [compared(source, seed, limit) for seed in range(seeds)]
    gains = [f"{gain:+.1f}" for gain, *_ in found]
    kept = "; ".join(", ".join(names) or "none" for _, names, _, _ in found)
    size = f"{source.frame.height:,}×{source.frame.width}"
    return (
        source.name,
        size,
        ", ".join(gains),
        kept,
        sum(raced for _, _, raced, _ in found),
        "; ".join(found[0][3]),
    )


def main() -> None:
    """Measure and print."""
    command = parser(__doc__ or "")
    command.add_argument("--seeds", type=int, default=2)
    command.add_argument("--damage", action="store_true", help="spoil the numbers first")
    command.add_argument("--time-limit", help="of each training")
    options = command.parse_args()
    limit = ["--time-limit", options.time_limit] if options.time_limit else []
    sources = [*map(bundled, SKLEARN), adult_like(5, 6000), friedman(2000), *given(options.pairs)]
    sources = [cut(one, options.rows, 0) for one in sources if not options.only or options.only in one.name]
    if options.damage:
        sources = [damaged(one, 0) for one in sources]
    print_table(
        f"Treatments of columns against --no-clean, {options.seeds} seeds, test rows",
        ("table", "size", "gains in %", "kept, seed by seed", "raced", "cells changed, first seed"),
        [line(one, options.seeds, limit) for one in sources],
    )


if __name__ == "__main__":
    main()
