"""Models of random networks over fitted preparers: nothing here needs a training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.bundle.model import Model, network_of, shape_of
from retemper.bundle.parts import Part
from retemper.core import device
from retemper.core.recipe import Recipe
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.target import Target
from retemper.training import losses
from retemper.training.stack import Member, Stack

NETWORKS = ({"name": "mlp", "width": 20}, {"name": "mlp", "width": 20}, {"name": "linear"})
WEIGHTS = (0.5, 0.3, 0.2)


def table(rows: int = 200, target: str = "words") -> pl.DataFrame:
    """Numbers, missing cells, few and many levels; the target is words, integers, booleans or numbers."""
    draw = np.random.default_rng(0)
    targets: dict[str, Any] = {
        "words": draw.choice(["no", "yes", "may be"], rows),
        "integers": draw.choice([10, 2], rows),
        "booleans": draw.choice([True, False], rows),
        "numbers": 100 + 30 * draw.normal(size=rows),
    }
    return pl.DataFrame(
        {
            "size": draw.lognormal(size=rows),
            "age": [None if k % 9 == 0 else int(v) for k, v in enumerate(draw.integers(18, 90, rows))],
            "kind": draw.choice(["u", "v", "w"], rows),
            "city": [f"city {k}" for k in draw.integers(0, 30, rows)],
            "open": draw.choice([True, False], rows),
            "y": targets[target],
        }
    )


def model_for(frame: pl.DataFrame, temperature: float = 1.0, **changes: Any) -> Model:
    """A model of three random networks; its first features are those of ``frame``."""
    recipe = Recipe().with_changes(
        {"data.target": "y", "prepare.bins": 4, "prepare.one_hot_levels": 8, "model": NETWORKS[0], **changes}
    )
    schema = infer(read(frame, "y"), recipe.data)
    preparer = Preparer.fit(frame, schema, recipe.prepare)
    target = Target.fit(frame["y"], schema, recipe.prepare)
    shape = shape_of(preparer)
    outputs = losses.resolve(recipe.training.loss, target.task, len(target.classes)).n_outputs(
        len(target.classes)
    )
    parts = []
    for id_, (network, weight) in enumerate(zip(NETWORKS, WEIGHTS, strict=True)):
        stack = Stack(network_of(network, shape, outputs), [Member(id_, 1e-3)])
        stack.initialise(recipe.training.initialiser.options, seed=0, head_scale=0.1)
        parts.append(Part(network, stack.buffers["parameters"][0], weight))
    return Model(schema, preparer, target, recipe, tuple(parts), temperature)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """As everywhere in retemper."""
    device.one_thread()


@pytest.fixture(name="table")
def table_fixture() -> Callable[..., pl.DataFrame]:
    return table


@pytest.fixture(name="model_for")
def model_for_fixture() -> Callable[..., Model]:
    return model_for
