"""Are planted leaks found, and is nothing reported on tables as they come?

Each kind of leak is planted alone: a column made from the target (renamed, with noise, with gaps, known only
afterwards), the next row's target in tables whose rows follow each other, and 5 % of the rows copied before the table
is split, or from the training rows into a test of the user's own. A leak counts as found when the column's name (or
the copies) is reported. Tables "as they come" are not known to be free of leaks; what is said of them is printed.

usage: python benchmarks/planted_leaks.py [TABLE.csv TARGET ...] [--only TEXT] [--rows 6000] [--seed 0]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from made_tables import Source, adult_like, bundled, clouds, cut, friedman, given, parser
from measuring import print_table
from numpy.typing import NDArray

from retemper.core.recipe_sections import DataOptions, SplitOptions
from retemper.core.records import Finding, NotApplicable
from retemper.data.duplicates import duplicates_across_splits
from retemper.data.leakage import leakage
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.split import split

COPIED = 0.05
FOLLOWS = 0.5
"""Autocorrelation of the target from which the next row's target is a leak worth the name."""
SKLEARN = ("breast_cancer", "diabetes", "digits", "wine")
Random = np.random.Generator
Cells = NDArray[Any]


def renamed(y: Cells, numeric: bool, random: Random) -> Cells:
    """The target under other names, or in another unit."""
    return 2.54 * y + 7 if numeric else np.array([f"k{v}" for v in np.unique(y, return_inverse=True)[1]])


def noisy(share: float) -> Callable[[Cells, bool, Random], Cells]:
    """The target with noise: so much of its deviation, or this share of the cells from other rows."""

    def plant(y: Cells, numeric: bool, random: Random) -> Cells:
        if numeric:
            return y + share * y.std() * random.normal(size=len(y))
        return np.where(random.random(len(y)) < share, random.permutation(y), y)

    return plant


def as_number(y: Cells, numeric: bool, random: Random) -> Cells:
    """A class's number with noise of .3; of a number its decile."""
    if numeric:
        return np.searchsorted(np.quantile(y, np.arange(0.1, 1, 0.1)), y)
    return np.unique(y, return_inverse=True)[1] + 0.3 * random.normal(size=len(y))


def afterwards(y: Cells, numeric: bool, random: Random) -> Cells:
    """An amount that is 0 but for one class; of a number a multiple, 10 % off."""
    if numeric:
        return (y - y.min() + y.std()) * random.lognormal(0, 0.1, len(y))
    return np.where(y == np.unique(y)[-1], random.lognormal(3, 1, len(y)), 0.0).round(2)


def with_gaps(y: Cells, numeric: bool, random: Random) -> Cells:
    """A copy in seven rows of ten, empty in the others."""
    gone = random.random(len(y)) < 0.3
    return np.where(gone, np.nan, y) if numeric else np.where(gone, None, y)


def finer(y: Cells, numeric: bool, random: Random) -> Cells:
    """Three levels a class; of a number two digits."""
    if numeric:
        return (20 * (y - y.min()) / np.ptp(y)).round()
    return np.array([f"{v}.{k}" for v, k in zip(y, random.integers(3, size=len(y)), strict=True)])


def score(y: Cells, numeric: bool, random: Random) -> Cells:
    """Another model's score: high for the last class; of a number its rank with noise."""
    if numeric:
        return np.argsort(np.argsort(y)) / len(y) + 0.05 * random.normal(size=len(y))
    own = y == np.unique(y)[-1]
    return np.where(own, random.beta(8, 2, len(y)), random.beta(2, 8, len(y)))


COLUMNS: dict[str, Callable[[Cells, bool, Random], Cells]] = {
    "renamed": renamed,
    "noise .05": noisy(0.05),
    "noise .2": noisy(0.2),
    "as a number": as_number,
    "afterwards": afterwards,
    "with gaps": with_gaps,
    "finer": finer,
    "score": score,
}
OTHERS = ("next row", "copies, own split", "copies, own test")


def asked(run: Callable[[], Finding | None]) -> Finding | None:
    """The finding; None where the check does not apply."""
    try:
        return run()
    except NotApplicable:
        return None


def leaking_columns(frame: pl.DataFrame, target: str) -> set[str]:
    """Names of the columns reported."""
    table = read(frame, target)
    schema = infer(table, DataOptions(target=target))
    found = asked(lambda: leakage(table.frame, schema))
    return set() if found is None else set(found.evidence["columns"])


def copies(frame: pl.DataFrame, target: str, seed: int) -> Finding | None:
    """What is said of copies when the table is split as ``train`` splits it."""
    table = read(frame, target)
    schema = infer(table, DataOptions(target=target))
    splits = split(table, schema, SplitOptions(), seed)
    seen = np.sort(np.concatenate([splits.train, splits.validation]))
    part = np.isin(seen, splits.validation).astype(np.int8)
    return asked(lambda: duplicates_across_splits(table.frame[seen], schema, part))


def copies_in_test(frame: pl.DataFrame, target: str, copied: int, random: Random) -> bool:
    """Are copies in a quarter of the rows, the user's own test, found?"""
    order = random.permutation(frame.height)
    own = frame.height // 4
    test, train = order[:own], order[own:]
    test = np.concatenate([test[copied:], random.choice(train, copied, replace=False)]) if copied else test
    both = read(frame[np.concatenate([train, test])], target)
    schema = infer(both, DataOptions(target=target))
    part = (np.arange(both.frame.height) >= len(train)).astype(np.int8)
    return asked(lambda: duplicates_across_splits(both.frame, schema, part, "test")) is not None


def follows(y: Cells) -> bool:
    """Does the target change slowly from row to row?"""
    return y.dtype.kind in "fiu" and bool(np.corrcoef(y[:-1], y[1:])[0, 1] > FOLLOWS)


def planted(source: Source, seed: int) -> dict[str, bool | None]:
    """Whether each kind of leak is found; None where it can't be planted."""
    random = np.random.default_rng(seed)
    frame, target = source.frame, source.target
    y = frame[target].to_numpy()
    numeric = infer(read(frame, target), DataOptions(target=target)).task == "regression"
    y = y.astype(float) if numeric else y.astype(str).astype(object)
    found: dict[str, bool | None] = {}
    for kind, plant in COLUMNS.items():
        own = pl.Series("planted", plant(y, numeric, random).tolist(), strict=False)
        found[kind] = "planted" in leaking_columns(frame.with_columns(own), target)
    found["next row"] = None
    if follows(y):
        own = pl.Series("planted", np.append(y[1:], y[-1]))
        found["next row"] = "planted" in leaking_columns(frame.with_columns(own), target)
    count = max(5, round(COPIED * frame.height))
    twice = pl.concat([frame, frame[random.choice(frame.height, count, replace=False)]])
    shuffled = twice[random.permutation(twice.height)]
    found["copies, own split"] = copies(shuffled, target, seed) is not None
    found["copies, own test"] = copies_in_test(
        frame, target, max(5, round(COPIED * frame.height / 4)), random
    )
    return found


def as_they_come(source: Source, seed: int) -> list[str]:
    """Everything that is said of leaks in the table as it is."""
    said = [f"column {name}" for name in sorted(leaking_columns(source.frame, source.target))]
    found = copies(source.frame, source.target, seed)
    if found is not None:
        said.append(f"copies across the split: {found.evidence['share']:.1%} ({found.severity})")
    if copies_in_test(source.frame, source.target, 0, np.random.default_rng(seed)):
        said.append("copies in a test at random")
    return said


def main() -> None:
    """Measure and print."""
    command = parser(__doc__ or "")
    command.add_argument("--seed", type=int, default=0)
    options = command.parse_args()
    made = [adult_like(5, 6000), clouds(4, 4000), friedman(2000)]
    sources = [*map(bundled, SKLEARN), *made, *given(options.pairs)]
    kinds = (*COLUMNS, *OTHERS)
    totals = {kind: [0, 0] for kind in kinds}
    lines, reports = [], 0
    for source in (cut(one, options.rows, options.seed) for one in sources):
        if options.only and options.only not in source.name:
            continue
        found, said = planted(source, options.seed), as_they_come(source, options.seed)
        reports += bool(said)
        for kind, own in found.items():
            totals[kind][0] += own is True
            totals[kind][1] += own is not None
        missed = [kind for kind, own in found.items() if own is False]
        size = f"{source.frame.height:,}×{source.frame.width}"
        lines.append((source.name, size, ", ".join(missed) or "none", "; ".join(said) or "nothing"))
    print_table("Planted leaks, table by table", ("table", "size", "missed", "said as it comes"), lines)
    rows = [(kind, f"{own[0]} of {own[1]}") for kind, own in totals.items()]
    rows.append(("tables as they come with a report", f"{reports} of {len(lines)}"))
    print_table("Planted leaks found", ("kind", "found"), rows)


if __name__ == "__main__":
    main()
