"""A linear model: the inputs straight to the head (with embeddings: a generalised additive model)."""

from __future__ import annotations

from retemper.models.layers.dense import Head
from retemper.models.layers.front import FrontOptions
from retemper.models.layers.inputs import InputShape
from retemper.models.layers.network import Network


class Options(FrontOptions):
    """Options of the linear model."""


def build(options: Options, shape: InputShape, outputs: int) -> Network:
    """The network for prepared rows of ``shape``.

    >>> build(Options(), InputShape(8, 8), 3).head.outputs
    3
    """
    front = options.front(shape)
    return Network(front, (), Head("head", front.width, outputs))
