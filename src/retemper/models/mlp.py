"""A multilayer perceptron: ``depth`` hidden layers of ``width`` units with dropout after each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from retemper.models.layers.activation import Activation, Name
from retemper.models.layers.dense import Dense, Head
from retemper.models.layers.dropout import Dropout
from retemper.models.layers.front import FrontOptions
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.layer import Layer
from retemper.models.layers.network import Network


class Options(FrontOptions):
    """Options of the multilayer perceptron."""

    width: int = Field(
        256, ge=1, le=8192, description="units a layer", json_schema_extra={"search": [64, 128, 256, 512]}
    )
    depth: int = Field(
        2, ge=1, le=32, description="hidden layers", json_schema_extra={"search": {"low": 1, "high": 4}}
    )
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="units of each hidden layer, instead of width × depth"
    )
    activation: Name = Field("silu", description="relu, leaky_relu, silu, gelu or tanh")
    dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        json_schema_extra={"search": {"low": 0.0, "high": 0.5}},
        description="share of hidden units dropped in training",
    )


def build(options: Options, shape: InputShape, outputs: int) -> Network:
    """The network for prepared rows of ``shape``.

    >>> [p.shape for p in build(Options(width=32, depth=1), InputShape(8, 8), 3).parameters]
    [(32, 8), (3, 32), (1, 32), (3, 1)]
    """
    front = options.front(shape)
    body: list[Layer] = []
    inputs = front.width
    for position, width in enumerate(options.widths or (options.width,) * options.depth, start=1):
        body += [Dense(f"hidden_{position}", inputs, width), Activation(options.activation), Dropout()]
        inputs = width
    return Network(front, tuple(body), Head("head", inputs, outputs))
