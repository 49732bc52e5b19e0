"""Jobs that are large enough to run out of memory, tiny runs, and runs that were killed near their end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
import pytest

import retemper
from retemper.core import device, seeds
from retemper.core.budget import Deadline
from retemper.core.recipe_sections import TrainingOptions
from retemper.models.layers.inputs import InputShape
from retemper.procedure import sequence
from retemper.training import arrays, carry_out
from retemper.training.arrays import SplitArrays, TaskArrays
from retemper.training.job import Job, JobResult, write_job
from retemper.training.pool import Pool
from retemper.training.stack import Member

TRAINING = {"batch_size": 32, "patience_epochs": 0, "mixed_precision": "off", "signals": False}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """As everywhere in retemper."""
    device.one_thread()


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """128 rows to learn from, 64 to judge by, of 4 numbers and two classes."""
    folder = tmp_path_factory.mktemp("data")
    draw = seeds.generator(1, "faults")
    parts = []
    for rows in (128, 64):
        x = draw.normal(size=(rows, 4)).astype(np.float32)
        y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
        parts.append(SplitArrays(x, np.empty((rows, 0), np.int64), y, np.ones(rows, np.float32)))
    arrays.save(TaskArrays("classification", 2, InputShape(4, 4), (0.5, 0.5), None, *parts), folder)
    return folder


@pytest.fixture(scope="module")
def job_for(data_folder: Path) -> Callable[..., Job]:
    """``job_for(name, width, members)``: a training of two epochs."""

    def make(name: str, width: int = 16, members: int = 8, epochs: int = 2) -> Job:
        return Job(
            name=name,
            data=str(data_folder),
            model={"name": "mlp", "width": width, "depth": 2},
            training=TrainingOptions.model_validate(TRAINING).model_dump(mode="json"),
            members=tuple(Member(3 * k, 1e-3 * (k + 1), dropout=0.1) for k in range(members)),
            seed=5,
            epochs=epochs,
        )

    return make


@pytest.fixture(scope="module")
def shared_pool() -> Iterator[Pool]:
    """One worker; a test gives it its own folder."""
    with Pool(Path(), 1) as pool:
        yield pool


@pytest.fixture
def pool(shared_pool: Pool, tmp_path: Path) -> Pool:
    """The worker, for a run of the test's own."""
    (tmp_path / "history").mkdir()
    shared_pool.folder = tmp_path / "checkpoints" / "jobs"
    return shared_pool


@pytest.fixture
def train(pool: Pool) -> Callable[[Job], list[JobResult]]:
    """A job done without a deadline."""
    return lambda job: pool.run([job], [Deadline()], lambda share, text: None)


TINY = {
    "workers": 1,
    "search.trials": 2,
    "search.coarse_epochs": 1,
    "search.widths": [16],
    "training.epochs": 3,
    "training.batch_size": 64,
    "procedure.members": 2,
    "procedure.folds": 0,
    "procedure.bootstrap": 100,
    "procedure.understand": False,
    "procedure.nested_rows": 0,
    "procedure.skip": [
        "overfit_sample",
        "learning_rate_range",
        "search_refine",
        "input_blind",
        "read_curves",
    ],
}


class InProcess:
    """Stands in for the worker processes: the same jobs, done here."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder

    def run(self, jobs: Sequence[Job], deadlines: Sequence[Deadline], *_: Any) -> list[JobResult]:
        """Do the jobs in turn."""
        for job in jobs:
            write_job(self.folder / job.name, job)
        folders = [(self.folder / job.name).resolve() for job in jobs]
        pairs = zip(folders, deadlines, strict=True)
        return [carry_out.run(folder, deadline, lambda share, text: None) for folder, deadline in pairs]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        carry_out._load.cache_clear()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings run in this process."""
    monkeypatch.setattr(sequence, "Pool", InProcess)


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of 300 rows, two numbers and two classes."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 2)).round(3)
    path = tmp_path_factory.mktemp("table") / "t.csv"
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.where(x[:, 0] > 0, "yes", "no")}).write_csv(path)
    return path


def started(table: Path, run: Path) -> retemper.Run:
    """A tiny run."""
    return retemper.train(table, "y", preset="quick", set=TINY, seed=0, out=run)


@pytest.fixture(scope="session")
def whole(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence, "Pool", InProcess)
        return started(table, tmp_path_factory.mktemp("whole") / "run").folder


@pytest.fixture
def killed(whole: Path, tmp_path: Path) -> Path:
    """The same run, killed before it wrote its model."""
    run = tmp_path / "killed"
    shutil.copytree(whole, run)
    shutil.rmtree(run / "model")
    for name in ("result.json", "report.html"):
        (run / name).unlink()
    return run


def weights(run: Path) -> bytes:
    """The bits of a run's model."""
    return (run / "model" / "weights.safetensors").read_bytes()


def code_of(call: Callable[..., Any], *arguments: Any) -> str:
    """The code of the InputError that a call ends in; no other error will do."""
    with pytest.raises(retemper.InputError) as caught:
        call(*arguments)
    assert caught.value.exit_code == 2 and caught.value.hint
    return caught.value.code
