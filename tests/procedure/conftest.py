"""Tiny tables and recipes; runs and single steps on one warm training process for the whole session."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from retemper.bundle.load import load
from retemper.core import device
from retemper.core.budget import Budget, now
from retemper.core.progress import SilentReporter
from retemper.core.recipe import Recipe, build
from retemper.core.records import Step, to_json
from retemper.core.run_folder import START, RunFolder
from retemper.data.read import append, read
from retemper.data.schema import infer
from retemper.data.split import split
from retemper.procedure import data_check, sequence
from retemper.procedure.book import Book, State
from retemper.procedure.contenders import Candidate
from retemper.procedure.jobs import member_of
from retemper.procedure.pace import Pace
from retemper.training.plan import Fit
from retemper.training.pool import Pool

TINY = {
    "workers": 1,
    "model.width": 16,
    "prepare.bins": 8,
    "search.trials": 4,
    "search.coarse_epochs": 1,
    "search.refine_rungs": 1,
    "search.widths": [16],
    "search.periodic_frequencies": [0],
    "search.challengers": [],
    "training.epochs": 4,
    "training.batch_size": 64,
    "procedure.members": 3,
    "procedure.folds": 0,
    "procedure.range_seeds": 2,
    "procedure.range_steps": 20,
    "procedure.overfit_rows": 16,
    "procedure.bootstrap": 100,
    "procedure.remedy_rounds": 0,
    "procedure.nested_rows": 0,
}
SLOW = ["overfit_sample", "input_blind", "learning_rate_range"]
"""Steps that a test about something else leaves out."""


def two_classes(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    """Numbers with gaps, 20 cities, sample weights; ``y`` is yes or no."""
    draw = np.random.default_rng(seed)
    size, age = draw.normal(size=(2, rows))
    city = draw.integers(20, size=rows)
    score = size + (city % 4 == 0) + 0.4 * draw.normal(size=rows)
    return pl.DataFrame(
        {
            "size": [None if gap else float(x) for gap, x in zip(draw.random(rows) < 0.1, size, strict=True)],
            "age": age,
            "city": [f"city {k}" for k in city],
            "cost": draw.uniform(0.5, 2, rows),
            "y": np.where(score > 0.4, "yes", "no"),
        }
    )


def three_classes(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    """Three bands of x + z, in rows of 12 households."""
    draw = np.random.default_rng(seed)
    x, z = draw.normal(size=(2, rows))
    y = np.digitize(x + z + 0.2 * draw.normal(size=rows), [-0.6, 0.6])
    home = [f"h{k % 12}" for k in range(rows)]
    return pl.DataFrame({"x": x, "z": z, "home": home, "y": [f"band {k}" for k in y]})


def prices(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    """A price in the hundreds that depends on x, kind and slowly on the day."""
    draw = np.random.default_rng(seed)
    x, kind = draw.normal(size=rows), draw.choice(["a", "b", "c"], rows)
    price = 300 + 80 * x + 50 * (kind == "b") + 10 * draw.normal(size=rows)
    day = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 12, 31), eager=True)[:rows]
    return pl.DataFrame({"x": x, "kind": kind, "day": day, "price": price})


def numbers_only(rows: int, seed: int, target: Callable[[Any, Any], Any]) -> pl.DataFrame:
    """Three normal columns and ``y`` = target(columns [N, 3], a generator)."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 3))
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": target(x, draw)})


def recipe_of(target: str, changes: Mapping[str, Any] | None = None) -> Recipe:
    """The tiny recipe with changes."""
    return build(TINY, {"data.target": target}, changes or {})


@pytest.fixture(scope="session")
def warm_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """One process that has PyTorch loaded; whoever borrows it sets its folder."""
    device.one_thread()
    with Pool(tmp_path_factory.mktemp("idle"), 1) as pool:
        yield pool


class Lent:
    """The warm process in the place of a run's own: everything but the start is the real thing."""

    warm: Pool

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder

    def run(self, *args: Any) -> Any:
        self.warm.folder = self.folder
        return self.warm.run(*args)

    def __enter__(self) -> Lent:
        return self

    def __exit__(self, *error: object) -> None:
        return None


@pytest.fixture(scope="session", autouse=True)
def one_warm_process(warm_pool: Pool) -> Iterator[None]:
    """Runs borrow the warm process: it takes 3 s to start one."""
    Lent.warm = warm_pool
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence, "Pool", Lent)
        yield


@dataclass(frozen=True)
class Done:
    """A finished run."""

    path: Path
    result: dict[str, Any]

    @property
    def model(self) -> Any:
        return load(self.path)

    @property
    def weights(self) -> bytes:
        return (self.path / "model" / "weights.safetensors").read_bytes()

    def step(self, name: str) -> dict[str, Any]:
        return next(step for step in self.result["steps"] if step["name"] == name)

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.path / "log.jsonl").read_text().splitlines()]


def run_all(
    path: Path,
    frame: pl.DataFrame,
    target: str,
    changes: Mapping[str, Any] | None = None,
    test: pl.DataFrame | None = None,
    budget: Callable[[RunFolder], Budget] = lambda folder: Budget(None, 0.0),
    reporter: Any = None,
) -> Done:
    """The whole procedure in a folder; a second call with the same folder resumes."""
    table, own = read(frame, target), 0
    if test is not None:
        table, own = append(table, read(test, target)), test.height
    recipe = recipe_of(target, changes)
    with RunFolder.reopen(path) if (path / START).exists() else RunFolder.create(path, "t") as folder:
        folder.write_json(START, {})
        folder.write_text("recipe.yaml", recipe.to_yaml())
        result = sequence.run(table, recipe, folder, budget(folder), reporter or SilentReporter(), own)
    return Done(path, result)


@dataclass
class Bench:
    """A place to do single steps: ``state, step = bench.do(module, state)``."""

    book: Book

    def do(self, step: Any, state: State) -> tuple[State, Step]:
        Lent.warm.folder = self.book.folder.checkpoints / "jobs"
        state, done = step.run(self.book, state)
        json.dumps(to_json(done.evidence), allow_nan=False)
        return state, done

    def copy(self) -> Bench:
        """Another, whose pace learns for itself."""
        pace = self.book.pace
        return Bench(replace(self.book, pace=replace(pace, finished=[*pace.finished])))

    def limited(self, seconds: float, used: float = 0.0) -> Bench:
        """The same bench with a time limit that ``used`` seconds have been used of."""
        budget = Budget(seconds, now() - used, log=self.book.folder.log)
        return Bench(replace(self.book, budget=budget))

    def replaying(self, made: Mapping[str, Any]) -> Bench:
        """The same bench with a log's decisions instead of a clock."""
        return Bench(replace(self.book, budget=Budget(None, 0.0, made=made, strict=True)))


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, warm_pool: Pool) -> Callable[..., tuple[Bench, State]]:
    """``bench(frame, target, changes)`` → a bench and the state after ``data_check``."""

    def make(frame: pl.DataFrame, target: str = "y", changes: Any = None) -> tuple[Bench, State]:
        return begin(tmp_path_factory.mktemp("bench") / "run", frame, target, changes, warm_pool)

    return make


def begin(
    path: Path, frame: pl.DataFrame, target: str, changes: Mapping[str, Any] | None, pool: Pool
) -> tuple[Bench, State]:
    """A run folder with the data prepared."""
    recipe, table = recipe_of(target, changes), read(frame, target)
    schema = infer(table, recipe.data)
    splits = split(table, schema, recipe.split, recipe.seed)
    folder = RunFolder.create(path, "t")
    folder.close()
    pace = Pace(len(splits.train), len(splits.validation), max(1, len(schema.classes)))
    bench = Bench(Book(folder, Budget(None, 0.0), SilentReporter(), pool, 1, pace))
    state, _ = bench.do(data_check, State(recipe, table, schema, splits))
    pace.shape = state.ready[2].shape
    return bench, state


def candidate(state: State, id_: int, outputs: Any, history: Any = (), epochs: int = 10) -> Candidate:
    """A network that says ``outputs`` on the validation rows, with curves of any shape."""
    member = member_of(state.recipe, id_)
    rows = [{"member": id_, "epoch": k + 1, "step": k + 1, **row} for k, row in enumerate(history)]
    losses = [row["val_loss"] for row in rows] or [0.5]
    fit = Fit(member, torch.zeros(1), int(np.argmin(losses)) + 1, len(losses), min(losses), rows)
    model = state.recipe.model.as_plain()
    return Candidate(id_, model, fit, np.asarray(outputs, np.float32), "made up", epochs)


@pytest.fixture(scope="session", name="tables")
def tables_fixture() -> SimpleNamespace:
    """The makers of tables."""
    return SimpleNamespace(
        two_classes=two_classes, three_classes=three_classes, prices=prices, numbers_only=numbers_only
    )


@pytest.fixture(scope="session", name="run_all")
def run_all_fixture() -> Callable[..., Done]:
    return run_all


@pytest.fixture(scope="session", name="candidate")
def candidate_fixture() -> Callable[..., Candidate]:
    return candidate


@pytest.fixture(scope="session", name="recipe_of")
def recipe_of_fixture() -> Callable[..., Recipe]:
    return recipe_of


@pytest.fixture(scope="session")
def slow() -> list[str]:
    """Names of the steps that a test about something else leaves out."""
    return SLOW


@pytest.fixture(scope="session")
def classes_run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Two classes with gaps, an embedded column and weights."""
    changes = {"data.weight": "cost", "prepare.one_hot_levels": 8}
    return run_all(tmp_path_factory.mktemp("classes") / "run", two_classes(), "y", changes)
