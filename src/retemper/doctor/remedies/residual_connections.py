"""Residual connections: a layer learns what to add to its input, so that depth does no harm (He et al. 2016)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Operation
from retemper.doctor.surgery.patient import Patient, hidden
from retemper.doctor.surgery.rewired import Rewired

LAYERS = ("linear", "conv1d", "conv2d", "conv3d")


class Options(Base):
    """Where."""

    layers: int = Field(3, ge=2, description="hidden layers of one shape that it takes")


DEFAULT = Options()


def mend(patient: Patient, finding: Finding, options: Options = DEFAULT) -> Patient:
    """Add each hidden layer's outcome to that of the next where shapes agree.

    Raises:
        NotApplicable: the network is too shallow, or no two layers in a row have one shape.
    """
    operations = patient.operations()
    skips = {after: before for before, after in pairwise(_ends(operations))}
    skips = {
        after: before
        for after, before in skips.items()
        if operations[after].shape == operations[before].shape
    }
    if len(skips) < options.layers - 1:
        raise NotApplicable("too few hidden layers of one shape follow each other")
    return replace(patient, network=Rewired(patient.network, skips=skips))


def _ends(operations: list[Operation]) -> list[int]:
    """The last call of each hidden layer, activation and normalisation included."""
    starts = [place for place, each in enumerate(operations) if each.name in LAYERS]
    within = hidden(operations)
    return [after - 1 for after in starts[1:] if after - 1 in within]
