"""What the gate asks of a challenger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field

from retemper.core.checked_options import checked
from retemper.core.options import Options

GateMetric = Literal["log_loss", "accuracy", "balanced_accuracy", "roc_auc", "rmse", "mae"]


class GateOptions(Options):
    """Limits and levels of :func:`retemper.retraining.gate.gate`.

    >>> GateOptions(margin_points=0.5).alpha
    0.025
    """

    metric: GateMetric | None = Field(
        None, description="the metric that decides; none: log_loss for classes, rmse for values"
    )
    alpha: float = Field(0.025, gt=0, le=0.5, description="probability of promoting a challenger of no gain")
    margin_points: float = Field(
        1.0, gt=0, description="loss on old rows that is let pass, in points: .01 of a rate, 1 % of an RMSE"
    )
    old_power: float = Field(
        0.8,
        ge=0.01,
        lt=1,
        description="old rows are enough to rule out the margin where an equal challenger passes so often; with fewer, "
        "only a proved loss blocks",
    )
    ece_points: float = Field(
        2.0, ge=0, description="rise of the calibration error that is let pass, in points"
    )
    cost_ratio: float = Field(
        5.0, gt=0, description="challenger's time or multiply-adds a row over the champion's, at most"
    )
    strict: bool = Field(False, description="old rows count even where concept drift is confirmed")

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> Self:
        """Options from a person's words.

        Raises:
            InputError: ``bad_gate_option``, all mistakes at once.

        >>> GateOptions.checked({"margin_points": 2}).margin_points
        2.0
        """
        return checked(cls, given, "gate")
