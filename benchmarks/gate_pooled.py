"""Old rows that judge the gain with the new ones: how often is a model promoted that is worse on the new world?

Small worlds: eight normal inputs, a value that is linear in them but for one product, noise. A champion (least squares)
has learnt from rows of the old world; a challenger from others. Both are judged as `retemper.retrain` does: rows of the
new and the old world that the champion has not seen, in folds, each judged by a model without its fold; the truth is
known. The new world differs in the law of the target (*concept*: a step of the slope) or of the inputs (*covariate*: a
step of their mean), in a direction drawn by lot.

Challengers: *other rows*, as many as the champion's, so that half of them are worse; *old only*: the same, but none of
the new world; *more rows*: the champion's rows and all new and old ones.

1. Of challengers that are worse on the new world, how many are promoted: by new rows alone (*alone*), by new and old
   ones always (*always*), and where drift isn't seen (*rule*, with --drifts calls of the drift tests; *seen* is how
   often it is).
2. The same of all that are better (power).
3. The worst that may happen: a challenger that gains much on old rows and nothing on new ones.

usage: python benchmarks/gate_pooled.py [--challengers 2000] [--drifts 0] [--new 200] [--old 600] [--table N]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl
from gate_simulated import told
from measuring import print_table
from numpy.typing import NDArray

from retemper.core.seeds import generator
from retemper.data.schema import Column
from retemper.evaluation.paired_metrics import PairedRows
from retemper.retraining.gate import gate
from retemper.retraining.two_samples.compare import compare
from retemper.retraining.two_samples.samples import TwoSamples

Floats = NDArray[np.float64]
Random = np.random.Generator
INPUTS, FOLDS, LEARNT, TRUTH_ROWS = 8, 5, 100, 4_000
DRIFTS = (
    ("none", 0.0),
    ("concept", 0.05),
    ("concept", 0.1),
    ("concept", 0.2),
    ("covariate", 0.2),
    ("covariate", 0.4),
)


@dataclass(frozen=True)
class World:
    """Where rows come from."""

    slope: Floats
    middle: Floats

    @classmethod
    def pair(cls, random: Random, kind: str, size: float) -> tuple[World, World]:
        """The old and the new one."""
        slope, way = random.normal(size=INPUTS), random.normal(size=INPUTS)
        step = size * way / np.linalg.norm(way)
        still = np.zeros(INPUTS)
        new = cls(slope + step, still) if kind == "concept" else cls(slope, step)
        return cls(slope, still), new

    def inputs(self, random: Random, rows: int) -> Floats:
        return self.middle + random.normal(size=(rows, INPUTS))

    def mean(self, x: Floats) -> Floats:
        return x @ self.slope + 0.5 * x[:, 0] * x[:, 1]

    def rows(self, random: Random, count: int) -> tuple[Floats, Floats]:
        x = self.inputs(random, count)
        return x, self.mean(x) + random.normal(size=count)


def fitted(x: Floats, y: Floats) -> Floats:
    """Least squares, with a bias."""
    return np.linalg.lstsq(with_one(x), y, rcond=None)[0]


def with_one(x: Floats) -> Floats:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


@dataclass(frozen=True)
class Trial:
    """A challenger, and what it gains in truth on the new world."""

    new: PairedRows
    old: PairedRows
    both: PairedRows
    gain: float
    samples: TwoSamples

    def promoted(self, pooled: bool) -> bool:
        return gate(self.new, self.old, like=self.both if pooled else None).promoted


def trial(seed: int, kind: str, size: float, challenger: str, sizes: tuple[int, int]) -> Trial:
    random = generator(seed, f"{kind} {size} {challenger}")
    worlds = World.pair(random, kind, size)
    seen = worlds[0].rows(random, LEARNT)
    sides = [worlds[1].rows(random, sizes[0]), worlds[0].rows(random, sizes[1])]
    x, y = (np.concatenate([own[k] for own in sides]) for k in (0, 1))
    is_new = np.arange(len(y)) < sizes[0]
    folds = random.permutation(len(y)) % (FOLDS + 1)
    teach = np.ones(len(y), dtype=bool)
    if challenger != "more rows":
        # As many rows as the champion had, those of the judged ones among them.
        able = (
            np.flatnonzero(folds > 0) if challenger == "other rows" else np.flatnonzero((folds > 0) & ~is_new)
        )
        teach = np.isin(np.arange(len(y)), random.permutation(able)[: LEARNT * FOLDS // (FOLDS - 1)])
    more = seen if challenger == "more rows" else (seen[0][:0], seen[1][:0])

    def learnt(without: int) -> Floats:
        rows = teach & (folds != 0) & (folds != without)
        return fitted(np.concatenate([more[0], x[rows]]), np.concatenate([more[1], y[rows]]))

    champion, served = fitted(*seen), learnt(0)
    said = with_one(x) @ served
    for fold in range(1, FOLDS + 1):
        said[folds == fold] = with_one(x[folds == fold]) @ learnt(fold)
    first = with_one(x) @ champion
    truth = worlds[1].inputs(random, TRUTH_ROWS)
    wrong = [np.mean((with_one(truth) @ own - worlds[1].mean(truth)) ** 2) for own in (champion, served)]
    new, old, both = (
        PairedRows.of("regression", y[own], first[own], said[own])
        for own in (is_new, ~is_new, np.ones(len(y), dtype=bool))
    )
    names = [f"x{k}" for k in range(INPUTS)]
    order = np.argsort(is_new, kind="stable")
    columns = tuple(Column(name, "number", 0, len(y), "") for name in names)
    samples = TwoSamples(
        pl.DataFrame(x[order], schema=names), sizes[1], columns, 0.05, 10, seed, first[order, None], ("",),
        pl.Series("y", y[order]), "regression",
    )  # fmt: skip
    return Trial(new, old, both, float(wrong[0] - wrong[1]), samples)


def of_worlds(asked: argparse.Namespace) -> None:
    """Tables 1 and 2."""
    worse, better = [], []
    for (kind, size), challenger in product(DRIFTS, ("other rows", "old only", "more rows")):
        trials = [trial(k, kind, size, challenger, (asked.new, asked.old)) for k in range(asked.challengers)]
        seen = {k: compare(trials[k].samples).detected for k in range(min(asked.drifts, len(trials)))}
        for lines, own in ((worse, [t.gain <= 0 for t in trials]), (better, [t.gain > 0 for t in trials])):
            own_trials = [t for t, mine in zip(trials, own, strict=True) if mine]
            if not own_trials:
                continue
            ways = [
                told(sum(t.promoted(pooled) for t in own_trials), len(own_trials)) for pooled in (False, True)
            ]
            tested = [k for k in seen if own[k]]
            rule = told(sum(trials[k].promoted(not seen[k]) for k in tested), len(tested)) if tested else ""
            alarms = f"{100 * np.mean(list(seen.values())):.0f}" if seen else ""
            lines.append([kind, str(size), challenger, str(len(own_trials)), *ways, rule, alarms])
    header = ["drift", "size", "challengers", "of these", "alone, %", "always, %", "rule, %", "seen, %"]
    print_table("Worse on the new world, promoted", header, worse)
    print_table("Better on the new world, promoted", header, better)


def of_the_worst(asked: argparse.Namespace) -> None:
    """Table 3: the gain on old rows in their standard deviations."""
    lines = []
    for rows, gain in product((1, 3, 10), (0.0, 0.05, 0.1, 0.3)):
        hits = [0, 0]
        for k in range(asked.challengers):
            random = generator(k, "worst")
            error = random.normal(size=(2, asked.new * (1 + rows)))
            is_new = np.arange(error.shape[1]) < asked.new
            error[1] *= np.where(is_new, 1, 1 - gain)
            new, both = (
                PairedRows.of("regression", 0 * error[0][own], error[0][own], error[1][own])
                for own in (is_new, is_new | True)
            )
            for which, like in enumerate((None, both)):
                hits[which] += gate(new, like=like).promoted
        lines.append([str(rows * asked.new), str(gain), *(told(own, asked.challengers) for own in hits)])
    header = ["old rows", "fall of RMSE on them", "alone, %", "always, %"]
    print_table(f"Nothing gained on {asked.new} new rows, promoted", header, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--challengers", type=int, default=2000)
    parser.add_argument("--drifts", type=int, default=0, help="challengers of a cell whose drift is tested")
    parser.add_argument("--new", type=int, default=200)
    parser.add_argument("--old", type=int, default=600)
    parser.add_argument("--table", type=int, choices=(1, 3))
    asked = parser.parse_args()
    if asked.table in (None, 1):
        of_worlds(asked)
    if asked.table in (None, 3):
        of_the_worst(asked)


if __name__ == "__main__":
    main()
