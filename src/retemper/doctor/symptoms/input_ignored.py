"""A network that says the same whatever it is shown."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("another_initialisation", "right_head", "check_labels")


class Options(Base):
    """Thresholds; a control in the manner of TheDeepChecker's and Karpathy's zero-input baseline."""

    share: float = Field(
        0.98,
        gt=0,
        le=1,
        description="loss for the true inputs / loss for other rows' inputs, after a try on a few rows",
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge whether inputs vary at all, and whether a tried copy of the network is the worse for wrong ones.

    Raises:
        NotApplicable: no training rows or no loss function were given, or no try could be made.
    """
    data = need(case.data, "data")
    if data.spreads.size and data.rows > 1 and not (data.spreads > 0).any():
        evidence: dict[str, object] = {
            "columns": int(data.spreads.size),
            "spread": 0.0,
            "spread_threshold": 0.0,
        }
        return Finding(
            "input_ignored",
            "error",
            0.99,
            "All rows have the same inputs: nothing can be told from them.",
            evidence,
            REMEDIES,
        )
    sample = need(case.sample, "sample")
    if np.isnan(sample.blind):
        raise NotApplicable(case.reasons.get("sample", "no small sample could be tried"))
    if sample.blind < options.share:
        return None
    message = (
        "After a try on a few rows the network says the same for the inputs of other rows as "
        "for the true ones: what it is "
        "shown does not reach its outputs."
    )
    evidence = {"share": sample.blind, "share_threshold": options.share}
    return Finding("input_ignored", "warning", 0.7, message, evidence, REMEDIES)
