"""How often does `retemper.drift` see a shift, beside Kolmogorov-Smirnov on the model's predictions alone?

That test, with Bonferroni's correction over the classes, was the best of "Failing Loudly" (Rabanser et al. 2019). Both
get the same rows, the same network and alpha = .05. In each trial the rows that the network was not trained on are
dealt out anew to a reference and a window, and the window is shifted:

- *noise*: normal noise of .3 standard deviations of its column (images: .3 of the pixels' range) on every cell;
- *knock-out*: rows of the first class are taken out (others take their place);
- *rotation*: images by 20 degrees, tables as points: columns 1 and 2, 3 and 4, ... by 20 degrees, standardised;
- *mixture*: knock-out, and of what is left half rotated.

A tenth, half or all of the window's rows (knock-out: of the class) are shifted. *none* is the share of false alarms.
All cells go ahead together. With --keep what is done stays in FILE, one line a trial, and is not done again.

usage: python benchmarks/drift_power.py DATA TARGET [--sizes 10,20,50,100,200,500,1000] [--trials 10] [--train 1500]
       [--reference 2000] [--shrink 2] [--keep FILE]
       DATA: .npz of images [rows, height, width] or flat squares (`x`, `y`), or a table of numbers and a class TARGET
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
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


@dataclass(frozen=True)
class Trial:
    """One window: whether both saw its shift, and the p-value of each family times their number."""

    shift: str
    share: float
    size: int
    number: int
    ours: bool
    alone: bool
    families: Mapping[str, float]
    seconds: float

    @property
    def cell(self) -> Cell:
        return self.shift, self.share, self.size


Cell = tuple[str, float, int]


@dataclass(frozen=True)
class World:
    """What all trials share: the rows, those that the network has not seen, the network, and the reference's size."""

    rows: Rows
    rest: np.ndarray
    model: Any
    reference: int

    def trial(self, shift: str, share: float, size: int, number: int) -> Trial:
        draw = np.random.default_rng([number, size])
        dealt = draw.permutation(self.rest)
        reference = self.rows.x[dealt[: self.reference]]
        current = self.rows.shifted(shift, share, dealt[self.reference :], size, draw)
        assert len(current) == size, "too few rows for a window of this size"
        names = [column.name for column in self.model.schema.columns]
        frames = [pl.DataFrame(x, schema=names, orient="row") for x in (reference, current)]
        began = process_time()
        found = retemper.drift(*frames, ALPHA, model=self.model, seed=number)
        seconds = process_time() - began
        alone = _by_predictions(self.model.predict_proba(reference), self.model.predict_proba(current))
        families = {name: family.p_value * len(found.families) for name, family in found.families.items()}
        return Trial(shift, share, size, number, found.detected, alone, families, seconds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("target")
    parser.add_argument("--sizes", default="10,20,50,100,200,500,1000")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--train", type=int, default=1500)
    parser.add_argument("--reference", type=int, default=2000)
    parser.add_argument("--shrink", type=int, default=2, help="images: pixels a side that become one")
    parser.add_argument("--keep", type=Path, default=None)
    options = parser.parse_args()
    rows = _read(Path(options.data), options.target, options.shrink)
    order = np.random.default_rng(0).permutation(len(rows.y))
    trained, rest = order[: options.train], order[options.train :]
    network = retemper.NetClassifier(hidden_units=64, epochs=30, random_state=0)
    model = network.fit(rows.x[trained], rows.y[trained].astype(str)).model_
    accuracy = float((model.predict(rows.x[rest]) == rows.y[rest].astype(str)).mean())
    shifts = [("none", 0.0), *((shift, share) for shift in SHIFTS for share in SHARES)]
    cells = [(*shift, int(size)) for shift in shifts for size in options.sizes.split(",")]
    world = World(rows, rest, model, options.reference)
    done = list(_made(world, cells, options.trials, options.keep))
    _print({cell: [own for own in done if own.cell == cell] for cell in cells}, accuracy)


def _made(world: World, cells: list[Cell], trials: int, keep: Path | None) -> Iterator[Trial]:
    """All trials, those first that have been kept."""
    lines = keep.read_text().splitlines() if keep is not None and keep.exists() else []
    earlier = {(own.cell, own.number): own for own in (Trial(**json.loads(line)) for line in lines)}
    wanted = [(cell, number) for number in range(trials) for cell in cells]
    for cell, number in wanted:
        known = earlier.get((cell, number))
        trial = known or world.trial(*cell, number)
        if keep is not None and known is None:
            with keep.open("a") as file:
                file.write(json.dumps(asdict(trial)) + "\n")
        yield trial


def _by_predictions(reference: np.ndarray, current: np.ndarray) -> bool:
    p = [ks_2samp(a, b, method="exact").pvalue for a, b in zip(reference.T, current.T, strict=True)]
    return bool(min(p) * len(p) <= ALPHA)


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


def _print(cells: Mapping[Cell, list[Trial]], accuracy: float) -> None:
    every = [trial for trials in cells.values() for trial in trials]
    families = sorted({name for trial in every for name in trial.families})
    shown = []
    for cell, trials in cells.items():
        saw = [[own.families.get(name, 1.0) <= ALPHA for own in trials] for name in families]
        saw = [[own.ours for own in trials], [own.alone for own in trials], *saw]
        shown.append([*cell, *(f"{np.mean(own):.0%}" for own in saw)])
    header = ("shift", "share", "window", "retemper", "predictions alone", *families)
    seconds = np.mean([own.seconds for own in every])
    count = len(every) // len(cells)
    title = f"Power at alpha = {ALPHA}, {count} trials a row; network's accuracy {accuracy:.3f}"
    print_table(f"{title}, {seconds:.2f} CPU s a trial", header, shown)
    print()
    for shift in (*SHIFTS, ""):
        some = [own for own in every if own.shift != "none" and own.shift.startswith(shift)]
        ours, alone = (np.mean([getattr(own, name) for own in some]) for name in ("ours", "alone"))
        print(f"mean power, {shift or 'all'}: retemper {ours:.1%}, predictions alone {alone:.1%}")


if __name__ == "__main__":
    main()
