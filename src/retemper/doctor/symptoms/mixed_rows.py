"""What a row is told depends on the other rows of its batch, in evaluation mode, too."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds; the rule is exact."""

    rows: int = Field(2, ge=2, description="rows of the probe that were shown alone and among others")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the outputs of rows that were shown alone and among others.

    A softmax over the batch has a code of its own. What else mixes rows: a `view` or `reshape` that takes the batch for
    another dimension, `permute` forgotten, batch normalisation without running statistics, means over the batch.

    Raises:
        NotApplicable: the network could not be probed.
    """
    network = need(case.network, "network")
    if len(network.shape) < 1 or network.shape[0] < options.rows:
        raise NotApplicable("too few rows were shown to the network")
    if not network.mixes or any(each.axis == 0 for each in network.operations):
        return None
    message = (
        "A row's outputs change with the other rows of its batch, in evaluation mode, too: look "
        "for a view, reshape or "
        "mean that takes in the batch's dimension, or batch normalisation without running statistics."
    )
    evidence = {"rows": network.shape[0], "rows_threshold": options.rows}
    return Finding("mixed_rows", "warning", 0.7, message, evidence, REMEDIES)
