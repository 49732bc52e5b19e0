"""Outputs that can't reach the targets: squashed or cut off where the loss and the targets need other numbers."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, followed, need

REMEDIES: tuple[str, ...] = ("right_head",)
RANGES = {
    "softmax": (0.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "relu": (0.0, float("inf")),
    "relu_": (0.0, float("inf")),
    "softplus": (0.0, float("inf")),
    "exp": (0.0, float("inf")),
}
"""What comes out of a head by its last activation."""


class Options(Base):
    """Thresholds."""

    outside: float = Field(
        0.1, gt=0, description="targets beyond the head's range, in their standard deviations"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the head's range against the targets and against what the loss wants.

    Raises:
        NotApplicable: the network could not be probed or followed, no loss function or no training rows were given, or
            what the loss wants can't be told.
    """
    network, loss, data = followed(case), need(case.loss, "loss"), need(case.data, "data")
    if loss.wants == "unknown":
        raise NotApplicable("what the loss wants of the outputs can't be told")
    last = next((each.name for each in reversed(network.head) if each.name in RANGES), "")
    if not last:
        return None
    low, high = RANGES[last]
    outside = max(low - data.target_low, data.target_high - high) / max(data.target_spread, 1e-12)
    sure, why = 0.0, ""
    if loss.wants == "values" and outside > options.outside:
        sure = 0.95
        why = (
            f"targets go from {data.target_low:.4g} to {data.target_high:.4g}, but a {last} gives "
            f"{low:g} to {high:g}"
        )
    elif loss.wants == "logits" and last in ("relu", "relu_", "tanh", "hardtanh", "softplus", "exp"):
        sure, why = 0.9, f"the loss takes numbers of any size, but a {last} gives {low:g} to {high:g}"
    elif loss.wants == "probabilities" and last not in ("softmax", "sigmoid", "hardsigmoid"):
        sure, why = 0.9, f"the loss takes probabilities, but a {last} gives {low:g} to {high:g}"
    elif loss.wants == "log_probabilities":
        sure, why = (
            0.95,
            f"the loss takes logarithms of probabilities, but a {last} gives {low:g} to {high:g}",
        )
    elif loss.wants == "margins" and last not in ("tanh", "hardtanh"):
        sure, why = 0.9, f"the loss wants numbers beyond −1 and 1, but a {last} gives {low:g} to {high:g}"
    elif case.task == "multilabel" and last == "softmax":
        sure, why = 0.9, "a row may have several classes, but a softmax lets their probabilities sum to 1"
    elif _sigmoids_for_one_class(case, last):
        sure, why = (
            0.7,
            "a row has one class, but each class has a sigmoid of its own in a loss that compares them",
        )
    if not sure:
        return None
    evidence = {"head": last, "wants": loss.wants, "outside": outside, "outside_threshold": options.outside}
    return Finding(
        "output_range_mismatch",
        "error",
        sure,
        f"The head can't give what is asked: {why}.",
        evidence,
        REMEDIES,
    )


def _sigmoids_for_one_class(case: Case, last: str) -> bool:
    assert case.network is not None
    units = case.network.shape[1] if len(case.network.shape) > 1 else 1
    return last == "sigmoid" and units > 2 and case.task == "classification"
