"""Every architecture's forward pass against the same network made of PyTorch's own modules."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from retemper.core import catalogue
from retemper.models.layers.activation import Activation
from retemper.models.layers.inputs import Inputs, InputShape
from retemper.models.layers.levels import embedding_width
from retemper.models.layers.network import Network
from retemper.models.layers.parameter import padded
from retemper.training.initialisers import He
from retemper.training.plan import Rows
from retemper.training.stack import Member, Stack

SHAPE = InputShape(5, 3, (4, 30))
ROWS = 37
OUTPUTS = 3


def build(name: str, outputs: int = OUTPUTS, shape: InputShape = SHAPE, **options: Any) -> Network:
    module = catalogue.entry("model", name)
    network: Network = module.build(module.Options(**options), shape, outputs)
    return network


@pytest.fixture
def rows() -> Rows:
    draw = np.random.default_rng(0)
    codes = np.stack([draw.integers(levels, size=ROWS) for levels in SHAPE.cardinalities], 1)
    return Rows.of(draw.normal(size=(ROWS, 5)), codes, np.zeros(ROWS), dtype=torch.float64)


def forward(network: Network, rows: Rows) -> tuple[Tensor, dict[str, Tensor]]:
    """The outputs [rows, outputs] of a random member and its parameters in their true shapes."""
    stack = Stack(network, [Member(0, 1e-3), Member(1, 1e-3)], dtype=torch.float64)
    stack.initialise(He(), seed=1)
    noise = torch.randn(stack.buffers["parameters"].shape, generator=torch.Generator().manual_seed(0))
    stack.buffers["parameters"] += 0.2 * noise * stack.layout.true_places()
    x, codes = rows.x.expand(2, -1, -1), rows.codes.expand(2, -1, -1)
    outputs, _ = network.forward(stack.parameters, x, codes)
    return outputs[1, : rows.count], stack.layout.unpadded(stack.buffers["parameters"][1])


def front(p: dict[str, Tensor], rows: Rows, frequencies: int) -> Tensor:
    """Dense part, embeddings of levels and of numbers side by side."""
    x, codes = rows.x[: rows.count, :5], rows.codes[: rows.count]
    parts = [x, *(functional.embedding(codes[:, k], p[f"embedding_{k}.table"]) for k in range(2))]
    if frequencies:
        turns = x[:, : SHAPE.n_numbers, None] * p["periodic.frequency"] + p["periodic.phase"]
        weight = p["periodic.weight"].view(SHAPE.n_numbers, -1, frequencies)
        parts.append(torch.einsum("bfn,fun->bfu", torch.cos(2 * math.pi * turns), weight).flatten(1))
        parts[-1] = parts[-1] + p["periodic.bias"].flatten()
    return torch.cat(parts, 1)


def linear(p: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return functional.linear(x, p[f"{name}.weight"], p[f"{name}.bias"].flatten())


def norm(p: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], p[f"{name}.gain"][0], p[f"{name}.bias"][0])


@pytest.mark.parametrize("frequencies", [0, 4])
def test_linear(rows: Rows, frequencies: int) -> None:
    outputs, p = forward(build("linear", periodic_frequencies=frequencies), rows)
    torch.testing.assert_close(outputs, linear(p, "head", front(p, rows, frequencies)))


@pytest.mark.parametrize("frequencies", [0, 4])
@pytest.mark.parametrize("widths", [(20,), (33, 7, 50)])
def test_mlp(rows: Rows, frequencies: int, widths: tuple[int, ...]) -> None:
    network = build("mlp", widths=widths, periodic_frequencies=frequencies)
    outputs, p = forward(network, rows)
    x = front(p, rows, frequencies)
    for k in range(len(widths)):
        x = functional.silu(linear(p, f"hidden_{k + 1}", x))
        assert x.shape[1] == widths[k]
    torch.testing.assert_close(outputs, linear(p, "head", x))


@pytest.mark.parametrize("frequencies", [0, 4])
def test_residual_mlp(rows: Rows, frequencies: int) -> None:
    options = {"width": 18, "depth": 2, "expansion": 1.5, "activation": "gelu"}
    outputs, p = forward(build("residual_mlp", periodic_frequencies=frequencies, **options), rows)
    x = linear(p, "entry", front(p, rows, frequencies))
    for name in ("block_1", "block_2"):
        inside = functional.gelu(linear(p, f"{name}.expand", norm(p, f"{name}.norm", x)))
        x = x + linear(p, f"{name}.contract", inside)
    torch.testing.assert_close(outputs, linear(p, "head", functional.gelu(norm(p, "exit", x))))


@pytest.mark.parametrize("frequencies", [0, 4])
def test_tabm(rows: Rows, frequencies: int) -> None:
    """Each copy is a perceptron of its own: its first layer's outputs scaled, its head apart."""
    outputs, p = forward(build("tabm", copies=3, width=20, periodic_frequencies=frequencies), rows)
    first = linear(p, "hidden_1", front(p, rows, frequencies))
    for copy in range(3):
        x = functional.silu(first * p["copies.adapter"][copy])
        x = functional.silu(linear(p, "hidden_2", x))
        own = slice(copy * OUTPUTS, (copy + 1) * OUTPUTS)
        z = functional.linear(x, p["head.weight"][own], p["head.bias"][own, 0])
        torch.testing.assert_close(outputs[:, own], z)


@pytest.mark.parametrize(("depth", "most_tokens"), [(1, 64), (3, 64), (2, 2)])
def test_ft_transformer(rows: Rows, depth: int, most_tokens: int) -> None:
    shape = InputShape(5, 2, SHAPE.cardinalities, bins=(3, 0), groups=(1,), gaps=1)
    network = build("ft_transformer", shape=shape, depth=depth, heads=2, most_tokens=most_tokens)
    outputs, p = forward(network, rows)
    x = rows.x[: rows.count]
    bins = (x[:, 2:3] - torch.arange(3)).clamp(0, 1)
    groups = [torch.cat((x[:, :1], bins), 1), x[:, 1:2], x[:, 3:4], x[:, 4:5]]
    if most_tokens == 2:
        groups = [torch.cat(groups[:2], 1), torch.cat(groups[2:], 1)]
    bias = p["token.bias"]
    weights = p["token.weight"].split([z.shape[1] for z in groups])
    tokens = [bias[0].expand(len(x), -1)]
    tokens += [z @ weight + b for z, weight, b in zip(groups, weights, bias[1:], strict=True)]
    tokens += [functional.embedding(rows.codes[: rows.count, k], p[f"embedding_{k}.table"]) for k in range(2)]
    x = torch.stack(tokens, 1)
    assert x.shape[1] == network.inputs.count
    for block in range(1, depth + 1):
        x = x + attention(p, f"block_{block}", x, normed=block > 1)
        inside = linear(p, f"block_{block}.expand", norm(p, f"block_{block}.norm", x)).chunk(2, -1)
        x = x + linear(p, f"block_{block}.contract", inside[0] * torch.relu(inside[1]))
    torch.testing.assert_close(outputs, linear(p, "head", torch.relu(norm(p, "exit", x[:, 0]))))


def attention(p: dict[str, Tensor], name: str, x: Tensor, normed: bool) -> Tensor:
    """All tokens ask all, two heads, by PyTorch's own."""
    inside = norm(p, f"{name}.attention_norm", x) if normed else x
    parts = linear(p, f"{name}.ask", inside).chunk(3, -1)
    heads = [part.unflatten(-1, (2, -1)).transpose(1, 2) for part in parts]
    answer = functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
    return linear(p, f"{name}.answer", answer)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("relu", nn.ReLU()),
        ("leaky_relu", nn.LeakyReLU()),
        ("silu", nn.SiLU()),
        ("gelu", nn.GELU()),
        ("tanh", nn.Tanh()),
    ],
)
def test_activations_are_pytorchs_and_keep_zero(name: Any, module: nn.Module) -> None:
    x = torch.linspace(-4, 4, 33).view(1, 1, -1)
    assert torch.equal(Activation(name).forward({}, x, None)[0], module(x))
    assert not Activation(name).forward({}, torch.zeros(1, 1, 16), None)[0].any()


@pytest.mark.parametrize("name", catalogue.names("model"))
def test_options_and_parameters(name: str) -> None:
    options = catalogue.options_class("model", name)
    assert all(field.description for field in options.model_fields.values())
    for wrong in ({"periodic_sigma": 0.0}, {"periodic_frequencies": -1}, {"wdith": 3}, {"depth": 0}):
        with pytest.raises(ValidationError):
            options.model_validate(wrong)
    network = build(name)
    names = [parameter.name for parameter in network.parameters]
    assert len(set(names)) == len(names) and network.head.outputs == OUTPUTS
    decays = [parameter.decays for parameter in network.parameters]
    assert decays == sorted(decays, reverse=True), "what decays is one block at the front"
    smallest = build(name, shape=InputShape(1, 0), outputs=1)
    one = Rows.of(np.ones((ROWS, 1)), np.zeros((ROWS, 0), np.int64), np.zeros(ROWS), dtype=torch.float64)
    assert forward(smallest, one)[0].any()


@pytest.mark.parametrize("name", catalogue.names("model"))
def test_a_table_of_embedded_columns_alone(name: str) -> None:
    """There is no dense part, and nothing in it to divide among tokens."""
    codes = np.arange(ROWS)[:, None] % 5
    only = Rows.of(np.zeros((ROWS, 0)), codes, np.zeros(ROWS), dtype=torch.float64)
    outputs, _ = forward(build(name, shape=InputShape(0, 0, (5,))), only)
    assert len(outputs.unique(dim=0)) == 5


def test_places_become_piecewise_linear_codes() -> None:
    inputs = Inputs(InputShape(4, 2, bins=(3, 0)))
    x = torch.zeros(2, 5, 16)
    x[:, :, 0], x[:, :, 1], x[:, :, 3] = 7.0, 8.0, 9.0
    x[:, :, 2] = torch.tensor([-1.0, 0.0, 0.25, 1.5, 99.0])
    codes = torch.zeros(2, 5, 0, dtype=torch.int64)
    p = {"head.weight": torch.zeros(2, 1, 16)}
    y, _ = inputs.forward(p, x, codes)
    assert inputs.width == 6 and y.shape == (2, 5, 16)
    assert y[1, :, :6].tolist() == [
        [7.0, 8.0, 0.0, 0.0, 0.0, 9.0],
        [7.0, 8.0, 0.0, 0.0, 0.0, 9.0],
        [7.0, 8.0, 0.25, 0.0, 0.0, 9.0],
        [7.0, 8.0, 1.0, 0.5, 0.0, 9.0],
        [7.0, 8.0, 1.0, 1.0, 1.0, 9.0],
    ]
    shared, _ = inputs.forward(p, x[:1].expand(2, -1, -1), codes)
    assert torch.equal(shared, y) and shared.stride(0) == 0, "rows that members share are worked out once"


def test_levels_become_ones_between_gaps_and_words() -> None:
    shape = InputShape(4, 1, (5,), bins=(2,), groups=(1,), gaps=1, one_hot=(2, 3))
    inputs = Inputs(shape)
    x = torch.zeros(2, 4, 16)
    x[:, :, :4] = torch.tensor([7.0, 0.5, 8.0, 9.0])  # number, place, gap, word
    codes = torch.tensor([[4, 0, 0], [0, 1, 3], [0, 2, 1], [0, 1, 2]], dtype=torch.uint8).expand(2, -1, -1)
    p = {"embedding_0.table": torch.ones(2, 5, padded(embedding_width(5)))}
    y, _ = inputs.forward(p, x, codes)
    front = [7.0, 0.5, 0.0, 8.0]
    assert y[1, :, :10].tolist() == [
        [*front, 0, 0, 0, 0, 0, 9.0],
        [*front, 1, 0, 0, 0, 1, 9.0],
        [*front, 0, 1, 1, 0, 0, 9.0],
        [*front, 1, 0, 0, 1, 0, 9.0],
    ]
    assert inputs.width == 10 + embedding_width(5) and y.shape[2] % 16 == 0
    assert (y[:, :, 10 : inputs.width] == 1).all() and not y[:, :, inputs.width :].any()
    assert shape.blocks == (1, 2, 3, 1) and shape.n_codes == 3
    shared, _ = inputs.forward(p, x[:1].expand(2, -1, -1), codes)
    assert torch.equal(shared, y)


def test_widths_of_embeddings_grow_with_the_levels_and_stay_small() -> None:
    widths = [embedding_width(levels) for levels in (1, 2, 5, 30, 1000, 10**6)]
    assert widths == sorted(widths) and widths[0] == 2 and widths[-1] == 32
