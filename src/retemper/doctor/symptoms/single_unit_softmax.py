"""A softmax over one unit: whatever it is given, it says 1."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds; the rule is exact."""

    units: int = Field(1, ge=1, description="units of a softmax that can tell nothing apart")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the softmaxes after the last weights, and outputs that are all 1 in the way of one.

    Raises:
        NotApplicable: the network could not be probed.
    """
    network = need(case.network, "network")
    if not network.shape:
        raise NotApplicable("no outputs of the network were seen")
    found = any(
        each.axis not in (None, 0) and each.shape[each.axis or 0] <= options.units for each in network.head
    )
    written_out = (
        network.sums_to_one and network.shape[-1] <= options.units and network.low == network.high == 1.0
    )
    if not (found or written_out):
        return None
    message = (
        "The network ends in a softmax over one unit, which gives 1 for every row: use one unit "
        "with a sigmoid, "
        "or as many units as there are classes."
    )
    evidence = {"units": network.shape[-1], "units_threshold": options.units}
    return Finding("single_unit_softmax", "error", 0.98, message, evidence, REMEDIES)
