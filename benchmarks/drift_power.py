"""How often does `retemper.drift` see a shift, beside Kolmogorov-Smirnov on the model's predictions alone?

That test, with Bonferroni's correction over the classes, was the best of "Failing Loudly" (Rabanser et al. 2019). Both
get the same rows, the same network and alpha = .05. In each trial the rows that the network was not trained on are
dealt out anew to a reference and a window, and the window is shifted:

- *noise*: normal noise of .3 standard deviations of its column (images: .3 of the pixels' range) on every cell;
- *knock-out*: rows of the first class are taken out (others take their place);
- *rotation*: images by 20 degrees, tables as points: columns 1 and 2, 3 and 4, ... by 20 degrees, standardised;
- *mixture*: knock-out, and of what is left half rotated.

A tenth, half or all of the window's rows (knock-out: of the class) are shifted. *none* is the share of false alarms.

usage: python benchmarks/drift_power.py DATA TARGET [--sizes 10,100,1000] [--trials 10] [--train 1500]
       [--reference 2000] [--first 0] [--shrink 2]
       DATA: .npz of images [rows, height, width] or flat squares (`x`, `y`), or a table of numbers and a class TARGET
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measuring import print_table
from scipy.ndimage import rotate
from scipy.stats import ks_2samp

import retemper

ALPHA, NOISE, DEGREES = 0.05, 0.3, 20
SHARES = (0.1, 0.5, 1.0)
SHIFTS = ("noise", "knock-out", "rotation", "mixture")


@dataclass(frozen=True)
class Rows:
    """Features [N, D] and classes [N]; ``side`` is the images' height, 0 for a table."""

    x: np.ndarray
    y: np.ndarray
    side: int

    def shifted(
        self, which: str, share: float, of: np.ndarray, size: int, draw: np.random.Generator
    ) -> np.ndarray:
        """The features of ``size`` of the rows ``of``, shifted."""
        if which in ("knock-out", "mixture"):
            first = self.y[of] == np.unique(self.y)[0]
            of = of[~first | (draw.random(len(of)) >= share)]
        x = self.x[of[:size]].copy()
        if which == "mixture":
            share /= 2
        some = draw.random(len(x)) < share
        if which == "noise":
            scale = np.ptp(self.x) if self.side else self.x.std(axis=0)
            x[some] += NOISE * scale * draw.normal(size=(some.sum(), x.shape[1]))
        elif which in ("rotation", "mixture"):
            x[some] = self.rotated(x[some])
        return x

    def rotated(self, x: np.ndarray) -> np.ndarray:
        if self.side:
            images = x.reshape(-1, self.side, self.side)
            return rotate(images, DEGREES, axes=(1, 2), reshape=False, order=1).reshape(x.shape)
        mean, scale, angle = self.x.mean(axis=0), self.x.std(axis=0) + 1e-12, np.deg2rad(DEGREES)
        z = (x - mean) / scale
        pairs = z.shape[1] // 2 * 2
        odd, even = z[:, 0:pairs:2].copy(), z[:, 1:pairs:2].copy()
        z[:, 0:pairs:2] = np.cos(angle) * odd - np.sin(angle) * even
        z[:, 1:pairs:2] = np.sin(angle) * odd + np.cos(angle) * even
        return mean + z * scale


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("target")
    parser.add_argument("--sizes", default="10,100,1000")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--train", type=int, default=1500)
    parser.add_argument("--reference", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--shrink", type=int, default=2, help="images: pixels a side that become one")
    options = parser.parse_args()
    rows = _read(Path(options.data), options.target, options.shrink)
    order = np.random.default_rng(0).permutation(len(rows.y))
    trained, rest = order[: options.train], order[options.train :]
    network = retemper.NetClassifier(hidden_units=64, epochs=30, random_state=0)
    model = network.fit(rows.x[trained], rows.y[trained].astype(str)).model_
    began = time.process_time()
    accuracy = float((model.predict(rows.x[rest]) == rows.y[rest].astype(str)).mean())
    shifts = [("none", 0.0), *((shift, share) for shift in SHIFTS for share in SHARES)]
    sizes = [int(size) for size in options.sizes.split(",")]
    cells = [Cell(*shift, size).measured(rows, rest, model, options) for shift in shifts for size in sizes]
    _print(cells, options.trials, accuracy, (time.process_time() - began) / len(cells) / options.trials)


@dataclass
class Cell:
    """A shift at a window's size: how many trials saw it."""

    shift: str
    share: float
    size: int
    ours: int = 0
    alone: int = 0
    families: Counter[str] = field(default_factory=Counter)

    def measured(self, rows: Rows, rest: np.ndarray, model: Any, options: argparse.Namespace) -> Cell:
        names = [column.name for column in model.schema.columns]
        for trial in range(options.first, options.first + options.trials):
            draw = np.random.default_rng([trial, self.size])
            dealt = draw.permutation(rest)
            reference = rows.x[dealt[: options.reference]]
            left = dealt[options.reference :]
            current = rows.shifted(self.shift, self.share, left, self.size, draw)
            assert len(current) == self.size, "too few rows for a window of this size"
            frames = [pl.DataFrame(x, schema=names, orient="row") for x in (reference, current)]
            found = retemper.drift(*frames, ALPHA, model=model, seed=trial)
            self.ours += found.detected
            self.alone += _by_predictions(model.predict_proba(reference), model.predict_proba(current))
            least = {name: family.p_value * len(found.families) for name, family in found.families.items()}
            self.families.update({name: int(p <= ALPHA) for name, p in least.items()})
        return self


def _by_predictions(reference: np.ndarray, current: np.ndarray) -> bool:
    p = [ks_2samp(a, b, method="exact").pvalue for a, b in zip(reference.T, current.T, strict=True)]
    return min(p) * len(p) <= ALPHA


def _read(path: Path, target: str, shrink: int) -> Rows:
    if path.suffix != ".npz":
        frame = pl.read_csv(path)
        return Rows(frame.drop(target).to_numpy().astype(float), frame[target].to_numpy().astype(str), 0)
    with np.load(path) as archive:
        x, y = archive["x"].astype(float), archive[target]
    side = int(np.sqrt(np.prod(x.shape[1:])))
    small = side // shrink
    x = x.reshape(-1, small, shrink, small, shrink).mean(axis=(2, 4))
    return Rows(x.reshape(len(x), -1), y, small)


def _print(cells: list[Cell], trials: int, accuracy: float, seconds: float) -> None:
    families = sorted({name for cell in cells for name in cell.families})
    shown = [
        [cell.shift, cell.share, cell.size, f"{cell.ours / trials:.0%}", f"{cell.alone / trials:.0%}"]
        + [f"{cell.families[name] / trials:.0%}" for name in families]
        for cell in cells
    ]
    header = ("shift", "share", "window", "retemper", "predictions alone", *families)
    title = f"Power at alpha = {ALPHA}, {trials} trials a row; network's accuracy {accuracy:.3f}"
    print_table(f"{title}, {seconds:.2f} CPU s a trial", header, shown)
    shifted = [cell for cell in cells if cell.shift != "none"]
    means = [np.mean([getattr(cell, name) for cell in shifted]) / trials for name in ("ours", "alone")]
    print(f"\nmean power: retemper {means[0]:.1%}, predictions alone {means[1]:.1%}")


if __name__ == "__main__":
    main()
