"""A lesson: beside the targets a teacher says what the network should answer.

Learning without forgetting (Li & Hoiem 2016) and distillation (Hinton et al. 2015) hold the softened probabilities
against the teacher's, dark experience replay (Buzzega et al. 2020) the raw outputs. Validation is not taught: it
stays the plain loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.training.class_losses import BinaryCrossEntropy, ClassLoss, CrossEntropy
from retemper.training.copies_loss import CopiesLoss
from retemper.training.loss import Goal, Loss, shares

Kind = Literal["softened", "outputs"]


@dataclass(frozen=True)
class Lesson:
    """What a teacher says of the training rows; a row's loss is truth·loss + teach·(the teacher's part).

    The teacher's part is T²·KL(softmax(t/T) ‖ softmax(f/T)) when softened, else the mean over the outputs of
    (f − t)²; for numbers it is always the squared difference. Class weights and label smoothing concern the truth.

    Args:
        outputs: [N, copies·O] the teacher's raw outputs (logits, or scaled values) for the training rows.
        teach: [N] weight of the teacher's part, 0 (none) or more; its outputs may be anything finite where it is 0.
        truth: [N] weight of the true target's part, 0 (none) or more.
        kind: ``softened`` probabilities, or raw ``outputs``.
        temperature: T, above 0; at 1 the probabilities as they are, at large T differences of logits count.
        known: the first so many of a network's outputs are taught, where the head has grown; None: O.
        copies: networks that ``outputs`` come from, one beside another as a student of so many copies has them; 1:
            every copy of the student is taught by the same outputs.

    >>> lesson = Lesson(np.zeros((4, 3)), teach=np.ones(4), truth=np.ones(4), known=2)
    >>> lesson.taught
    2
    """

    outputs: NDArray[np.floating[Any]]
    teach: NDArray[np.floating[Any]]
    truth: NDArray[np.floating[Any]]
    kind: Kind = "softened"
    temperature: float = 2.0
    known: int | None = None
    copies: int = 1

    def __post_init__(self) -> None:
        count, together = self.outputs.shape
        if self.teach.shape != (count,) or self.truth.shape != (count,):
            raise ValueError(f"teach and truth must be [{count}], one number for each row of outputs")
        weights = np.concatenate([self.teach, self.truth])
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise ValueError("teach and truth must be finite and 0 or more")
        if not np.isfinite(self.outputs[self.teach > 0]).all():
            raise ValueError("outputs must be finite where teach is above 0")
        if not self.temperature > 0:
            raise ValueError(f"temperature > 0 must hold, but got {self.temperature}")
        if self.copies < 1 or together % self.copies:
            raise ValueError(f"{together} outputs can't come from {self.copies} copies")
        if not 1 <= self.taught <= self.width:
            raise ValueError(f"1 <= known <= {self.width} must hold, but got {self.known}")

    @property
    def width(self) -> int:
        """Outputs of one of the teacher's networks."""
        return int(self.outputs.shape[1]) // self.copies

    @property
    def taught(self) -> int:
        """Outputs of each network that are taught."""
        return self.width if self.known is None else self.known


@dataclass(frozen=True)
class TaughtGoal(Goal):
    """The goal of the true targets, and beside it the teacher's.

    Args:
        teacher: what the taught outputs [M, copies·K, B] are held against, and each row's share in that.
        floor: ``[…, B]`` the teacher's own entropy, so that the loss of who agrees with it is 0.
    """

    teacher: Goal
    floor: Tensor

    def of(self, rows: slice) -> TaughtGoal:
        """Of some rows of the batch."""
        own = super().of(rows)
        return TaughtGoal(own.aim, own.share, self.teacher.of(rows), self.floor[..., rows])

    def by_step(self) -> Iterator[TaughtGoal]:
        """One after another of the first dimension."""
        parts = zip(super().by_step(), self.teacher.by_step(), self.floor.unbind(0), strict=True)
        return (TaughtGoal(own.aim, own.share, teacher, floor) for own, teacher, floor in parts)


class TaughtLoss:
    """The loss of a network that is taught; its goals are made of row numbers, not of targets.

    Args:
        loss: of the true targets, copies included.
        outputs: O of one network.
        lesson: what the teacher says.
        y: [N] the true targets of the training rows.
        like: of the type and device of what is computed.

    Raises:
        ValueError: the lesson fits neither the rows nor the network.
    """

    def __init__(
        self, loss: Loss | CopiesLoss, outputs: int, lesson: Lesson, y: Tensor, like: Tensor
    ) -> None:
        self._loss, self._y = loss, y
        self._copies = loss.copies if isinstance(loss, CopiesLoss) else 1
        self._lesson, self._outputs, self._taught = lesson, outputs, lesson.taught
        if lesson.copies not in (1, self._copies) or lesson.taught > outputs:
            raise ValueError(
                f"a lesson of {lesson.copies} × {lesson.taught} outputs can't teach "
                f"{self._copies} networks of {outputs}"
            )
        self._teach, self._truth = (
            torch.from_numpy(np.asarray(own)).to(like) for own in (lesson.teach, lesson.truth)
        )
        base = loss.loss if isinstance(loss, CopiesLoss) else loss
        softens = isinstance(base, ClassLoss) and lesson.kind == "softened"
        self._softened: ClassLoss | None = None
        if softens:
            self._softened = BinaryCrossEntropy() if isinstance(base, BinaryCrossEntropy) else CrossEntropy()
        # Where nothing is taught anything may stand; it must not come near a product.
        said = np.where(lesson.teach[:, None] > 0, lesson.outputs, 0.0)
        by_copy = said.astype(np.float64).reshape(-1, lesson.copies, lesson.width)[:, :, : self._taught]
        aims, entropy = self._aims(torch.from_numpy(by_copy))
        self._aim, self._floor = aims.flatten(1).to(like), -entropy.to(like)

    def _aims(self, said: Tensor) -> tuple[Tensor, Tensor]:
        """Of outputs [N, copies, K] what is taught of them, and its entropy [N], the mean of the copies'."""
        if self._softened is None:
            return said, said.new_zeros(len(said))
        p = self._softened.activate(said / self._lesson.temperature)
        entropy = torch.special.entr(p).sum(2).mean(1)
        return (p[:, :, 1:] if p.shape[2] > said.shape[2] else p), entropy

    def goal(
        self,
        target: Tensor,
        weight: Tensor,
        outputs: int,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> TaughtGoal:
        """What outputs are held against; as :meth:`Loss.goal`, but ``target`` has the rows' numbers."""
        y = self._y[target]
        own = self._loss.goal(y, weight, outputs, class_weight, smoothing)
        own = self._loss.weighed(own, self._truth[target])
        share = shares(y, weight, class_weight) * self._teach[target]
        aim = self._aim[target].transpose(-1, -2).contiguous()
        if self._softened is not None:
            share = share * self._lesson.temperature**2
            sign = 1.0 if isinstance(self._softened, BinaryCrossEntropy) else -1.0
            aim = aim.mul_(sign * share.unsqueeze(-2))
        return TaughtGoal(own.aim, own.share, Goal(aim, share), share * self._floor[target])

    def value_and_gradient(self, outputs: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        """Each member's loss [M] and its gradient [M, B, copies·O], the teacher's part in both."""
        assert isinstance(goal, TaughtGoal)
        members, batch, together = outputs.shape
        value, gradient = self._loss.value_and_gradient(outputs, goal)
        # Class by class in memory, as the head has them: sums over a batch take one way alone and in a stack.
        gradient = gradient.transpose(1, 2).contiguous()
        shape = (members * self._copies, together // self._copies, batch)
        said = outputs.transpose(1, 2).reshape(shape)[:, : self._taught].contiguous()
        taught, slope = self._teacher(said, self._by_copy(goal.teacher))
        gradient.view(shape)[:, : self._taught].add_(slope, alpha=1 / self._copies)
        value = value + taught.view(members, -1).mean(1) + goal.floor.sum(-1)
        return value, gradient.transpose(1, 2)

    def _by_copy(self, goal: Goal) -> Goal:
        """To the teacher's part the copies are so many members."""
        aim = goal.aim if self._lesson.copies == self._copies else goal.aim.repeat(1, self._copies, 1)
        aim = aim.reshape(-1, self._taught, aim.shape[-1])
        return Goal(aim, goal.share.repeat_interleave(self._copies, 0))

    def _teacher(self, said: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        """The teacher's part of the loss and its gradient, for outputs [·, K, B]."""
        if self._softened is None:
            difference = said - goal.aim
            slope = difference * (goal.share / self._taught).unsqueeze(1)
            return (difference * slope).flatten(1).sum(1), slope * 2
        aim = goal.aim.squeeze(1) if isinstance(self._softened, BinaryCrossEntropy) else goal.aim
        softened = (said / self._lesson.temperature).transpose(1, 2)
        value, slope = self._softened.value_and_gradient(softened, Goal(aim, goal.share))
        return value, slope.transpose(1, 2) / self._lesson.temperature
