"""A small problem as prepared arrays, and jobs and plans for it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retemper.core import device, seeds
from retemper.core.recipe_sections import TrainingOptions
from retemper.models.layers.inputs import InputShape
from retemper.training import arrays
from retemper.training.arrays import SplitArrays, TaskArrays
from retemper.training.job import Job
from retemper.training.loop import Training
from retemper.training.plan import Fit, Plan
from retemper.training.planning import callbacks_of, plan_of
from retemper.training.stack import Member

MODEL = {"name": "mlp"}
SIZES = {"linear": {}, "mlp": {"width": 20}, "residual_mlp": {"width": 20, "expansion": 1.5}}
TRAINING = {"batch_size": 32, "patience_epochs": 0, "mixed_precision": "off"}
MEMBERS = (
    Member(3, 1e-2, weight_decay=0.1, dropout=0.1),
    Member(0, 3e-3, dropout=0.3, label_smoothing=0.1),
    Member(7, 3e-2),
)


def split_arrays(name: str, rows: int, classes: int) -> SplitArrays:
    """Rows of 6 inputs and an embedded column of 5 levels, whose target follows from both."""
    draw = seeds.generator(1, name)
    x = draw.normal(size=(rows, 6)).astype(np.float32)
    codes = draw.integers(5, size=(rows, 1))
    score = x @ np.linspace(-1, 2, 6) + codes[:, 0] + 0.5 * draw.normal(size=rows)
    cuts = np.quantile(score, np.arange(1, classes) / max(1, classes))
    y = np.searchsorted(cuts, score) if classes else ((score - 2) / 3).astype(np.float32)
    return SplitArrays(x, codes, y, draw.uniform(0.5, 1.5, rows).astype(np.float32))


def task_arrays(classes: int = 3, class_weight: tuple[float, ...] | None = None) -> TaskArrays:
    """150 rows to learn from, 60 to judge by; ``classes`` 0: regression."""
    train = split_arrays("train", 150, classes)
    prior = tuple(np.bincount(train.y) / len(train.y)) if classes else (train.y.mean(), train.y.std())
    return TaskArrays(
        "classification" if classes else "regression",
        classes,
        InputShape(6, 6, (5,)),
        tuple(map(float, prior)),
        class_weight,
        train,
        split_arrays("validation", 60, classes),
    )


def job_for(folder: str | Path = "", epochs: int = 4, **changes: Any) -> Job:
    """A job on the data in a folder; ``training`` and ``model`` change single options."""
    training = {**TRAINING, **changes.pop("training", {})}
    model = {**MODEL, **changes.pop("model", {})}
    return Job(
        name=changes.pop("name", "test"),
        data=str(folder),
        model={**SIZES.get(model["name"], {}), **model},
        training=TrainingOptions.model_validate(training).model_dump(mode="json"),
        members=changes.pop("members", MEMBERS),
        seed=5,
        epochs=epochs,
        **changes,
    )


def plan_for(data: TaskArrays | None = None, dtype: torch.dtype = torch.float32, **of_job: Any) -> Plan:
    """The plan of :func:`job_for`, in either precision."""
    data = data or task_arrays()
    plan = plan_of(job_for(**of_job), data)
    return replace(plan, train=data.train.rows(dtype), validation=data.validation.rows(dtype))


def train(plan: Plan) -> tuple[Training, list[Fit]]:
    """The training with the callbacks of a real run, done."""
    training = Training(plan, callbacks_of(plan, lambda share, text: None, None, None))
    return training, training.run()


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """As everywhere in retemper."""
    device.one_thread()


@pytest.fixture(name="task_arrays")
def task_arrays_fixture() -> Callable[..., TaskArrays]:
    return task_arrays


@pytest.fixture(name="job_for")
def job_for_fixture() -> Callable[..., Job]:
    return job_for


@pytest.fixture(name="plan_for")
def plan_for_fixture() -> Callable[..., Plan]:
    return plan_for


@pytest.fixture(name="train")
def train_fixture() -> Callable[[Plan], tuple[Training, list[Fit]]]:
    return train


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The arrays on disk, as jobs read them."""
    folder = tmp_path_factory.mktemp("data")
    arrays.save(task_arrays(), folder)
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run's folder with the places that jobs write to."""
    (tmp_path / "history").mkdir()
    (tmp_path / "checkpoints" / "jobs").mkdir(parents=True)
    return tmp_path
