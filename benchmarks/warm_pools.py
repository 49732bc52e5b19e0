"""Losses of a whole grid of settings before and after a change of data, for searches that look trials up.

Every setting of the grid is trained on the rows of before and on those of since, as ``retemper tune`` trains it (on
validation rows, no folds), with several seeds each: split, start and order of the rows. Between the points of the grid
the losses are interpolated linearly, on the scale of each option, so that any sampler finds a loss for any setting. A
search sees the loss of one seed; what it found is judged by the mean of all, so that luck with a seed counts nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from data_changes import Change
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from retemper.core.budget import Budget
from retemper.core.progress import SilentReporter
from retemper.core.recipe import Recipe, build
from retemper.core.run_folder import RunFolder
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.split import split
from retemper.procedure import data_check
from retemper.procedure.book import Book, State
from retemper.procedure.pace import Pace
from retemper.procedure.stacked_trials import StackedTrials
from retemper.search.samplers import grid
from retemper.search.space import Interval, Setting
from retemper.search.space_file import space_of
from retemper.search.trials import Order
from retemper.training.pool import Pool

Losses = NDArray[np.float64]
SPACE = space_of(
    {
        "training.optimizer.learning_rate": {"low": 1e-4, "high": 0.3, "log": True},
        "training.optimizer.weight_decay": {"low": 1e-4, "high": 1.0, "log": True},
        "model.dropout": {"low": 0.0, "high": 0.6},
        "training.batch_size": [64, 128],
        "model.width": [16, 64],
    }
)
STEPS = {"training.optimizer.learning_rate": 9, "training.optimizer.weight_decay": 3, "model.dropout": 3}
EPOCHS = 10
SPLIT = {"split.validation": 0.5, "split.test": 0.05}
"""As many rows judge as train: a real search has folds, so that all rows judge."""
CEILING = 3.0
"""Losses over so many times the median, and those of trainings that diverged, count as that."""


def nodes() -> list[tuple[object, ...]]:
    """The values of each option in the grid."""
    return [
        tuple(grid.values_of(axis, STEPS[path])) if isinstance(axis, Interval) else axis.values
        for path, axis in SPACE.items()
    ]


class Surface:
    """Losses at any setting, seed by seed, and their mean.

    Args:
        losses: at the nodes [seeds, *sizes]; NaN: it failed.
    """

    def __init__(self, losses: NDArray[np.float64]) -> None:
        ceiling = CEILING * np.nanmedian(losses)
        self.losses = np.minimum(np.nan_to_num(losses, nan=ceiling, posinf=ceiling), ceiling)
        axes = [np.linspace(0, 1, size) for size in losses.shape[1:]]
        whole = np.moveaxis(np.concatenate([self.losses, self.losses.mean(0, keepdims=True)]), 0, -1)
        self._at = RegularGridInterpolator(axes, whole)
        self.seeds = len(losses)

    def loss(self, values: Setting, seed: int) -> float:
        """What a search with this seed sees."""
        return float(self._at(_place(values))[0, seed % self.seeds])

    def mean(self, values: Setting) -> float:
        """What it is worth."""
        return float(self._at(_place(values))[0, -1])

    def turned(self) -> Surface:
        """The same losses with each axis reversed: a search of it knows nothing true of this one."""
        return Surface(np.flip(self.losses, tuple(range(1, self.losses.ndim))))


def _place(values: Setting) -> list[float]:
    return [
        axis.share(values[path])
        if isinstance(axis, Interval)
        else axis.values.index(values[path]) / (len(axis.values) - 1)
        for path, axis in SPACE.items()
    ]


def surfaces_of(
    change: Change, tables: Path, keep: Path, own: argparse.Namespace, pool: Pool
) -> tuple[Surface, Surface]:
    """Before and since; trained where they are not kept yet."""
    found: tuple[list[Losses], list[Losses]] = ([], [])
    for seed in range(own.seeds):
        rows: tuple[pl.DataFrame, pl.DataFrame] | None = None
        for part, name in enumerate(("before", "since")):
            words = (change.table, change.kind, name, str(own.rows), str(seed))
            place = keep / f"{'.'.join(words).replace(' ', '_')}.npy"
            if not place.is_file():
                rows = rows or change.rows(tables, own.rows, seed)
                np.save(place, trained(rows[part], change.target, seed, pool))
            found[part].append(np.load(place).reshape([len(values) for values in nodes()]))
    return Surface(np.stack(found[0])), Surface(np.stack(found[1]))


def trained(frame: pl.DataFrame, target: str, seed: int, pool: Pool) -> NDArray[np.float64]:
    """The loss of each setting of the grid on some rows; NaN: it failed."""
    settings = grid_settings()
    recipe = build({"workers": 1, "seed": seed, "data.target": target} | SPLIT)
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder.create(Path(place) / "run", "t")
        folder.close()
        orders = [Order(number, values, EPOCHS, (-1,)) for number, values in enumerate(settings)]
        evaluator = _evaluator(folder, frame, recipe, pool)
        losses = {own.order.trial: own.loss for batch in evaluator.evaluate(orders) for own in batch}
    return np.array([losses[number] for number in range(len(settings))])


def grid_settings() -> list[Setting]:
    """All settings of the grid, the last option fastest."""
    places = np.stack(np.meshgrid(*[np.arange(len(own)) for own in nodes()], indexing="ij"), -1)
    return [
        {path: nodes()[axis][place] for axis, (path, place) in enumerate(zip(SPACE, row, strict=True))}
        for row in places.reshape(-1, len(SPACE))
    ]


def _evaluator(folder: RunFolder, frame: pl.DataFrame, recipe: Recipe, pool: Pool) -> StackedTrials:
    pool.folder = folder.jobs
    table = read(frame, recipe.data.target)
    schema = infer(table, recipe.data)
    splits = split(table, schema, recipe.split, recipe.seed)
    pace = Pace(len(splits.train), len(splits.validation), max(1, len(schema.classes)))
    book = Book(folder, Budget(None, 0.0), SilentReporter(), pool, 1, pace)
    state, _ = data_check.run(book, State(recipe, table, schema, splits))
    pace.shape = state.ready[2].shape
    return StackedTrials(book, state, EPOCHS, 0)
