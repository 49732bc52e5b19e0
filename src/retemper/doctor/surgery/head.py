"""The head that task and loss ask for: as many outputs as targets need, and what the loss wants at their end."""

from __future__ import annotations

import math
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

    A loss that fits the task stays where it may, and says what the outputs are to be, though its sign be wrong; a
    network of which nothing says so gives probabilities.

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
    if loss is None or last in instead or not rewards_truth(mended, wants):
        mended = replace(mended, loss=right_loss(patient.task, wants))
    return mended


def _wanted(patient: Patient, keep_loss: bool) -> tuple[Wants, Any]:
    outputs = patient.outputs()
    facts = ask(patient.loss, outputs, patient.y[: len(outputs)])
    fits = facts.wants == "values" if patient.task == "regression" else facts.wants in OF_CLASSES
    fits = fits and not (patient.task == "multilabel" and _one_of_all(patient, outputs, facts.wants))
    if fits and keep_loss and not facts.broadcasts:
        return facts.wants, patient.loss
    if patient.task == "regression":
        return "values", None
    return (facts.wants if facts.wants in OF_CLASSES else _wanted_turned_round(patient, outputs)), None


def _wanted_turned_round(patient: Patient, outputs: Tensor) -> Wants:
    """What a loss of the wrong sign takes outputs for; whoever reads them goes on to read them so."""
    turned = ask(lambda own, y: -patient.loss(own, y), outputs, patient.y[: len(outputs)])
    return turned.wants if turned.wants in OF_CLASSES else "probabilities"


def _one_of_all(patient: Patient, outputs: Tensor, wants: Wants) -> bool:
    """Whether the loss shares a row's outputs out among its classes, so that several can't be right at once."""
    own = torch.linspace(0.1, 0.4, outputs.numel()).reshape(outputs.shape)
    other = own + 1 if wants == "logits" else 2 * own
    y = patient.y[: len(outputs)]
    with torch.no_grad():
        return math.isclose(float(patient.loss(own, y)), float(patient.loss(other, y)), rel_tol=1e-4)


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


def rewards_truth(patient: Patient, outputs_are: Wants) -> bool:
    """Whether the loss is less for outputs that are right than for those of other rows.

    It is not where the loss is turned round, holds each output against all targets, or takes others than these.

    >>> y = torch.arange(6.0)[:, None]
    >>> own = Patient(nn.Linear(1, 1), lambda o, t: -((o - t) ** 2).mean(), y, y, "regression")
    >>> rewards_truth(own, "values")
    False
    """
    outputs = patient.outputs()
    truth = _truth(patient, outputs, outputs_are)
    if truth is None:
        return False
    y = patient.y[: len(outputs)]
    try:
        with torch.no_grad():
            right, others = float(patient.loss(truth, y)), float(patient.loss(_of_others(truth), y))
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False
    return right < others


SURE = {"logits": (-4.0, 4.0), "probabilities": (0.02, 0.98), "log_probabilities": (-4.0, -0.02)}
"""Outputs for what is not so and for what is."""


def _truth(patient: Patient, outputs: Tensor, outputs_are: Wants) -> Tensor | None:
    """Outputs as they should be, of the shape that the network gives; None: it can't give any."""
    y = patient.y[: len(outputs)]
    if patient.task == "regression":
        return y.to(outputs.dtype).reshape(outputs.shape) if y.numel() == outputs.numel() else None
    low, high = SURE.get(outputs_are, SURE["probabilities"])
    columns = outputs.shape[1] if outputs.dim() > 1 else 1
    if y.numel() == outputs.numel():
        so = y.reshape(outputs.shape).to(outputs.dtype)
    elif y.numel() == len(y) and outputs.dim() == 2 and int(y.max()) < columns:
        so = nn.functional.one_hot(y.reshape(-1).long(), columns).to(outputs.dtype)
    else:
        return None
    return low + (high - low) * so


def _of_others(truth: Tensor) -> Tensor:
    """The rows in an order in which most are others' than their own."""
    order = truth.reshape(len(truth), -1).double().sum(1).argsort(stable=True)
    if truth.dim() > 1 and truth.shape[1] > 1:
        order = truth.argmax(1).argsort(stable=True)
    other = torch.empty_like(order)
    other[order] = order.roll(len(order) // 2)
    return truth[other]
