"""What the gate asks of a challenger."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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
    ece_points: float = Field(
        2.0, ge=0, description="rise of the calibration error that is let pass, in points"
    )
    cost_ratio: float = Field(
        5.0, gt=0, description="challenger's time or multiply-adds a row over the champion's, at most"
    )
    strict: bool = Field(False, description="old rows count even where concept drift is confirmed")
