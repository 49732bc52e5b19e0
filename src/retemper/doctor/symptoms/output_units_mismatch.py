"""As many outputs as there are no classes."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("right_head",)


class Options(Base):
    """Thresholds; the rule is exact."""

    missing: int = Field(1, ge=1, description="classes without an output")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the outputs against the classes of the training rows.

    Raises:
        NotApplicable: the network could not be probed, or no training rows were given.
    """
    network, data = need(case.network, "network"), need(case.data, "data")
    if case.task != "classification" or len(network.shape) < 1:
        return None
    units = network.shape[1] if len(network.shape) > 1 else 1
    outputs = 2 if units == 1 else units
    classes = max(len(data.classes), int(data.target_high) + 1 if data.integers and len(data.target_shape) < 2 else 0)
    missing = classes - outputs
    if missing < options.missing:
        return None
    message = f"The targets have {classes} classes, but the network has {units} output{'s' * (units > 1)}."
    evidence = {"units": units, "classes": classes, "missing": missing, "missing_threshold": options.missing}
    return Finding("output_units_mismatch", "error", 0.95, message, evidence, REMEDIES)
