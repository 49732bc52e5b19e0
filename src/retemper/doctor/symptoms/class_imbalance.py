"""Classes of very different numbers of rows: the loss is made of the frequent ones."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.data.uneven import VERY_UNEVEN
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("class_weights",)


class Options(Base):
    """Thresholds, those of the check of tables (and SageMaker Debugger's class ratio of 10)."""

    ratio: float = Field(VERY_UNEVEN, gt=1, description="rows of the largest class / rows of the smallest")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the classes of the training rows.

    Raises:
        NotApplicable: no training rows were given, or the targets are no classes.
    """
    data = need(case.data, "data")
    if len(data.classes) < 2:
        raise NotApplicable("the targets are no classes, or only one")
    largest, smallest = max(data.classes), min(data.classes)
    ratio = largest / smallest
    if ratio < options.ratio:
        return None
    message = (
        f"The largest class has {ratio:.1f} times as many rows as the smallest ({largest} and "
        f"{smallest}): weigh the classes, "
        "and look at balanced accuracy."
    )
    evidence = {"ratio": ratio, "ratio_threshold": options.ratio, "smallest": smallest}
    return Finding("class_imbalance", "warning", 0.6, message, evidence, REMEDIES)
