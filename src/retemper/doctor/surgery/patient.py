"""What an operation is done on: a person's own network, the loss it is trained by, and some of its training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from retemper.core.records import NotApplicable
from retemper.doctor.case import WEIGHTED, Operation, Task
from retemper.doctor.observe.forward import follow
from retemper.doctor.observe.loss_kind import LossFunction

PROBE_ROWS = 256


@dataclass(frozen=True)
class Patient:
    """A network before training; operations give a new one and leave the rows as they are.

    Args:
        network: fresh; an operation may take parts of it over.
        loss: any callable of (outputs, targets).
        x, y: training rows as they come, not scaled.
        task: what is learnt.
        batch_rows: rows of a step.
    """

    network: nn.Module
    loss: LossFunction
    x: Any
    y: Tensor
    task: Task
    batch_rows: int = 32

    @property
    def probe(self) -> Any:
        """Some of the inputs."""
        return (
            tuple(each[:PROBE_ROWS] for each in self.x) if isinstance(self.x, tuple) else self.x[:PROBE_ROWS]
        )

    def inputs(self) -> Tensor:
        """The inputs where they are one tensor of floating numbers.

        Raises:
            NotApplicable: they are not.
        """
        if not isinstance(self.x, Tensor) or not self.x.is_floating_point() or self.x.dim() < 2:
            raise NotApplicable("the inputs are not one tensor of floating numbers")
        return self.x

    def operations(self) -> list[Operation]:
        """The calls of the forward pass.

        Raises:
            NotApplicable: it can't be followed (compiled, TorchScript), or the outputs are not one tensor.
        """
        followed = follow(self.network, self.probe)
        if not isinstance(followed.outputs, Tensor):
            raise NotApplicable("the network's outputs are not one tensor")
        if not any(each.name in WEIGHTED for each in followed.operations):
            raise NotApplicable("the network's forward pass can't be followed")
        return followed.operations

    def outputs(self) -> Tensor:
        """The network's outputs for the probe, in evaluation mode."""
        outputs: Tensor = follow(self.network, self.probe).outputs
        return outputs


def hidden(operations: list[Operation]) -> range:
    """Places of what comes before the last weights.

    >>> made = [Operation(name, (1, 2)) for name in ("linear", "relu", "linear", "softmax")]
    >>> hidden(made)
    range(0, 2)
    """
    return range(last_weights(operations))


def last_weights(operations: list[Operation]) -> int:
    """Place of the last call with weights."""
    return max(place for place, each in enumerate(operations) if each.name in WEIGHTED)
