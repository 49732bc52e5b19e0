"""A parameter-efficient ensemble in one network (Gorishniy et al. 2024, "TabM", arXiv 2410.24210).

k copies of a multilayer perceptron share all its hidden layers; each has an adapter r_k of its own at the first of
them, and a head of its own (the paper's TabM-mini). Each copy has its own loss, the member's loss is their mean, and
the prediction is the mean of the copies' predictions. Use when one model must be small and there is time to train:
k copies cost the products of k perceptrons, but the parameters of one. Avoid where seconds count: on a CPU a stack of
perceptrons in the same time was as good or better.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from retemper.models.layers.activation import Activation, Name
from retemper.models.layers.copies import Spread
from retemper.models.layers.dense import Dense, Head
from retemper.models.layers.dropout import Dropout
from retemper.models.layers.front import FrontOptions
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.layer import Layer
from retemper.models.layers.network import Network


class Options(FrontOptions):
    """Options of the ensemble in one network."""

    copies: int = Field(
        8,
        ge=2,
        le=64,
        description="networks that share the hidden layers",
        json_schema_extra={"search": [4, 8, 16, 32]},
    )
    adapters: Literal["hidden", "inputs"] = Field(
        "hidden",
        description="what each copy scales: the first layer's outputs, whose product is then made once for all "
        "copies, or its inputs, as in the paper",
    )
    width: int = Field(
        128, ge=1, le=8192, description="units a layer", json_schema_extra={"search": [64, 128, 256, 512]}
    )
    depth: int = Field(
        2, ge=1, le=32, description="hidden layers", json_schema_extra={"search": {"low": 1, "high": 4}}
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

    >>> network = build(Options(copies=4, width=32, depth=1), InputShape(8, 8), 3)
    >>> network.copies, [p.shape for p in network.parameters]
    (4, [(32, 8), (12, 32), (1, 32), (4, 32), (12, 1)])
    """
    front = options.front(shape)
    body: list[Layer] = []
    inputs = front.width
    if options.adapters == "inputs":
        body.append(Spread("copies", options.copies, inputs))
    for position in range(1, options.depth + 1):
        body.append(Dense(f"hidden_{position}", inputs, options.width))
        if options.adapters == "hidden" and position == 1:
            body.append(Spread("copies", options.copies, options.width))
        body += [Activation(options.activation), Dropout()]
        inputs = options.width
    return Network(front, tuple(body), Head("head", inputs, outputs, options.copies))
