"""A loss for another task than the targets'."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds."""

    classes: int = Field(3, ge=2, description="classes whose codes must not be taken for values")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the loss, as it behaves, against the targets.

    Raises:
        NotApplicable: no loss function or no training rows were given, or what the loss wants can't be told.
    """
    loss, data = need(case.loss, "loss"), need(case.data, "data")
    if loss.wants == "unknown":
        raise NotApplicable("what the loss wants of the outputs can't be told")
    shape = case.network.shape if case.network else ()
    units = shape[loss.axis] if len(shape) > loss.axis else 1
    evidence = {"wants": loss.wants, "classes": len(data.classes), "classes_threshold": options.classes}
    if case.task == "regression" and loss.wants in ("probabilities", "logits", "log_probabilities"):
        if data.target_low >= 0 and data.target_high <= 1 and loss.wants != "log_probabilities":
            return None
        message = (
            f"The targets are numbers from {data.target_low:.4g} to {data.target_high:.4g}, but "
            "the loss is one of classes: "
            "take the squared or the absolute error."
        )
        return Finding("wrong_loss", "error", 0.95, message, evidence, REMEDIES)
    if case.task == "classification" and loss.wants == "values":
        codes = units == 1 and len(data.classes) >= options.classes
        sure = 0.9 if codes else 0.6
        message = (
            "The targets are classes, but the loss measures distances between numbers: take the "
            "cross-entropy, which "
            "punishes a wrong class as such."
        )
        return Finding("wrong_loss", "warning", sure, message, evidence, REMEDIES)
    return None
