"""How often does the gate promote challengers that are no better, and how often those that are?

Thousands of challengers are simulated; the gate sees rows of each, the truth is known by construction.

1. No real gain: it may be "proved" for at most 2.5 %, whatever metric decides and however losses are distributed.
2. A real gain in accuracy of 0, 2 and 3 points, 2,000 new and 8,000 old rows, models that disagree on 10 % of rows.
3. Challengers that gain 3 points on new rows, and whose accuracy on old rows changes by chance (normal, standard
   deviation 1 or 2 points): of those that are promoted, how many lose more than a point?

usage: python benchmarks/gate_simulated.py [--challengers 2000] [--table N] [--only TEXT]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from measuring import print_table
from numpy.typing import NDArray
from scipy.optimize import brentq

from retemper.core.seeds import generator
from retemper.evaluation.paired_metrics import PairedRows, paired_metric
from retemper.evaluation.share_intervals import share_interval
from retemper.retraining.gate import gate
from retemper.retraining.gate_options import GateMetric, GateOptions
from retemper.retraining.gate_tests import better

Random = np.random.Generator
Floats = NDArray[np.float64]
Draw = Callable[[Random, int], PairedRows]
TRUTH_ROWS, ALPHA = 1_000_000, 0.025


def two_scores(random: Random, rows: int, skill: float, sharpness: float) -> PairedRows:
    """Two classes, two models that see the truth through noise of their own.

    Args:
        random: draws.
        rows: of the sample.
        skill: of the second model, next to the first's 1.
        sharpness: its logits are multiplied by this (1: calibrated).
    """
    y = random.integers(2, size=rows)
    sign, shared = 2 * y - 1, random.normal(size=rows)
    outputs = []
    for own, factor in ((1.0, 1.0), (skill, sharpness)):
        noise = np.sqrt(0.8) * shared + np.sqrt(0.2) * random.normal(size=rows)
        p = 1 / (1 + np.exp(-factor * 2 * own * (own * sign + noise)))
        outputs.append(np.stack([1 - p, p], 1))
    return PairedRows.of("classification", y, *outputs)


def values(noise: Callable[[Random, int], Floats]) -> Draw:
    """Two regressions with errors of one law, that share half of them."""

    def draw(random: Random, rows: int) -> PairedRows:
        shared, first, second = (noise(random, rows) for _ in range(3))
        return PairedRows.of("regression", np.zeros(rows), shared + first, shared + second)

    return draw


def disagreeing(gain: float, share: float = 0.1, right: float = 0.8) -> Draw:
    """Two classifiers that disagree on a share of rows; the second is right ``gain`` oftener. Sure alike where right or
    wrong, so that log loss moves with accuracy."""

    def draw(random: Random, rows: int) -> PairedRows:
        u = random.random(rows)
        kind = np.digitize(u, np.cumsum([(share + gain) / 2, (share - gain) / 2, right - share / 2]))
        correct = np.stack([(kind == 1) | (kind == 2), (kind == 0) | (kind == 2)])
        y = random.integers(2, size=rows)
        outputs = []
        for own in correct:
            p = np.where(own, 0.8, 0.2) * np.ones(rows)
            true = np.where(y == 1, p, 1 - p)
            outputs.append(np.stack([1 - true, true], 1))
        return PairedRows.of("classification", y, *outputs)

    return draw


def grouped(draw: Draw, size: int) -> Draw:
    """Rows in groups that repeat one row: dependence at its worst."""

    def repeated(random: Random, rows: int) -> PairedRows:
        few = draw(random, rows // size)
        index = np.repeat(np.arange(few.rows), size)
        first, second = (own[index] for own in few.outputs)
        return PairedRows.of(few.task, few.y[index], first, second, group=index)

    return repeated


def equal_in(metric: str, random: Random) -> Draw:
    """Scores with a second model of other sharpness, with the skill that makes both equal in a metric."""
    seed = int(random.integers(1 << 30))

    def gain(skill: float) -> float:
        rows = two_scores(generator(seed, "truth"), TRUTH_ROWS, skill, 2.5)
        return paired_metric(metric, rows).value

    skill = float(brentq(gain, 0.8, 1.6, xtol=1e-4))
    return partial(two_scores, skill=skill, sharpness=2.5)


def prices(random: Random, rows: int) -> Floats:
    """Log-normal sizes of error."""
    return random.lognormal(0, 1, rows) * random.choice([-1.0, 1.0], rows)


@dataclass(frozen=True)
class Null:
    """Challengers of no gain in the metric that decides."""

    name: str
    metric: GateMetric
    draw: Draw
    sizes: tuple[int, ...] = (50, 200, 1000, 5000)


def nulls() -> Iterator[Null]:
    """All kinds, those that are made by a search one by one."""
    alike = partial(two_scores, skill=1.0, sharpness=1.0)
    yield Null("two scores alike", "log_loss", alike)
    yield Null("two scores alike", "roc_auc", alike)
    yield Null("two scores alike", "balanced_accuracy", alike)
    yield Null("too sure, but abler", "log_loss", equal_in("log_loss", generator(0, "skill")))
    yield Null("disagree on 10 %", "accuracy", disagreeing(0.0), (50, 200, 1000, 2000, 5000))
    yield Null("disagree on 10 %", "log_loss", disagreeing(0.0), (50, 200, 1000, 2000, 5000))
    yield Null("disagree on 10 %, groups of 5", "accuracy", grouped(disagreeing(0.0), 5))
    yield Null("two scores, groups of 5", "log_loss", grouped(alike, 5))
    yield Null("normal errors", "rmse", values(lambda random, rows: random.normal(size=rows)))
    yield Null("t errors, 3 degrees", "rmse", values(lambda random, rows: random.standard_t(3, size=rows)))
    yield Null("log-normal errors", "rmse", values(prices))
    yield Null("log-normal errors", "mae", values(prices))
    yield Null("log-normal, groups of 5", "rmse", grouped(values(prices), 5))


def told(hits: int, count: int) -> str:
    """Per cent with the 95 % interval (Wilson)."""
    low, high = share_interval(np.array([hits / count]), np.array([float(count)]))
    return f"{100 * hits / count:.2f} [{100 * low[0]:.2f}, {100 * high[0]:.2f}]"


def of_no_gain(count: int, only: str) -> None:
    """Table 1: the test of a gain alone; the whole gate promotes no oftener."""
    lines = []
    for null in nulls():
        for rows in null.sizes if only in null.name else ():
            hits = sum(
                better(null.metric, null.draw(generator(k, null.name), rows), ALPHA).passed
                for k in range(count)
            )
            lines.append([null.name, null.metric, str(rows), told(hits, count)])
    print_table("No gain", ["challengers", "decides", "rows", "gain proved, %"], lines)


def of_real_gain(count: int, only: str) -> None:
    """Table 2."""
    lines = []
    cases = product(("accuracy", "log_loss"), ((0, 0), (2, 2), (3, 3), (2, 0), (3, 0)))
    for metric, (points, old_points) in (case for case in cases if only in case[0]):
        options, promoted = GateOptions(metric=metric), 0
        on_new, on_old = disagreeing(points / 100), disagreeing(old_points / 100)
        for k in range(count):
            random = generator(k, "real gain")
            promoted += gate(on_new(random, 2000), on_old(random, 8000), options=options).promoted
        lines.append([metric, str(points), str(old_points), told(promoted, count)])
    header = ["decides", "points on new rows", "points on old rows", "promoted, %"]
    print_table("Real gain", header, lines)


def of_forgetting(count: int) -> None:
    """Table 3."""
    lines = []
    for spread, power in ((0.01, 0.8), (0.02, 0.8), (0.01, 0.2)):
        options = GateOptions(old_power=power)
        for rows in (200, 1000, 2000, 4000, 8000, 20_000):
            falls, promoted = 0, 0
            for k in range(count):
                random = generator(k, "forgetting")
                change = float(np.clip(spread * random.normal(), -0.09, 0.09))
                found = gate(
                    disagreeing(0.03)(random, 2000), disagreeing(change)(random, rows), options=options
                )
                promoted += found.promoted
                falls += found.promoted and change < -0.01
            lines.append(
                [f"{100 * spread:.0f}", str(power), str(rows), told(promoted, count), told(falls, promoted)]
            )
    header = [
        "change on old rows, points (sd)",
        "old_power",
        "old rows",
        "promoted, %",
        "of these fall by over 1 point, %",
    ]
    print_table("Forgetting", header, lines)


def main() -> None:
    """All tables, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--challengers", type=int, default=2000)
    parser.add_argument("--table", type=int, choices=(1, 2, 3))
    parser.add_argument("--only", default="", help="part of a name in table 1, or of the metric in table 2")
    asked = parser.parse_args()
    if asked.table in (None, 1):
        of_no_gain(asked.challengers, asked.only)
    if asked.table in (None, 2):
        of_real_gain(asked.challengers, asked.only)
    if asked.table in (None, 3):
        of_forgetting(asked.challengers)


if __name__ == "__main__":
    main()
