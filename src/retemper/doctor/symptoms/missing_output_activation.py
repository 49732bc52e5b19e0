"""Plain numbers given to a loss that takes probabilities."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)
BOUNDED = ("softmax", "sigmoid", "hardsigmoid")


class Options(Base):
    """Thresholds; the loss was asked."""

    activations: int = Field(1, ge=1, description="activations after the last weights that a probability takes")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the head against what the loss wants.

    Raises:
        NotApplicable: the network could not be probed, or no loss function was given.
    """
    network, loss = need(case.network, "network"), need(case.loss, "loss")
    bare = network.operations and not any(each.name != "dropout" for each in network.head)
    if loss.wants != "probabilities" or case.task == "regression" or not bare:
        return None
    message = (
        f"The loss takes probabilities, but the outputs are plain numbers ({network.low:.3g} to {network.high:.3g} at the "
        "start): end in a sigmoid or a softmax, or take the loss of logits."
    )
    evidence = {"low": network.low, "high": network.high, "activations_threshold": options.activations}
    return Finding("missing_output_activation", "error", 0.95, message, evidence, REMEDIES)
