"""How well curves alone name what is wrong: ten shapes of real and of drawn curves, and overfitting or not.

    python benchmarks/curves.py [--groups 12] [--drawn 40] [--half check] [--tables FOLDER] [--first 200]

Real curves come from small networks (curves_trained.py), whose labels a second training bears out; drawn ones from
formulas (curves_drawn.py). Thresholds were looked at with the even groups only, ``--half check`` takes the odd ones.
Each curve is handed over as anyone's metrics would be: with all columns, without the learning rate, with the losses
alone, with accuracies alone, thinned to 12 points, and rounded to three digits. Two figures for each shape: its code is
the first of the ten, and it is among the findings.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from curves_drawn import DRAWN, drawn
from curves_stack import Series
from curves_tables import Rows, read_tables, tables
from curves_trained import SHAPES, labelled, overfits
from scipy.stats import binomtest

import retemper

SAME = {"non_finite": "diverging"}
"""A loss that is no number any more has diverged."""
OVERFIT = frozenset({"overfitting", "overtrained"})


@dataclass(frozen=True)
class Labelled:
    """A curve, its shape, and whether its network overfits (one of another shape may do so as well)."""

    shape: str
    series: Series
    overfits: bool


def _without(*names: str) -> Callable[[Series], Series]:
    return lambda series: {name: values for name, values in series.items() if name not in names}


def _rounded(series: Series) -> Series:
    return {name: np.array([float(f"{v:.3g}") for v in values]) for name, values in series.items()}


def _thinned(series: Series) -> Series:
    places = np.unique(np.linspace(0, len(series["epoch"]) - 1, 12).round().astype(int))
    return {name: values[places] for name, values in series.items()}


VARIANTS: dict[str, Callable[[Series], Series]] = {
    "all columns": lambda series: series,
    "no learning rate": _without("learning_rate"),
    "losses alone": _without("learning_rate", "train_accuracy", "val_accuracy"),
    "accuracies alone": _without("train_loss", "val_loss"),
    "12 points": _thinned,
    "three digits": _rounded,
}


def codes_of(series: Series) -> list[str]:
    """The codes of a curve's findings, the most likely cause first."""
    known = {
        name: values for name, values in series.items() if "accuracy" not in name or np.isfinite(values).any()
    }
    rows = [
        dict(zip(known, row, strict=True)) for row in zip(*(v.tolist() for v in known.values()), strict=True)
    ]
    return [SAME.get(finding.code, finding.code) for finding in retemper.diagnose(rows).findings]


def real(groups: Iterable[int], own: dict[str, Rows]) -> list[Labelled]:
    """Up to four networks of each group and shape."""
    return [
        Labelled(shape, trained.series, overfits(shape, trained))
        for group in groups
        for shape in SHAPES
        for _, trained in labelled(shape, group, own)[:4]
    ]


def table(title: str, curves: Sequence[Labelled]) -> None:
    """Print both figures for each shape, their balanced means, and macro-F1 of overfitting or not."""
    found = [[code for code in codes_of(curve.series) if code in SHAPES] for curve in curves]
    print(f"\n{title}\n{'shape':18} {'n':>4}  {'first':22} {'among':22} taken for")
    first, among = [], []
    for shape in SHAPES:
        own = [codes for curve, codes in zip(curves, found, strict=True) if curve.shape == shape]
        if not own:
            continue
        heads = [codes[0] if codes else "healthy" for codes in own]
        within = [shape in codes or (shape == "healthy" and not codes) for codes in own]
        first.append(np.mean([head == shape for head in heads]))
        among.append(np.mean(within))
        wrong = sorted({head for head in heads if head != shape})
        others = ", ".join(f"{head} {heads.count(head)}" for head in wrong)
        print(
            f"{shape:18} {len(own):4}  {_share(heads.count(shape), len(own))} {_share(sum(within), len(own))} {others}"
        )
    truth = np.array([curve.overfits for curve in curves])
    said = np.array([bool(OVERFIT.intersection(codes)) for codes in found])
    print(
        f"balanced accuracy: first {np.mean(first):.3f}, among {np.mean(among):.3f}; overfitting or not: ",
        end="",
    )
    print(f"macro-F1 {(_f1(truth, said) + _f1(~truth, ~said)) / 2:.3f}")


def _share(hits: int, of: int) -> str:
    interval = binomtest(hits, of).proportion_ci(method="wilson")
    return f"{hits / of:.2f} [{interval.low:.2f}, {interval.high:.2f}]    "


def _f1(truth: np.ndarray, said: np.ndarray) -> float:
    return 2 * float((truth & said).sum()) / max(float(truth.sum() + said.sum()), 1.0)


def cost(curves: Sequence[Labelled]) -> None:
    """Print the processor time that reading a curve takes."""
    began = time.process_time()
    for curve in curves:
        codes_of(curve.series)
    print(f"\nreading a curve: {1e3 * (time.process_time() - began) / len(curves):.1f} ms of processor time")


def main() -> None:
    """Train, draw, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--groups", type=int, default=12, help="groups of 8 networks a shape; about 10 s each"
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first group")
    parser.add_argument(
        "--tables", type=Path, help="CSV files, targets last, instead of scikit-learn's tables"
    )
    parser.add_argument("--half", choices=["tune", "check", "all"], default="all")
    parser.add_argument("--drawn", type=int, default=40, help="drawn curves a shape")
    given = parser.parse_args()
    torch.set_num_threads(1)
    halves = {"tune": (0, 2), "check": (1, 2), "all": (0, 1)}
    start, step = halves[given.half]
    groups = range(given.first + start, given.first + given.groups, step)
    report(real(groups, read_tables(given.tables) if given.tables else tables()), given.drawn)


def report(curves: Sequence[Labelled], drawn_curves: int) -> None:
    """Print all tables."""
    for name, variant in VARIANTS.items() if curves else ():
        own = [replace(curve, series=variant(curve.series)) for curve in curves]
        with_accuracy = [
            c for c in own if name != "accuracies alone" or np.isfinite(c.series["train_accuracy"]).any()
        ]
        table(f"real curves, {name}", with_accuracy)
    if drawn_curves:
        seeds = range(drawn_curves)
        own = [Labelled(shape, drawn(shape, seed), shape in OVERFIT) for shape in DRAWN for seed in seeds]
        table("drawn curves", own)
        table(
            "drawn curves, losses alone", [replace(c, series=VARIANTS["losses alone"](c.series)) for c in own]
        )
        cost(own)


if __name__ == "__main__":
    main()
