"""As many outputs as there are no classes."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds; the rule is exact."""

    missing: int = Field(1, ge=1, description="classes without an output")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the outputs against the classes of the training rows.

    Raises:
        NotApplicable: no outputs of the network were seen, no training rows were given, or targets are no classes.
    """
    network, data = need(case.network, "network"), need(case.data, "data")
    if not network.shape:
        raise NotApplicable("no outputs of the network were seen")
    if case.task != "classification":
        raise NotApplicable("the targets are no classes")
    axis = case.loss.axis if case.loss is not None else 1
    units = network.shape[axis] if len(network.shape) > axis else 1
    outputs = 2 if units == 1 else units
    codes = int(data.target_high) + 1 if data.integers and len(data.target_shape) < 2 else 0
    classes = max(len(data.classes), codes)
    missing = classes - outputs
    if missing < options.missing:
        return None
    message = f"The targets have {classes} classes, but the network has {units} output{'s' * (units > 1)}."
    evidence = {"units": units, "classes": classes, "missing": missing, "missing_threshold": options.missing}
    return Finding("output_units_mismatch", "error", 0.95, message, evidence, REMEDIES)
