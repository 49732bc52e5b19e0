"""Optimizers on a stack's flat buffers: one call moves all members, each with its own rate and decay.

Every update has the form w ← (1 − η·λ)·w + η·d: first the decoupled decay (Loshchilov & Hutter 2019), then the
direction d, which knows nothing of the rate η, so that η and λ may differ from member to member. Coupled L2
(``training.l2``) is added to the gradient before. Directions are those of ``torch.optim``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from retemper.core.options import Options

Slots = Mapping[str, Tensor]
"""The optimizer's memory: name → [M, P]; ``delta`` holds the direction."""


class Optimizer(Options):
    """What all optimizers share."""

    learning_rate: float = Field(
        1e-3,
        gt=0,
        description="base rate; the schedule multiplies it",
        json_schema_extra={"search": {"low": 1e-4, "high": 0.1, "log": True}},
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        description="λ of the decoupled decay w ← (1 − rate·λ)·w",
        json_schema_extra={"search": {"low": 1e-4, "high": 0.3, "log": True}},
    )
    decay_biases: bool = Field(
        False, description="let the decay and the penalties reach biases and gains too"
    )

    slots: ClassVar[tuple[str, ...]] = ()

    def direction(
        self, gradient: Tensor, slots: Slots, step: Tensor, momentum: Tensor | None = None
    ) -> Tensor:
        """The step at rate 1, sign included. Updates ``slots`` in place.

        Args:
            gradient: [M, P].
            slots: the memory.
            step: counts from 1.
            momentum: [M, 1] the members' own, for an optimizer that has one; None: the option's for all.
        """
        raise TypeError(f"{type(self).__name__} is abstract")

    def metric(self, slots: Slots, step: Tensor, momentum: Tensor | None = None) -> Tensor:
        """D, what the direction of a gradient that stays the same is divided by: d = −g / D.

        A number or [M, P], of the memory as the last direction left it; the arguments are those of :meth:`direction`.
        """
        raise TypeError(f"{type(self).__name__} is abstract")

    def momenta(self, own: Sequence[float | None], like: Tensor) -> Tensor | None:
        """The members' momenta [M, 1], the option's where a member has none; None where the optimizer has none."""
        option = getattr(self, "momentum", None)
        if option is None:
            return None
        return like.new_tensor([option if each is None else each for each in own]).unsqueeze(1)


class SGD(Optimizer):
    """Gradient descent: d = −g. Steady; wants its rate tuned (about .01 to .5) and inputs well scaled."""

    learning_rate: float = Field(
        0.05,
        gt=0,
        description="base rate",
        json_schema_extra={"search": {"low": 1e-3, "high": 1.0, "log": True}},
    )

    def direction(
        self, gradient: Tensor, slots: Slots, step: Tensor, momentum: Tensor | None = None
    ) -> Tensor:
        return gradient.neg_()

    def metric(self, slots: Slots, step: Tensor, momentum: Tensor | None = None) -> Tensor:
        return torch.ones_like(step)


class Momentum(Optimizer):
    """Heavy ball (Polyak 1964): v ← μ·v + g, d = −v."""

    learning_rate: float = Field(
        0.01,
        gt=0,
        description="base rate",
        json_schema_extra={"search": {"low": 3e-4, "high": 0.3, "log": True}},
    )
    momentum: float = Field(
        0.9,
        ge=0,
        lt=1,
        description="μ, share of the old velocity that is kept",
        json_schema_extra={"search": {"low": 0.5, "high": 0.99}},
    )

    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def direction(
        self, gradient: Tensor, slots: Slots, step: Tensor, momentum: Tensor | None = None
    ) -> Tensor:
        velocity = slots["velocity"].mul_(self._of(momentum, gradient)).add_(gradient)
        return torch.neg(velocity, out=slots["delta"])

    def metric(self, slots: Slots, step: Tensor, momentum: Tensor | None = None) -> Tensor:
        return 1 - self._of(momentum, slots["velocity"])

    def _of(self, momentum: Tensor | None, gradient: Tensor) -> Tensor:
        # A number would take another way through PyTorch than a member's own: its last bits might differ.
        return gradient.new_tensor(self.momentum) if momentum is None else momentum


class Nesterov(Momentum):
    """Nesterov's momentum (Sutskever et al. 2013): v ← μ·v + g, d = −(g + μ·v)."""

    def direction(
        self, gradient: Tensor, slots: Slots, step: Tensor, momentum: Tensor | None = None
    ) -> Tensor:
        own = self._of(momentum, gradient)
        velocity = slots["velocity"].mul_(own).add_(gradient)
        return torch.addcmul(gradient, velocity, own, out=slots["delta"]).neg_()


class RMSprop(Optimizer):
    """RMSprop (Hinton 2012): s ← α·s + (1 − α)·g², d = −g / (√s + ε)."""

    alpha: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="share of the old mean square that is kept",
        json_schema_extra={"search": {"low": 0.9, "high": 0.999}},
    )
    epsilon: float = Field(
        1e-8,
        gt=0,
        description="ε, added to the root",
        json_schema_extra={"search": {"low": 1e-9, "high": 1e-4, "log": True}},
    )

    slots: ClassVar[tuple[str, ...]] = ("square",)

    def direction(
        self, gradient: Tensor, slots: Slots, step: Tensor, momentum: Tensor | None = None
    ) -> Tensor:
        square = slots["square"].mul_(self.alpha).addcmul_(gradient, gradient, value=1 - self.alpha)
        root = torch.sqrt(square, out=slots["delta"]).add_(self.epsilon)
        return torch.div(gradient, root, out=root).neg_()

    def metric(self, slots: Slots, step: Tensor, momentum: Tensor | None = None) -> Tensor:
        return torch.sqrt(slots["square"]).add_(self.epsilon)


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): d = −m̂ / (√v̂ + ε) with bias-corrected running means of g and g².

    PyTorch's fused kernel runs once over the flat buffer at rate 1 on a buffer of zeros, which leaves d there:
    half the time of the same arithmetic in separate passes.
    """

    beta1: float = Field(
        0.9,
        ge=0,
        lt=1,
        description="share of the old mean gradient that is kept",
        json_schema_extra={"search": {"low": 0.8, "high": 0.98}},
    )
    beta2: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="share of the old mean square that is kept",
        json_schema_extra={"search": {"low": 0.95, "high": 0.9999}},
    )
    epsilon: float = Field(
        1e-8,
        gt=0,
        description="ε, added to the root",
        json_schema_extra={"search": {"low": 1e-9, "high": 1e-4, "log": True}},
    )

    slots: ClassVar[tuple[str, ...]] = ("mean", "square")

    def direction(
        self, gradient: Tensor, slots: Slots, step: Tensor, momentum: Tensor | None = None
    ) -> Tensor:
        delta = slots["delta"].zero_()
        torch._fused_adam_(
            [delta],
            [gradient],
            [slots["mean"]],
            [slots["square"]],
            [],
            [step],
            lr=1.0,
            beta1=self.beta1,
            beta2=self.beta2,
            weight_decay=0.0,
            eps=self.epsilon,
            amsgrad=False,
            maximize=False,
        )
        return delta

    def metric(self, slots: Slots, step: Tensor, momentum: Tensor | None = None) -> Tensor:
        correction = torch.sqrt(1 - self.beta2 ** step.double()).to(slots["square"])
        return torch.sqrt(slots["square"]).div_(correction).add_(self.epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): the default for networks on tables."""

    weight_decay: float = Field(
        0.01,
        ge=0,
        description="λ of the decoupled decay",
        json_schema_extra={"search": {"low": 1e-4, "high": 0.3, "log": True}},
    )
    beta2: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="share of the old mean square that is kept",
        json_schema_extra={"search": {"low": 0.95, "high": 0.9999}},
    )


ENTRIES: dict[str, type[Options]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
