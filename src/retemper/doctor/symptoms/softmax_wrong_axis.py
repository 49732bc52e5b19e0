"""A softmax that sums over the rows of a batch instead of over the classes."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, followed

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds; the rule is exact."""

    rows: int = Field(2, ge=2, description="rows that a softmax over the batch mixes")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the softmaxes of a forward pass that tells rows other things alone than among others.

    A softmax over the first dimension that is not the batch's, as where sequences come first, mixes no rows.

    Raises:
        NotApplicable: the network could not be probed, or its forward pass can't be followed.
    """
    network = followed(case)
    rows = network.shape[0] if network.shape else 0
    for each in network.operations:
        over_rows = each.axis == 0 and len(each.shape) > 1 and each.shape[0] == rows >= options.rows
        if over_rows and network.mixes:
            message = (
                "A softmax sums over the rows of the batch (dim 0) instead of over the classes: "
                "what a row is told depends "
                "on its neighbours; use dim=1."
            )
            evidence = {"axis": 0, "rows": rows, "rows_threshold": options.rows}
            return Finding("softmax_wrong_axis", "error", 0.97, message, evidence, REMEDIES)
    return None
