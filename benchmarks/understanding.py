"""Do the answers of understanding hold? Simulations with a known truth.

- Slices: how often is one confirmed where losses are noise (target: at most 5 % of runs), and how often is a planted
  one (two conditions, an eighth of the rows) found, by the size of its gap.
- Importance: how often does the interval hold the true rise.
- Learning curve: how often does the interval hold the true gain of twice the rows, and which answers are given, where
  the losses follow the law (learning_curves.py asks the same of networks).

usage: python benchmarks/understanding.py [--runs 400]
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
import polars as pl
from measuring import met, print_table
from numpy.typing import NDArray

from retemper.core.recipe_sections import ColumnKind
from retemper.evaluation.bands import bands_of
from retemper.evaluation.held_out import HeldOut
from retemper.evaluation.importance import permutation_importance
from retemper.evaluation.sample_size import sample_size_curve
from retemper.evaluation.slices import LEAST_ROWS, SearchedSlices, worst_slices

KINDS: dict[str, ColumnKind] = {f"n{k}": "number" for k in range(5)} | {f"c{k}": "category" for k in range(3)}
ROWS = 1000
SIZES = [1000, 2000, 4000, 8000]
DRAWS = 3
LAWS = [(0.3, 0.2, 0.5), (0.1, 0.4, 0.2), (0.5, 0.02, 1.0), (0.5, 0.001, 0.5)]


def columns(draw: np.random.Generator, rows: int) -> pl.DataFrame:
    """Five numbers and three categories that tell nothing."""
    numbers = {f"n{k}": draw.normal(size=rows) for k in range(5)}
    return pl.DataFrame({**numbers, **{f"c{k}": draw.choice(list("abcdef"), rows) for k in range(3)}})


def slices_of(frame: pl.DataFrame, residuals: NDArray[np.float64], seed: int) -> SearchedSlices:
    """The search on a regression whose errors are given."""
    held = HeldOut(frame, residuals, "regression", lambda cells, rows: np.zeros(len(rows)), KINDS)
    return worst_slices(held, (residuals**2, residuals), bands_of(frame, KINDS, LEAST_ROWS), 499, seed)


def on_noise(runs: int, law: str) -> float:
    """Share of runs that confirm a slice of noise."""
    hits = 0
    for seed in range(runs):
        draw = np.random.default_rng(seed)
        errors = draw.normal(size=ROWS) if law == "normal" else draw.standard_t(3, ROWS)
        found = slices_of(columns(draw, ROWS), errors, seed)
        hits += any(own.proof.confirmed for own in found.slices)
    return hits / runs


def planted(runs: int, times: float) -> float:
    """Share of runs that confirm a slice of the planted columns, whose errors are so many times as large."""
    hits = 0
    for seed in range(runs):
        draw = np.random.default_rng(seed)
        frame = columns(draw, 4 * ROWS)
        bad = (frame["c0"].is_in(["b", "c"]) & (frame["n1"] > 0.32)).to_numpy()
        found = slices_of(frame, np.where(bad, times, 1.0) * draw.normal(size=4 * ROWS), seed)
        named = [{own.column for own in entry.conditions} for entry in found.slices if entry.proof.confirmed]
        hits += any(own and own <= {"c0", "n1"} for own in named)
    return hits / runs


def importance(runs: int) -> float:
    """Share of intervals that hold the true rise of the RMSE, √8.25 − .5 and √2.25 − .5."""
    hits = 0
    for seed in range(runs):
        draw = np.random.default_rng(seed)
        x = draw.normal(size=(400, 2))
        y = 2 * x[:, 0] + x[:, 1] + 0.5 * draw.normal(size=400)
        frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1]})
        kinds: dict[str, ColumnKind] = {"a": "number", "b": "number"}
        held = HeldOut(frame, y, "regression", lambda f, _: 2 * f["a"].to_numpy() + f["b"].to_numpy(), kinds)
        for own in permutation_importance(held, [("a",), ("b",)], 5, 300, seed):
            truth = np.sqrt(8.25 if own.columns == ("a",) else 2.25) - 0.5
            hits += own.low <= truth <= own.high
    return hits / runs / 2


def learning_curve(runs: int, law: tuple[float, float, float]) -> tuple[float, Counter[str]]:
    """Share of intervals that hold the true gain, and the answers."""
    a, b, c = law
    truth, hits = b * (1 - 2**-c), 0
    answers: Counter[str] = Counter()
    for seed in range(runs):
        draw = np.random.default_rng(seed)
        common = draw.exponential(size=1000)
        losses = [
            (a + b * (rows / SIZES[-1]) ** -c) * common
            + 0.05 * draw.normal(size=(DRAWS, 1000))
            + 0.01 * np.sqrt(SIZES[0] / rows) * draw.normal(size=(DRAWS, 1))
            for rows in SIZES
        ]
        found = sample_size_curve(SIZES, losses, np.ones(1000), resamples=300, seed=seed)
        assert found.gain.low is not None and found.gain.high is not None
        hits += found.gain.low <= truth <= found.gain.high
        answers[found.answer] += 1
    return hits / runs, answers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="do the answers of understanding hold?")
    parser.add_argument("--runs", type=int, default=400)
    runs = parser.parse_args().runs
    rows = []
    for law in ("normal", "t with 3 degrees"):
        share = on_noise(runs, law)
        rows.append((f"slice confirmed on noise ({law} errors)", f"{share:.1%}", met(share, at_most=0.05)))
    for times in (1.2, 1.5, 2.0):
        rows.append((f"planted slice found (errors × {times})", f"{planted(runs // 8, times):.0%}", ""))
    share = importance(runs)
    rows.append(("importance: intervals that hold the truth", f"{share:.1%}", met(share, at_least=0.92)))
    for own in LAWS:
        share, answers = learning_curve(runs, own)
        truth = own[1] * (1 - 2 ** -own[2]) / (own[0] + own[1])
        told = ", ".join(f"{name} {count / runs:.0%}" for name, count in sorted(answers.items()))
        rows.append(
            (f"learning curve {own}: a true gain of {truth:.1%}", f"{share:.1%}", met(share, at_least=0.9))
        )
        rows.append(("… answers", told, ""))
    print_table(f"{runs} runs each", ("question", "measured", "target"), rows)


if __name__ == "__main__":
    main()
