"""Histograms of a trained network's activations: of its own units, at its best epoch."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from retemper.core.recipe import build
from retemper.models.layers.build import network_of
from retemper.models.layers.inputs import InputShape
from retemper.procedure.inner_values import inner_values
from retemper.training.loop import Training
from retemper.training.losses import resolve
from retemper.training.plan import Plan, Rows
from retemper.training.stack import Layout, Member

DRAWS = np.random.default_rng(0)


def state(model: dict, losses: list[float], row: torch.Tensor | None = None):
    """A state of networks with these validation losses, on 40 rows of 3 columns."""
    shape = InputShape(3, 3)
    network = network_of(model, shape, 2)
    row = torch.ones(Layout(network).size) if row is None else row
    x, codes, y = (
        DRAWS.normal(size=(40, 3)).astype(np.float32),
        np.zeros((40, 0), np.int32),
        np.zeros(40, np.int64),
    )
    data = SimpleNamespace(shape=shape, n_classes=2, validation=SimpleNamespace(dense=x, codes=codes, y=y))
    networks = tuple(
        SimpleNamespace(
            id=k, model=model, fit=SimpleNamespace(val_loss=loss, row=row * (k + 1)), member=Member(k, 0.1)
        )
        for k, loss in enumerate(losses)
    )
    recipe = build(
        {
            "training.loss": "cross_entropy",
            "training.initialiser": "pytorch",
            "training.batch_size": 8,
            "seed": 4,
        }
    )
    return SimpleNamespace(long=networks, ready=(None, None, data), recipe=recipe, task="classification")


def test_units_that_only_fill_up_lanes_are_no_dead_ones() -> None:
    """Weights of 1 and positive rows: no unit of 5 is zero, and 11 stored ones are not counted."""
    own = state({"name": "mlp", "widths": [5], "activation": "relu"}, [0.3])
    own.ready[2].validation.dense[:] = 1.0
    (histogram,) = inner_values(own)["histograms"]
    assert (histogram["name"], histogram["zeros"], sum(histogram["counts"])) == ("relu", 0.0, 40 * 5)


@pytest.mark.parametrize("name", ["mlp", "residual_mlp"])
def test_the_best_network_is_seen_layer_by_layer(name: str) -> None:
    model = {"name": name, "depth": 2, "width": 16, "activation": "silu"}
    found = inner_values(state(model, [0.4, 0.3, float("nan")]))
    assert found["member"] == 1 and found["rows"] == 40
    assert {own["name"] for own in found["histograms"]} == {"silu"} and len(found["histograms"]) >= 2


def test_a_dead_rectifier_shows() -> None:
    model = {"name": "mlp", "widths": [16], "activation": "relu"}
    row = -torch.ones(Layout(network_of(model, InputShape(3, 3), 2)).size)
    own = state(model, [0.3], row)
    own.ready[2].validation.dense[:] = 1.0
    assert inner_values(own)["histograms"][0]["zeros"] == 1.0


def test_the_line_before_training_is_that_of_the_weights_that_it_began_with() -> None:
    """A network is given the weights that the loop itself draws for its id: both pictures agree."""
    model = {"name": "mlp", "widths": [16, 8], "activation": "tanh"}
    own = state(model, [0.4, 0.3])
    network, data = network_of(model, InputShape(3, 3), 2), own.ready[2].validation
    options = own.recipe.training
    training = Training(
        Plan(
            network,
            resolve(options.loss, "classification", 2),
            options,
            (own.long[1].member,),
            own.recipe.seed,
            Rows.of(data.dense, data.codes, data.y),
            None,
            epochs=1,
        ),
        [],
    )
    training.initialise()
    own.long[1].fit.row = training.stack.buffers["parameters"][0]
    found = inner_values(own)
    assert found["member"] == 1 and found["start"] == found["histograms"]
    own.long[1].fit.row = 2 * own.long[1].fit.row
    assert inner_values(own)["start"] == found["start"] != inner_values(own)["histograms"]


def test_no_network_stayed_finite() -> None:
    assert inner_values(state({"name": "mlp", "widths": [16]}, [float("nan")])) == {}
