"""Plain numbers given to a loss that takes probabilities, or their logarithms."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, followed, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds; the loss was asked."""

    activations: int = Field(
        1, ge=1, description="activations after the last weights that a probability takes"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the head against what the loss wants.

    Raises:
        NotApplicable: the network could not be probed or followed, no loss function was given, or what it wants can't
            be told.
    """
    network, loss = followed(case), need(case.loss, "loss")
    if loss.wants == "unknown":
        raise NotApplicable("what the loss wants of the outputs can't be told")
    bare = not any(each.name != "dropout" for each in network.head)
    if not bare or network.sums_to_one or case.task == "regression":
        return None
    evidence = {"low": network.low, "high": network.high, "activations_threshold": options.activations}
    if loss.wants == "probabilities":
        message = (
            f"The loss takes probabilities, but the outputs are plain numbers ({network.low:.3g} "
            f"to {network.high:.3g} at "
            "the start): end in a sigmoid or a softmax, or take the loss of logits."
        )
        sure = 0.95 if network.low < 0 or network.high > 1 else 0.8
        return Finding("missing_output_activation", "error", sure, message, evidence, REMEDIES)
    if loss.wants == "log_probabilities" and network.high > 0:
        message = (
            "The loss takes logarithms of probabilities, but the outputs are plain numbers (up "
            f"to {network.high:.3g} at "
            "the start): end in a log-softmax, or take the cross-entropy."
        )
        return Finding("missing_output_activation", "error", 0.95, message, evidence, REMEDIES)
    return None
