"""Train on n rows, let the learning curve promise what 2n rows would bring, and look.

The curve of :func:`retemper.evaluation.sample_size.sample_size_curve` is drawn as a run draws it: three bags of five
folds, each network on an eighth, a quarter, half and all of its rows. The truth is the mean gain of other networks from
n to 2n rows of the same source, judged by rows that nobody has seen. *Holds*: intervals with the true gain inside;
*wide*: their median width, a share of the loss; *wrong*: "no" where 1 % or more is to be had, or "yes" where less is.

The networks have a layer of random units, of which only the last weights are fitted (in closed form, or by 25 steps of
Böhning's bound): a curve takes a tenth of a second. ``--own`` asks runs of retemper instead, at n and at 2n rows (some
ten seconds of processor time each); the truth is then the last step, half to all rows, of the runs at 2n.

usage: python benchmarks/learning_curves.py [--simulations 30] [--own] [--only TEXT] [TABLE.csv TARGET ROWS]...
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measuring import met, print_table
from nested_coverage import SMALL
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

import retemper
from retemper.evaluation.metrics import row_losses
from retemper.evaluation.sample_size import WORTH, sample_size_curve
from retemper.procedure.sample_sizes import DRAWS, SIZES, sizes_of

Floats = NDArray[np.float64]
Rows = tuple[Floats, NDArray[Any], int]
"""Numbers [N, columns], targets [N], number of classes (0: a regression)."""
UNITS, DECAY, STEPS, FOLDS = 48, 1.0, 25, 5
TRUTHS, JUDGES = 100, 4_000
OWN = {**SMALL, "procedure.understand": True, "procedure.nested_rows": 0, "search.trials": 4}


def made(kind: str, rows: int, seed: int) -> Rows:
    """Six normal columns and a target of one kind."""
    draw = np.random.default_rng([3, seed])
    x = draw.normal(size=(rows, 6))
    if kind == "two classes":
        return x, (draw.random(rows) < 1 / (1 + np.exp(-1.5 * x[:, 0] - x[:, 1] * x[:, 2]))).astype(int), 2
    if kind == "pure noise":
        return x, (draw.random(rows) < 0.5).astype(int), 2
    if kind == "three bands":
        return x, np.digitize(x[:, 0] + x[:, 1] + 0.2 * draw.normal(size=rows), [-0.8, 0.8]), 3
    wave = np.sin(2 * x[:, 0])
    if kind == "heavy tails":
        return x, wave + x[:, 1] + 0.4 * draw.standard_t(3, size=rows), 0
    return x, wave + 0.5 * x[:, 1] * x[:, 2] + 0.5 * draw.normal(size=rows), 0


def bundled(load: Callable[..., Any], classes: int) -> Rows:
    """One of scikit-learn's tables."""
    x, y = load(return_X_y=True)
    return x, y, classes


def from_file(path: str, target: str) -> Rows:
    """The numbers of a CSV file, empty cells as 0; more than 30 different numbers as target are a regression."""
    frame = pl.read_csv(path, infer_schema_length=None)
    x = frame.drop(target).select(pl.selectors.numeric()).fill_null(0).to_numpy().astype(np.float64)
    y = frame[target]
    if y.dtype.is_numeric() and y.n_unique() > 30:
        return x, y.to_numpy().astype(np.float64), 0
    return x, y.cast(pl.String).rank("dense").to_numpy().astype(int) - 1, y.n_unique()


def network(x: Floats, y: NDArray[Any], classes: int, seed: int) -> Callable[[Floats], Floats]:
    """Fit a network with a random layer; it says probabilities [N, C] or values [N]."""
    draw = np.random.default_rng([7, seed])
    weights = 1.5 * draw.normal(size=(x.shape[1], UNITS)) / np.sqrt(x.shape[1])
    shift, mean, scale = draw.uniform(-1.5, 1.5, UNITS), x.mean(0), x.std(0) + 1e-9

    def seen(cells: Floats) -> Floats:
        z = (cells - mean) / scale
        return np.hstack([np.tanh(z @ weights + shift), z, np.ones((len(z), 1))])

    units = seen(x)
    ridge = DECAY * np.eye(units.shape[1])
    if not classes:
        centre, spread = y.mean(), y.std() + 1e-9
        last = np.linalg.solve(units.T @ units + ridge, units.T @ ((y - centre) / spread))
        return lambda cells: np.asarray(seen(cells) @ last * spread + centre)
    bound = np.linalg.inv((1 - 1 / classes) / 2 * units.T @ units + ridge)
    last = np.zeros((units.shape[1], classes))
    for _ in range(STEPS):
        last += bound @ (units.T @ (np.eye(classes)[y] - _softmax(units @ last)) - DECAY * last)
    return lambda cells: _softmax(seen(cells) @ last)


def _softmax(z: Floats) -> Floats:
    p = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(p / p.sum(1, keepdims=True))


def losses(rows: Rows, train: NDArray[np.int64], judge: NDArray[np.int64], seed: int) -> Floats:
    """Of the rows that judge, by a network of others."""
    x, y, classes = rows
    said = network(x[train], y[train], classes, seed)(x[judge])
    return row_losses("classification" if classes else "regression", y[judge], said)


def curve(rows: Rows, seed: int) -> tuple[list[int], list[Floats], int]:
    """Numbers of rows, the losses of all rows at each [draws, N], and the rows there are to train on."""
    count = len(rows[1])
    have = count * (FOLDS - 1) // FOLDS
    sizes = sizes_of(have)[-SIZES:]
    found = [np.empty((DRAWS, count)) for _ in sizes]
    for draw in range(DRAWS):
        random = np.random.default_rng([seed, draw])
        fold = random.permutation(np.arange(count) % FOLDS)
        for own in range(FOLDS):
            order, judge = random.permutation(np.flatnonzero(fold != own)), np.flatnonzero(fold == own)
            for at, size in enumerate(sizes):
                found[at][draw, judge] = losses(
                    rows, order[:size], judge, (seed * DRAWS + draw) * FOLDS + own
                )
    return sizes, found, have


def truth(rows: Rows, have: int) -> tuple[float, float]:
    """The main metric of networks of so many rows, and of twice as many."""
    means = np.zeros(2)
    for number in range(TRUTHS):
        order = np.random.default_rng([99, number]).permutation(len(rows[1]))
        judge = order[2 * have :][:JUDGES]
        means += [losses(rows, order[:size], judge, 10**6 + number).mean() for size in (have, 2 * have)]
    now, then = np.sqrt(means / TRUTHS) if not rows[2] else means / TRUTHS
    return float(now), float(then)


def some(source: str | Rows, rows: int, seed: int) -> Rows:
    """A new made table, or rows drawn from a real one."""
    if isinstance(source, str):
        return made(source, rows, seed)
    own = np.random.default_rng([5, seed]).permutation(len(source[1]))[:rows]
    return source[0][own], source[1][own], source[2]


def promised(rows: Rows, seed: int) -> tuple[float, float, str]:
    """The gain's interval and the answer, by networks with a random layer."""
    sizes, found, have = curve(rows, seed)
    said = sample_size_curve(sizes, found, np.ones(len(rows[1])), not rows[2], have, seed=seed)
    assert said.gain.low is not None and said.gain.high is not None
    return said.gain.low, said.gain.high, said.answer


def asked(rows: Rows, seed: int) -> dict[str, Any]:
    """``more_data`` of a run."""
    x, y, classes = rows
    frame = pl.DataFrame({f"x{k}": column for k, column in enumerate(x.T)})
    frame = frame.with_columns(y=pl.Series([f"c{code}" for code in y] if classes else y))
    with tempfile.TemporaryDirectory() as folder:
        run = retemper.train(frame, target="y", out=Path(folder) / "run", seed=seed, set=OWN)
        found: dict[str, Any] = run.result["understanding"]["more_data"]
    return found


def by_own(
    source: str | Rows, rows: int, simulations: int
) -> tuple[float, float, list[tuple[float, float, str]]]:
    """The true gain, the loss at n, and what the runs at n promised."""
    at, above = (
        [
            found
            for seed in range(simulations)
            if "gain" in (found := asked(some(source, size, first + seed), seed))
        ]
        for size, first in ((rows, 0), (2 * rows, simulations))
    )
    steps = [found["points"][-2]["value"] - found["points"][-1]["value"] for found in above]
    now = float(np.mean([found["points"][-1]["value"] for found in at]))
    said = [(found["gain"]["low"], found["gain"]["high"], found["answer"]) for found in at]
    return float(np.mean(steps)), now, said


def by_random_layers(
    source: str | Rows, rows: int, simulations: int
) -> tuple[float, float, list[tuple[float, float, str]]]:
    """As :func:`by_own`, by networks with a random layer."""
    have = rows * (FOLDS - 1) // FOLDS
    whole = made(source, 2 * have + JUDGES, 12_345) if isinstance(source, str) else source
    now, then = truth(whole, have)
    return now - then, now, [promised(some(source, rows, seed), seed) for seed in range(simulations)]


def line(title: str, found: tuple[float, float, Sequence[tuple[float, float, str]]]) -> tuple[Any, ...]:
    """A row of the printed table."""
    gain, now, said = found
    holds = float(np.mean([low <= gain <= high for low, high, _ in said]))
    wrong = "no" if gain >= WORTH * now else "yes"
    answers = Counter(answer for *_, answer in said)
    told = ", ".join(f"{name} {count}" for name, count in sorted(answers.items()))
    wide = np.median([(high - low) / now for low, high, _ in said])
    return (
        title,
        f"{gain / now:.1%}",
        f"{holds:.0%}",
        f"{wide:.1%}",
        told,
        answers[wrong],
        met(holds, at_least=0.9),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description="does the learning curve's interval hold the gain of twice the rows?"
    )
    parser.add_argument("--simulations", type=int, default=30)
    parser.add_argument("--own", action="store_true", help="ask runs of retemper")
    parser.add_argument("--only", default="", help="tables whose name holds this")
    parser.add_argument("table", nargs="*", help="TABLE.csv TARGET ROWS, any number of times")
    options = parser.parse_args()
    kinds = ("two classes", "pure noise", "three bands", "a wave", "heavy tails")
    sources: list[tuple[str, str | Rows, int]] = [(kind, kind, 250) for kind in kinds]
    sources += [(kind, kind, 1_000) for kind in ("two classes", "a wave")]
    sources += [("digits", bundled(load_digits, 10), 400), ("diabetes", bundled(load_diabetes, 0), 200)]
    sources += [("breast_cancer", bundled(load_breast_cancer, 2), 200)]
    given = [options.table[at : at + 3] for at in range(0, len(options.table), 3)]
    sources += [(Path(path).name, from_file(path, target), int(rows)) for path, target, rows in given]
    measure = by_own if options.own else by_random_layers
    lines = [
        line(f"{title} {rows}", measure(source, rows, options.simulations))
        for title, source, rows in sources
        if options.only in title
    ]
    head = ("table, rows", "true gain", "holds", "wide", "answers", "wrong", "target")
    print_table(f"{options.simulations} simulations each", head, lines)


if __name__ == "__main__":
    main()
