"""Jobs that are large enough to run out of memory, and a pool of warm workers for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from retemper.core import device, seeds
from retemper.core.budget import Deadline
from retemper.core.recipe import TrainingOptions
from retemper.models.layers.inputs import InputShape
from retemper.training import arrays
from retemper.training.arrays import SplitArrays, TaskArrays
from retemper.training.job import Job, JobResult
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
