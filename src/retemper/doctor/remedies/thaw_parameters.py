"""Thaw parameters: let all of them learn that were frozen."""

from __future__ import annotations

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.surgery.patient import Patient


class Options(Base):
    """Nothing to choose."""


DEFAULT = Options()


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Set ``requires_grad`` for every parameter; who trains hands all that have it to the optimizer.

    What was frozen on purpose, to be tuned to new rows, is thawed only where a rerun proves it.

    Raises:
        NotApplicable: none is frozen.
    """
    frozen = [own for own in patient.network.parameters() if not own.requires_grad]
    if not frozen:
        raise NotApplicable("no parameter is frozen")
    for own in frozen:
        own.requires_grad_(True)
    return patient
