"""Targets far from the size of a network's outputs."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("scale_targets",)


class Options(Base):
    """Thresholds."""

    size: float = Field(30.0, gt=0, description="|mean| + standard deviation of the targets")
    least: float = Field(0.01, gt=0, description="standard deviation of the targets")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the targets of a regression.

    Raises:
        NotApplicable: no training rows were given, or the task is none of values.
    """
    data = need(case.data, "data")
    if case.task != "regression":
        raise NotApplicable("the targets are classes")
    size = abs(data.target_mean) + data.target_spread
    if size < options.size and data.target_spread >= options.least:
        return None
    message = (
        f"The targets are {data.target_mean:.4g} on average with a standard deviation of "
        f"{data.target_spread:.3g}, while "
        "outputs begin near 0 with one near 1: scale them, and scale predictions back."
    )
    evidence = {
        "size": size,
        "size_threshold": options.size,
        "spread": data.target_spread,
        "least_threshold": options.least,
    }
    return Finding(
        "unscaled_targets", "warning", 0.85 if size >= 10 * options.size else 0.7, message, evidence, REMEDIES
    )
