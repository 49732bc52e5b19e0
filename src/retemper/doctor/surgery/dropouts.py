"""Dropout of a person's own network: other rates where there is some, and some where there is none."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from retemper.core.records import NotApplicable
from retemper.doctor.case import Operation
from retemper.doctor.observe.forward import RECTIFYING, SATURATING
from retemper.doctor.surgery.patient import Patient, hidden
from retemper.doctor.surgery.rewired import Rewired

ACTIVATIONS = (RECTIFYING | set(SATURATING)) - {"softmax"}


def less_dropout(patient: Patient, factor: float, negligible: float) -> Patient:
    """All rates divided; those below ``negligible`` become 0.

    Raises:
        NotApplicable: there is none.
    """
    rates = _rates(patient.operations())
    if not any(rates.values()):
        raise NotApplicable("the network has no dropout to take away")
    new = {
        place: nn.Dropout(rate / factor if rate / factor >= negligible else 0.0)
        for place, rate in rates.items()
    }
    return replace(patient, network=Rewired(patient.network, instead=new))


def more_dropout(patient: Patient, step: float, most: float) -> Patient:
    """All rates raised by ``step``; after each hidden activation where there is none.

    Raises:
        NotApplicable: all are at ``most``, or there is no hidden activation.
    """
    operations = patient.operations()
    rates = _rates(operations)
    if rates and min(rates.values()) >= most:
        raise NotApplicable(f"dropout is {most:g} already")
    if rates:
        raised: dict[int, nn.Module] = {
            place: nn.Dropout(max(rate, min(rate + step, most))) for place, rate in rates.items()
        }
        return replace(patient, network=Rewired(patient.network, instead=raised))
    after = {place: nn.Dropout(step) for place in hidden(operations) if operations[place].name in ACTIVATIONS}
    if not after:
        raise NotApplicable("the network has no hidden activation to drop")
    return replace(patient, network=Rewired(patient.network, after=after))


def _rates(operations: list[Operation]) -> dict[int, float]:
    return {place: each.rate for place, each in enumerate(operations) if each.name == "dropout"}
