"""FT-Transformer (Gorishniy et al. 2021): attention between the columns of a row.

Each column becomes a token; blocks of attention and a gated feed-forward layer, each behind a normalisation,
let the tokens ask one another; the head reads the first token. Small by default: attention costs some ten
times as much as a perceptron. Use when columns act on one another; avoid with hundreds of columns.
"""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.models.layers.activation import Activation
from retemper.models.layers.attention import Attention, GatedReLU
from retemper.models.layers.dense import Dense, Head
from retemper.models.layers.dropout import Dropout
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.layer import Layer
from retemper.models.layers.network import Network
from retemper.models.layers.normalise import LayerNorm
from retemper.models.layers.parameter import padded
from retemper.models.layers.residual import Residual
from retemper.models.layers.tokens import Tokens


class Options(Base):
    """Options of the transformer."""

    depth: int = Field(
        2, ge=1, le=12, description="blocks", json_schema_extra={"search": {"low": 1, "high": 4}}
    )
    heads: int = Field(
        4, ge=1, le=32, description="heads of attention", json_schema_extra={"search": [1, 2, 4, 8]}
    )
    head_width: int = Field(
        16,
        ge=16,
        le=128,
        multiple_of=16,
        description="units a head",
        json_schema_extra={"search": [16, 32, 64]},
    )
    expansion: float = Field(
        4 / 3,
        gt=0,
        le=8,
        description="units of the feed-forward layer, as a multiple of a token's",
        json_schema_extra={"search": {"low": 1.0, "high": 4.0}},
    )
    dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        json_schema_extra={"search": {"low": 0.0, "high": 0.5}},
        description="share of feed-forward units dropped in training",
    )
    most_tokens: int = Field(
        64,
        ge=1,
        le=512,
        description="past so many columns, neighbours share a token",
        json_schema_extra={"search": [32, 64, 128]},
    )


def build(options: Options, shape: InputShape, outputs: int) -> Network:
    """The network for prepared rows of ``shape``.

    >>> network = build(Options(depth=1), InputShape(8, 8), 3)
    >>> len(network.body), network.inputs.count
    (4, 9)
    """
    width = options.heads * options.head_width
    inside = padded(round(width * options.expansion))
    front = Tokens(shape, width, options.most_tokens)
    body: list[Layer] = []
    for position in range(1, options.depth + 1):
        name = f"block_{position}"
        asked = 1 if position == options.depth else front.count
        attention: tuple[Layer, ...] = (
            Dense(f"{name}.ask", width, 3 * width),
            Attention(front.count, options.heads, asked),
            Dense(f"{name}.answer", width, width),
        )
        if position > 1:  # the tokens come fresh: the first block does without
            attention = (LayerNorm(f"{name}.attention_norm", width), *attention)
        feed_forward: tuple[Layer, ...] = (
            LayerNorm(f"{name}.norm", width),
            Dense(f"{name}.expand", width, 2 * inside),
            GatedReLU(inside),
            Dropout(),
            Dense(f"{name}.contract", inside, width),
        )
        body += [Residual(attention), Residual(feed_forward)]
    body += [LayerNorm("exit", width), Activation("relu")]
    return Network(front, tuple(body), Head("head", width, outputs))
