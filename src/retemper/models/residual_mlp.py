"""A residual MLP (Gorishniy et al. 2021, "Revisiting deep learning models for tabular data").

Each block is x + W₂·dropout(act(W₁·norm(x))); the blocks start near the identity, so depth does not hurt.
"""

from __future__ import annotations

from pydantic import Field

from retemper.models.layers.activation import Activation, Name
from retemper.models.layers.dense import Dense, Head
from retemper.models.layers.dropout import Dropout
from retemper.models.layers.front import FrontOptions
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.layer import Layer
from retemper.models.layers.network import Network
from retemper.models.layers.normalise import LayerNorm
from retemper.models.layers.residual import Residual


class Options(FrontOptions):
    """Options of the residual MLP."""

    width: int = Field(
        192,
        ge=1,
        le=8192,
        description="units between the blocks",
        json_schema_extra={"search": [64, 128, 256, 512]},
    )
    depth: int = Field(
        2, ge=1, le=64, description="residual blocks", json_schema_extra={"search": {"low": 1, "high": 6}}
    )
    expansion: float = Field(
        2.0,
        gt=0,
        le=8,
        description="units inside a block, as a multiple of width",
        json_schema_extra={"search": {"low": 1.0, "high": 4.0}},
    )
    activation: Name = Field("silu", description="relu, leaky_relu, silu, gelu or tanh")
    dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        json_schema_extra={"search": {"low": 0.0, "high": 0.5}},
        description="share of units dropped inside a block, in training",
    )


def build(options: Options, shape: InputShape, outputs: int) -> Network:
    """The network for prepared rows of ``shape``.

    >>> len(build(Options(depth=3), InputShape(8, 8), 3).body)
    6
    """
    front = options.front(shape)
    inside = max(1, round(options.width * options.expansion))
    body: list[Layer] = [Dense("entry", front.width, options.width)]
    for position in range(1, options.depth + 1):
        name = f"block_{position}"
        inner: tuple[Layer, ...] = (
            LayerNorm(f"{name}.norm", options.width),
            Dense(f"{name}.expand", options.width, inside),
            Activation(options.activation),
            Dropout(),
            Dense(f"{name}.contract", inside, options.width),
        )
        body.append(Residual(inner))
    body += [LayerNorm("exit", options.width), Activation(options.activation)]
    return Network(front, tuple(body), Head("head", options.width, outputs))
