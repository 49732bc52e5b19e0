"""The loss of a network with copies: each copy has its own, and they predict together.

Separate losses keep the copies apart; one loss of their mean would let them lean on each other
(Gorishniy et al. 2024, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from retemper.training.loss import Goal, Loss


@dataclass(frozen=True)
class CopiesLoss:
    """A loss for outputs [M, B, copies·O]: in training the mean of the copies' losses.

    In evaluation it is the loss of their mean prediction. The methods are those of :class:`Loss`.

    Args:
        loss: of one copy.
        copies: networks inside a member, 1 or more.

    >>> import torch
    >>> from retemper.training.value_losses import MeanSquaredError
    >>> loss, outputs = CopiesLoss(MeanSquaredError(), 2), torch.tensor([[[1.0, 3.0]]])
    >>> target = torch.tensor([[2.0]])
    >>> goal = loss.goal(target, torch.ones(1, 1), 1)
    >>> loss.value_and_gradient(outputs, goal)[0].item(), loss.rows(outputs, target).item()
    (1.0, 0.0)
    """

    loss: Loss
    copies: int

    def activate(self, outputs: Tensor) -> Tensor:
        """The mean of the copies' probabilities [M, B, C] or values [M, B]."""
        return self.loss.activate(self._blended(outputs))

    def goal(
        self,
        target: Tensor,
        weight: Tensor,
        outputs: int,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> Goal:
        """What each copy's outputs are held against."""
        return self.loss.goal(target, weight, outputs, class_weight, smoothing)

    def weighed(self, goal: Goal, factor: Tensor) -> Goal:
        """The goal of which each row's loss counts ``factor`` [..., B] times as much."""
        return self.loss.weighed(goal, factor)

    def value_and_gradient(self, outputs: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        """Each member's mean of its copies' losses [M], and the gradient [M, B, copies·O]."""
        members, batch = outputs.shape[:2]
        value, gradient = self.loss.value_and_gradient(
            self._split(outputs), Goal(self._repeated(goal.aim), self._repeated(goal.share))
        )
        together = gradient.transpose(1, 2).reshape(members, -1, batch).transpose(1, 2)
        return value.view(members, self.copies).mean(1), together / self.copies

    def rows(
        self,
        outputs: Tensor,
        target: Tensor,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor = 0.0,
    ) -> Tensor:
        """Each row's loss [M, B] of the copies' mean prediction."""
        return self.loss.rows(self._blended(outputs), target, class_weight, smoothing)

    def _split(self, outputs: Tensor) -> Tensor:
        """[M, B, copies·O] → [M·copies, B, O]: to the loss of one copy, the copies are so many members."""
        members, batch, together = outputs.shape
        by_class = outputs.transpose(1, 2).reshape(members * self.copies, together // self.copies, batch)
        return by_class.transpose(1, 2)

    def _repeated(self, values: Tensor) -> Tensor:
        return values.repeat_interleave(self.copies, 0)

    def _blended(self, outputs: Tensor) -> Tensor:
        split = self._split(outputs)
        return self.loss.blend(split.reshape(-1, self.copies, *split.shape[1:]))
