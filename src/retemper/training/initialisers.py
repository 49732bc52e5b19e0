"""Initial weights of a layer, drawn from a NumPy generator so that the bits don't depend on the stack.

Weights are stored as ``[inputs, outputs]`` (a layer is x·W + b); biases start at 0, the
last one at the prior.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import sqrt
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retemper.core.options import Options

Weights = NDArray[np.float64]
Distribution = Literal["uniform", "normal"]


class Initialiser(Options, ABC):
    """One layer's initial weights."""

    as_drawn: ClassVar[bool] = False
    """The head too begins as it is drawn, without ``training.head_scale`` and ``training.output_bias``."""

    @abstractmethod
    def draw(self, shape: tuple[int, int], generator: np.random.Generator) -> Weights:
        """Weights of one layer of one member.

        Args:
            shape: (inputs, outputs), each 1 or more.
            generator: for example ``seeds.generator(seed, "weights", member, layer)``.

        Returns:
            float64 ``[inputs, outputs]``.
        """

    def draw_bias(self, shape: tuple[int, int], inputs: int, generator: np.random.Generator) -> Weights:
        """Biases of a layer with so many inputs: zeros, unless an initialiser says otherwise."""
        return np.zeros(shape)


def _spread(
    shape: tuple[int, int], std: float, distribution: Distribution, generator: np.random.Generator
) -> Weights:
    """Numbers of mean 0 and standard deviation ``std``; a uniform one reaches from −√3·std to √3·std."""
    if distribution == "normal":
        return generator.normal(0.0, std, shape)
    return generator.uniform(-sqrt(3.0) * std, sqrt(3.0) * std, shape)


class Random(Initialiser):
    """One spread for every layer, whatever its size. Mostly for comparison: deep networks need better.

    >>> Random(std=0.1).draw((2, 3), np.random.default_rng(0)).shape
    (2, 3)
    """

    std: float = Field(
        0.01,
        gt=0,
        allow_inf_nan=False,
        description="standard deviation",
        json_schema_extra={"search": {"low": 1e-3, "high": 0.3, "log": True}},
    )
    distribution: Distribution = "normal"

    def draw(self, shape: tuple[int, int], generator: np.random.Generator) -> Weights:
        return _spread(shape, self.std, self.distribution, generator)


class Xavier(Initialiser):
    """std = gain·√(2 / (inputs + outputs)): keeps the variance both ways through tanh (Glorot & Bengio 2010).

    >>> bool(abs(Xavier().draw((2, 4), np.random.default_rng(0))).max() <= 1.0)
    True
    """

    gain: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="5/3 suits tanh, 1 linear and sigmoid",
        json_schema_extra={"search": {"low": 0.5, "high": 2.0, "log": True}},
    )
    distribution: Distribution = "uniform"

    def draw(self, shape: tuple[int, int], generator: np.random.Generator) -> Weights:
        return _spread(shape, self.gain * sqrt(2.0 / sum(shape)), self.distribution, generator)


class He(Initialiser):
    """std = gain / √inputs: keeps the variance forward through ReLU with gain √2 (He et al. 2015).

    >>> He(distribution="normal").draw((2, 3), np.random.default_rng(0)).dtype
    dtype('float64')
    """

    gain: float = Field(
        sqrt(2.0),
        gt=0,
        allow_inf_nan=False,
        description="√2 suits ReLU and its smooth kin, 1 SELU and linear",
        json_schema_extra={"search": {"low": 0.5, "high": 2.0, "log": True}},
    )
    distribution: Distribution = "normal"

    def draw(self, shape: tuple[int, int], generator: np.random.Generator) -> Weights:
        return _spread(shape, self.gain / sqrt(shape[0]), self.distribution, generator)


class Orthogonal(Initialiser):
    """gain times a random matrix with orthonormal rows or columns: keeps lengths (Saxe et al. 2014).

    It is the Q of a normal matrix's QR decomposition, with the signs of R's diagonal taken out so that every
    orthogonal matrix is equally likely (Mezzadri 2007).

    >>> w = Orthogonal().draw((4, 2), np.random.default_rng(0))
    >>> bool(np.allclose(w.T @ w, np.eye(2)))
    True
    """

    gain: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="√2 suits ReLU, 1 linear and tanh",
        json_schema_extra={"search": {"low": 0.5, "high": 2.0, "log": True}},
    )

    def draw(self, shape: tuple[int, int], generator: np.random.Generator) -> Weights:
        long, short = max(shape), min(shape)
        q, r = np.linalg.qr(generator.normal(0.0, 1.0, (long, short)))
        q = self.gain * q * np.sign(np.diagonal(r))
        return np.ascontiguousarray(q if shape == (long, short) else q.T)


class LikePyTorch(Initialiser):
    """All weights and biases uniform within ±1/√inputs, as PyTorch's ``nn.Linear`` begins (LeCun et al. 1998).

    Use to repeat what a plain PyTorch network does; avoid for deep ones: ReLU shrinks the signal at every layer.

    The head begins like the other layers, whatever ``training.head_scale`` and ``training.output_bias`` say.

    >>> bool(abs(LikePyTorch().draw((4, 3), np.random.default_rng(0))).max() <= 0.5)
    True
    """

    as_drawn: ClassVar[bool] = True

    def draw(self, shape: tuple[int, int], generator: np.random.Generator) -> Weights:
        return generator.uniform(-1.0, 1.0, shape) / sqrt(shape[0])

    def draw_bias(self, shape: tuple[int, int], inputs: int, generator: np.random.Generator) -> Weights:
        return generator.uniform(-1.0, 1.0, shape) / sqrt(inputs)


ENTRIES: dict[str, type[Options]] = {
    "random": Random,
    "xavier": Xavier,
    "he": He,
    "orthogonal": Orthogonal,
    "pytorch": LikePyTorch,
}
