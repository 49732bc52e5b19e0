"""Augment: each row is seen a little differently each time, so that it is harder to learn by heart."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.surgery.augmented import Augmented
from retemper.doctor.surgery.patient import Patient
from retemper.doctor.surgery.scaling import moments


class Options(Base):
    """How much."""

    noise: float = Field(0.1, gt=0, description="of numbers, in their standard deviations")
    shift: float = Field(0.1, gt=0, lt=1, description="of images, share of height and width")


DEFAULT = Options()


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Add noise to numbers, shift images, while training alone.

    Raises:
        NotApplicable: the inputs are not one tensor of floating numbers.
    """
    inputs = patient.inputs()
    _, spread = moments(inputs)
    return replace(patient, network=Augmented(patient.network, spread, options.noise, options.shift))
