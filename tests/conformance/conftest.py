"""Small synthetic problems that any model can be trained on, in either precision."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from retemper.core import catalogue, device, seeds
from retemper.core.recipe_sections import TrainingOptions
from retemper.core.records import Task
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.network import Network
from retemper.training import losses
from retemper.training.engines import Name
from retemper.training.loop import Training
from retemper.training.plan import Fit, Plan, Rows
from retemper.training.planning import callbacks_of
from retemper.training.stack import Member

STEADY = {"batch_size": 32, "patience_epochs": 0, "mixed_precision": "off"}


@dataclass(frozen=True)
class Problem:
    """Rows whose target follows from the inputs; ``classes`` 0 means regression."""

    width: int = 5
    classes: int = 3
    cardinalities: tuple[int, ...] = ()
    bins: tuple[int, ...] = ()
    one_hot: tuple[int, ...] = ()
    rows: int = 150
    dtype: torch.dtype = torch.float32
    class_weight: tuple[float, ...] = ()
    training: dict[str, Any] = field(default_factory=dict)

    def network(self, model: dict[str, Any], outputs: int) -> Network:
        """The network of a recipe's ``model`` for these rows."""
        module = catalogue.entry("model", model["name"])
        options = module.Options(**{key: value for key, value in model.items() if key != "name"})
        numbers, places = min(2, self.width), sum(n > 0 for n in self.bins)
        rest = self.width - numbers - places
        groups = (rest - 1,) if rest > 1 else ()
        bins = self.bins if rest >= 0 else ()
        shape = InputShape(
            self.width, numbers, self.cardinalities, bins, groups, int(rest > 1), one_hot=self.one_hot
        )
        network: Network = module.build(options, shape, outputs)
        return network

    def split(self, name: str, count: int) -> Rows:
        """``count`` rows with weights between .5 and 1.5."""
        draw = seeds.generator(3, name)
        x = draw.normal(size=(count, self.width))
        # A one-hot column has a code for none of its levels, 0.
        counts = (*self.cardinalities, *(levels + 1 for levels in self.one_hot))
        codes = np.zeros((count, len(counts)), dtype=np.uint8)
        for column, levels in enumerate(counts):
            codes[:, column] = draw.integers(levels, size=count)
        score = x @ np.linspace(-1, 2, self.width) + codes.sum(1) + 0.3 * draw.normal(size=count)
        cuts = np.quantile(score, np.arange(1, self.classes) / max(1, self.classes))
        y = np.searchsorted(cuts, score) if self.classes else score
        return Rows.of(x, codes, y, draw.uniform(0.5, 1.5, count), self.dtype)

    def plan(
        self, model: dict[str, Any], members: Sequence[Member], epochs: int = 3, **training: Any
    ) -> Plan:
        """A plan with ``training`` over the problem's own options."""
        options = TrainingOptions.model_validate({**STEADY, **self.training, **training})
        task: Task = "classification" if self.classes else "regression"
        loss = losses.resolve(options.loss, task, self.classes)
        return Plan(
            network=self.network(model, loss.n_outputs(self.classes)),
            loss=loss,
            options=options,
            members=tuple(members),
            seed=7,
            train=self.split("train", self.rows),
            validation=self.split("validation", 45),
            epochs=epochs,
            class_weight=np.array(self.class_weight) if self.class_weight else None,
        )


def train(plan: Plan, engine: Name = "dense") -> tuple[Training, list[Fit]]:
    """The training with the callbacks of a real run, done."""
    training = Training(plan, callbacks_of(plan, lambda share, text: None, None, None), engine=engine)
    return training, training.run()


@pytest.fixture(name="problem", scope="session")
def problem_fixture() -> type[Problem]:
    """``problem(width=3).plan(model, members)``."""
    return Problem


@pytest.fixture(name="train", scope="session")
def train_fixture() -> Any:
    """``training, fits = train(plan)`` on one thread, as everywhere in retemper."""
    device.one_thread()
    return train
