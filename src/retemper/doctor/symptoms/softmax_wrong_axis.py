"""A softmax that sums over the rows of a batch instead of over the classes."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds; the rule is exact."""

    rows: int = Field(2, ge=2, description="rows that a softmax over the batch mixes")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the softmaxes of the forward pass.

    Raises:
        NotApplicable: the network could not be probed.
    """
    network = need(case.network, "network")
    for each in network.operations:
        if each.axis == 0 and len(each.shape) > 1 and each.shape[0] >= options.rows and each.shape[1] > 1:
            message = (
                "A softmax sums over the rows of the batch (dim 0) instead of over the classes: what a row is told depends "
                "on its neighbours; use dim=1."
            )
            evidence = {"axis": 0, "rows": each.shape[0], "rows_threshold": options.rows}
            return Finding("softmax_wrong_axis", "error", 0.97, message, evidence, REMEDIES)
    return None
