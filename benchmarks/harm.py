"""Does a model do worse on new rows? How good are the answers of `retraining/harm`, with labels and without?

*measured*: two samples of simulated losses; how often does the interval of now − before hold the truth?

*estimated*: real tables. A network is trained on rows of one regime (young people, small diamonds, cold days, 2015).
The rows that it has not seen are dealt to both regimes by odds that follow a column: the reference is drawn from the
one, the new rows from the other. The truth is the metric's change between all unseen rows under these odds. Without the
new labels, how far off is each way, how often does the interval hold the truth, and what is the verdict? *CBPE alone*
is what the model's probabilities let expect of the new rows, less the metric known of the reference. All in points:
.01 of a log loss, 1 % of an RMSE. *(none)*: new rows of the reference's own regime, where nothing is lost.

usage: python benchmarks/harm.py measured [--trials 300] [--only TEXT]
       python benchmarks/harm.py estimated --data FOLDER [--trials 10] [--reference 2000] [--new 1000] [--only TEXT]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from measuring import print_table
from numpy.typing import NDArray

from retemper import NetClassifier, NetRegressor
from retemper.evaluation.metrics import main_metric, metrics
from retemper.retraining.harm.estimated import estimated
from retemper.retraining.harm.expected import expected_of_classes
from retemper.retraining.harm.measured import standings
from retemper.retraining.harm.rows import Rows
from retemper.retraining.harm.verdict import difference, point_of

Floats = NDArray[np.float64]
Random = np.random.Generator
SIZES = ((30, 30), (100, 100), (1000, 100), (500, 500), (2000, 2000))
TRUTH_ROWS, TRAINED_ROWS, WORSE = 1_000_000, 4000, 1.2


@dataclass(frozen=True)
class Shift:
    """A table, and how its rows are dealt: the odds of the reference's regime by a column."""

    name: str
    file: str
    target: str
    column: str
    reference_odds: Callable[[Floats], Floats]
    keep_column: bool = True


def slope(middle: float, width: float) -> Callable[[Floats], Floats]:
    """Small cells belong to the reference, large ones to the new rows."""
    return lambda cells: 1 / (1 + np.exp((cells - middle) / width))


def up_to(last: float, first_share: float) -> Callable[[Floats], Floats]:
    """Cells up to ``last`` belong to the reference with this probability, others with the rest."""
    return lambda cells: np.where(cells <= last, first_share, 1 - first_share)


SHIFTS = (
    Shift("adult, by age", "adult.csv.gz", "income", "age", slope(38, 8)),
    Shift("adult, by hours", "adult.csv.gz", "income", "hours_per_week", slope(42, 8)),
    Shift(
        "employment, 2015 to later", "employment_by_year.csv.gz", "employed", "year", up_to(2015, 1.0), False
    ),
    Shift("employment, by age", "employment_by_year.csv.gz", "employed", "AGEP", slope(40, 10)),
    Shift("diamonds, by carat", "diamonds.csv.gz", "price", "carat", slope(0.9, 0.25)),
    Shift("diamonds, by depth", "diamonds.csv.gz", "price", "depth", slope(62, 0.7)),
    Shift("bikeshare, by season", "bikeshare.csv.gz", "bikers", "season", up_to(2, 0.85)),
    Shift("bikeshare, by temperature", "bikeshare.csv.gz", "bikers", "temp", slope(0.5, 0.12)),
)


def laws() -> Iterator[tuple[str, str, Callable[[Random, int, float], Rows]]]:
    """Name, metric, and a draw of rows whose losses grow with the last argument."""

    def errors(noise: Callable[[Random, int], Floats]) -> Callable[[Random, int, float], Rows]:
        return lambda draw, rows, scale: Rows.of("regression", np.zeros(rows), scale * noise(draw, rows))

    def classes(draw: Random, rows: int, scale: float, sharp: float = 1.0) -> Rows:
        y = draw.integers(2, size=rows)
        logit = sharp * (2 * (2 * y - 1) / scale + 1.4 * draw.normal(size=rows))
        p = 1 / (1 + np.exp(-logit))
        return Rows.of("classification", np.stack([1 - p, p], 1), y)

    yield "normal errors", "rmse", errors(lambda draw, n: draw.normal(size=n))
    yield "t4 errors", "rmse", errors(lambda draw, n: draw.standard_t(4, size=n))
    yield (
        "log-normal errors",
        "rmse",
        errors(lambda draw, n: draw.lognormal(0, 0.8, n) * draw.choice([-1, 1], n)),
    )
    yield "exponential errors", "mae", errors(lambda draw, n: draw.exponential(size=n))
    yield "classes", "log_loss", classes
    yield "too sure of classes", "log_loss", lambda draw, rows, scale: classes(draw, rows, scale, 3.0)
    yield "classes", "accuracy", classes


def run_measured(trials: int, only: str) -> None:
    """Coverage of the interval of the difference, losses grown by a fifth."""
    found = []
    for name, metric, draw_rows in laws():
        if only not in name:
            continue
        draw = np.random.default_rng(0)
        every = [draw_rows(draw, TRUTH_ROWS, scale) for scale in (1.0, WORSE)]
        before, now = (metrics(own.task, own.y, own.outputs)[metric] for own in every)  # type: ignore[arg-type]
        shares = []
        for sizes in SIZES:
            held = 0
            for _ in range(trials):
                sides = zip(sizes, (1.0, WORSE), strict=True)
                stood = [standings(draw_rows(draw, rows, scale))[metric] for rows, scale in sides]
                low, high = difference(*stood)
                held += low <= now - before <= high
            shares.append(f"{100 * held / trials:.0f}")
        found.append([name, metric, *shares])
    heads = [f"{before} and {now} rows" for before, now in SIZES]
    print_table(
        f"95 % interval of now − before holds the truth, % of {trials} trials",
        ["losses", "metric", *heads],
        found,
    )


def numbers_of(frame: pl.DataFrame) -> tuple[Floats, Floats]:
    """Every column as one of numbers, categories by their place in the alphabet; and one-hot, standardised."""
    plain, wide = [], []
    for cells in frame:
        if cells.dtype in (pl.String, pl.Boolean):
            codes = cells.cast(pl.String).fill_null("").rank("dense").to_numpy().astype(np.float64)
            plain.append(codes[:, None])
            wide.append((codes[:, None] == np.unique(codes)).astype(np.float64))
        else:
            values = cells.cast(pl.Float64).fill_null(cells.cast(pl.Float64).median()).to_numpy()
            plain.append(values[:, None])
            wide.append(((values - values.mean()) / values.std())[:, None])
    return np.hstack(plain), np.hstack(wide)


def answered(shift: Shift, folder: Path) -> tuple[Rows, Floats]:
    """Unseen rows with the network's answers, and each one's odds of belonging to the reference."""
    frame = pl.read_csv(folder / shift.file, null_values=["", "?", "NA"], infer_schema_length=None)
    frame = frame.rename({name: name.replace("-", "_") for name in frame.columns})
    odds = shift.reference_odds(frame[shift.column].cast(pl.Float64).to_numpy())
    inputs = frame.drop([shift.target, *([] if shift.keep_column else [shift.column])])
    plain, wide = numbers_of(inputs)
    draw = np.random.default_rng(0)
    order = draw.permutation(frame.height)
    unseen, rest = order[: frame.height // 2], order[frame.height // 2 :]
    rest = rest[draw.random(len(rest)) < odds[rest]][:TRAINED_ROWS]
    target = frame[shift.target]
    if target.n_unique() == 2:
        y = (target.cast(pl.String).rank("dense").to_numpy() - 1).astype(np.int64)
        net = NetClassifier(hidden_units=64, epochs=20, random_state=0).fit(wide[rest], y[rest])
        said = net.predict_proba(wide[unseen])
        return Rows.of("classification", said, y[unseen], features=plain[unseen]), odds[unseen]
    value = target.cast(pl.Float64).to_numpy()
    net = NetRegressor(hidden_units=64, epochs=40, random_state=0).fit(wide[rest], value[rest])
    return Rows.of("regression", net.predict(wide[unseen]), value[unseen], features=plain[unseen]), odds[
        unseen
    ]


def drawn(draw: Random, rows: Rows, of: NDArray[np.int64], odds: Floats, size: int) -> Rows:
    """So many of some rows, each let in by its odds; fewer where fewer are."""
    return rows.take(of[draw.random(len(of)) < odds[of] / odds.max()][:size])


def estimates(rows: Rows, reference: Floats, new: Floats, sizes: tuple[int, int], trials: int) -> list[str]:
    """One line of the table."""
    metric = main_metric(rows.task)
    assert rows.y is not None
    before, now = (metrics(rows.task, rows.y, rows.outputs, odds)[metric] for odds in (reference, new))
    truth, point = now - before, point_of(metric, before)
    off: dict[str, list[float]] = {"alone": [], "words": [], "importance": [], "both": []}
    held, width, verdicts, words = 0, 0.0, Counter[str](), Counter[str]()
    for trial in range(trials):
        draw = np.random.default_rng(trial)
        order = draw.permutation(rows.count)
        sides = order[: rows.count // 2], order[rows.count // 2 :]
        then = drawn(draw, rows, sides[0], reference, sizes[0])
        later = drawn(draw, rows, sides[1], new, sizes[1])
        harm = estimated(metric, later, then, seed=trial)
        assert harm.before is not None and harm.low is not None and harm.high is not None
        held += harm.low <= truth <= harm.high
        width += (harm.high - harm.low) / 2 / point / trials
        verdicts[harm.verdict] += 1
        words[harm.reliability or "none"] += 1
        for name, way in harm.estimates.items():
            off[name].append(abs(way.now - harm.before - truth) / point)
        if rows.task == "classification":
            says = float(expected_of_classes(metric, later)(later.weight[:, None])[0])
            off["alone"].append(abs(says - harm.before - truth) / point)
    ways = [f"{np.mean(own):.1f}" if own else "-" for own in off.values()]
    told = [", ".join(f"{count} {name}" for name, count in own.most_common()) for own in (verdicts, words)]
    return [metric, f"{truth / point:+.1f}", *ways, f"{held} of {trials}", f"{width:.1f}", *told]


def run_estimated(folder: Path, sizes: tuple[int, int], trials: int, only: str) -> None:
    """Estimates beside the truth, table by table."""
    found = []
    for shift in SHIFTS:
        if only not in shift.name:
            continue
        rows, odds = answered(shift, folder)
        found.append([shift.name, *estimates(rows, odds, 1 - odds, sizes, trials)])
        found.append(["(none)", *estimates(rows, odds, odds, sizes, trials)])
        print(*found[-2:], sep="\n", file=sys.stderr, flush=True)
    head = ["shift", "metric", "true change", "CBPE alone", "words", "importance", "both"]
    head += ["interval holds", "± points", "verdicts", "reliability"]
    print_table(
        f"Points that each way is off on average, {sizes[0]} reference and {sizes[1]} new rows", head, found
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("measured", "estimated"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--reference", type=int, default=2000)
    parser.add_argument("--new", type=int, default=1000)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    if asked.what == "measured":
        return run_measured(asked.trials or 300, asked.only)
    if asked.data is None:
        parser.error("estimated needs --data, a folder with the tables")
    return run_estimated(asked.data, (asked.reference, asked.new), asked.trials or 10, asked.only)


if __name__ == "__main__":
    main()
