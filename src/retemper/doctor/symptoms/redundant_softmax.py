"""A softmax or a sigmoid before a loss that applies its own: the gradient shrinks, shares stay near each other."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)
SQUASHING = ("softmax", "sigmoid", "hardsigmoid")


class Options(Base):
    """Thresholds; the loss was asked, and the rule is exact."""

    times: int = Field(2, ge=2, description="how often outputs are squashed, the loss counted")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the head against what the loss wants; a softmax that is written out is known by its outputs.

    Raises:
        NotApplicable: the network could not be probed, or no loss function was given, or what it wants is not known.
    """
    network, loss = need(case.network, "network"), need(case.loss, "loss")
    if loss.wants == "unknown":
        raise NotApplicable("what the loss wants of the outputs can't be told")
    last = network.head[-1].name if network.head else ""
    several = len(network.shape) > 1 and network.shape[-1] > 1
    last = "softmax" if network.sums_to_one and several else last
    if not last and not network.operations:
        raise NotApplicable("the forward pass can't be followed")
    if loss.wants != "logits" or last not in SQUASHING:
        return None
    message = (
        f"The outputs go through a {last}, and the loss applies one itself: leave the last "
        f"{last} out, the loss wants "
        "plain numbers."
    )
    evidence = {"head": last, "wants": loss.wants, "times": 2, "times_threshold": options.times}
    return Finding("redundant_softmax", "error", 0.95, message, evidence, REMEDIES)
