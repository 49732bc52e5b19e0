"""A linear model: the inputs straight to the head (with embeddings: a generalised additive model)."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.models.layers.dense import Head
from retemper.models.layers.inputs import Inputs, InputShape
from retemper.models.layers.network import Network


class Options(Base):
    """Options of the linear model."""

    periodic_frequencies: int = Field(
        0, ge=0, le=64, description="sin/cos pairs a number, frequencies learned"
    )
    periodic_sigma: float = Field(0.1, gt=0, description="spread of the frequencies at the start")


def build(options: Options, shape: InputShape, outputs: int) -> Network:
    """The network for prepared rows of ``shape``.

    >>> build(Options(), InputShape(8, 8), 3).head.outputs
    3
    """
    front = Inputs(shape, options.periodic_frequencies, options.periodic_sigma)
    return Network(front, (), Head("head", front.width, outputs))
