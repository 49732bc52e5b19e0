"""A softmax over one unit: whatever it is given, it says 1."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds; the rule is exact."""

    units: int = Field(1, ge=1, description="units of a softmax that can tell nothing apart")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the softmaxes of the forward pass.

    Raises:
        NotApplicable: the network could not be probed.
    """
    network = need(case.network, "network")
    for each in network.operations:
        if each.axis is not None and each.shape[each.axis] <= options.units:
            message = (
                "The network ends in a softmax over one unit, which gives 1 for every row: use one unit with a sigmoid, "
                "or as many units as there are classes."
            )
            evidence = {"units": each.shape[each.axis], "units_threshold": options.units, "axis": each.axis}
            return Finding("single_unit_softmax", "error", 0.98, message, evidence, REMEDIES)
    return None
