"""The head that task and loss ask for: as many outputs as targets need, and what the loss wants at their end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from retemper.core.records import NotApplicable
from retemper.doctor.case import Operation, Wants
from retemper.doctor.observe.forward import RECTIFYING, SATURATING
from retemper.doctor.observe.loss_kind import ask
from retemper.doctor.surgery.losses import right_loss
from retemper.doctor.surgery.patient import Patient, last_weights
from retemper.doctor.surgery.rewired import Rewired

SHAPES_OUTPUTS = RECTIFYING | set(SATURATING) | {"log_softmax", "logsigmoid", "exp", "dropout", "softsign"}
OF_CLASSES = ("logits", "probabilities", "log_probabilities")


def with_right_head(patient: Patient, keep_loss: bool) -> Patient:
    """The patient with head and loss that fit the task.

    A loss that fits the task stays where it may, and says what the outputs are to be; a network of which nothing says
    so gives probabilities.

    Args:
        patient: to be mended.
        keep_loss: the loss is not what is wrong.

    Raises:
        NotApplicable: the forward pass can't be followed, or the last weights are not those of a linear layer.
    """
    operations = patient.operations()
    last = last_weights(operations)
    wants, loss = _wanted(patient, keep_loss)
    units, wide = _units(patient), operations[last].shape
    instead: dict[int, nn.Module] = {
        place: nn.Identity()
        for place in range(last + 1, len(operations))
        if operations[place].name in SHAPES_OUTPUTS
    }
    if len(wide) == 2 and wide[1] != units:
        instead[last] = nn.Linear(_inputs_of(patient, operations[last]), units)
    final = _final(wants, units, patient.task == "multilabel")
    if len(wide) != 2 and not isinstance(final, nn.Identity):
        raise NotApplicable("the outputs are not one row of numbers for each row of inputs")
    network = Rewired(patient.network, instead=instead, final=final)
    mended = replace(patient, network=network)
    if loss is None or not _taken(mended):
        mended = replace(mended, loss=right_loss(patient.task, wants))
    return mended


def _wanted(patient: Patient, keep_loss: bool) -> tuple[Wants, Any]:
    outputs = patient.outputs()
    facts = ask(patient.loss, outputs, patient.y[: len(outputs)])
    fits = facts.wants == "values" if patient.task == "regression" else facts.wants in OF_CLASSES
    if fits and keep_loss and not facts.broadcasts:
        return facts.wants, patient.loss
    if patient.task == "regression":
        return "values", None
    return (facts.wants if facts.wants in OF_CLASSES else "probabilities"), None


def _units(patient: Patient) -> int:
    y = patient.y
    if y.dim() > 1 and y.shape[1] > 1:
        return int(y.shape[1])
    if patient.task != "classification":
        return 1
    classes, outputs = int(y.max()) + 1, patient.outputs()
    now = outputs.shape[1] if outputs.dim() > 1 else 1
    return int(now) if now > classes or (classes <= 2 and now == 1) else classes


def _inputs_of(patient: Patient, last: Operation) -> int:
    if last.name != "linear":
        raise NotApplicable(f"the last weights are those of a {last.name}, not of a linear layer")
    layers = [
        own
        for own in patient.network.modules()
        if isinstance(own, nn.Linear) and own.out_features == last.shape[1]
    ]
    if not layers:
        raise NotApplicable("the last linear layer is no module of the network")
    return layers[-1].in_features


def _final(wants: Wants, units: int, several: bool) -> nn.Module:
    if wants == "probabilities":
        return nn.Sigmoid() if units == 1 or several else nn.Softmax(1)
    return nn.LogSoftmax(1) if wants == "log_probabilities" else nn.Identity()


def _taken(patient: Patient) -> bool:
    """Whether the loss takes the outputs and is moved by them."""
    outputs = patient.outputs().detach().requires_grad_()
    try:
        with torch.enable_grad():
            value: Tensor = patient.loss(outputs, patient.y[: len(outputs)])
            value.backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False
    return (
        bool(torch.isfinite(value.detach()))
        and outputs.grad is not None
        and bool(outputs.grad.abs().sum() > 0)
    )
