"""What may join the loop, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retemper.training.loop import Training


class Callback:
    """Something that joins in at the events that it defines; see :mod:`retemper.training.loop`."""

    def on_epoch_start(self, training: Training) -> None:
        """Before an epoch's first step."""

    def on_step_end(self, training: Training) -> None:
        """After the optimizer moved."""

    def on_epoch_end(self, training: Training) -> None:
        """After validation; may drop members or end the training."""


def joining_steps(callbacks: Sequence[Callback]) -> list[Callable[[Training], None]]:
    """What is to be called at each step: to call all that does nothing there would cost as much as a product."""
    return [each.on_step_end for each in callbacks if type(each).on_step_end is not Callback.on_step_end]
