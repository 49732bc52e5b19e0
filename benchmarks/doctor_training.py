"""The loop of doctor.py: a program is trained as a person would, the doctor and a recorder looking on."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from doctor_networks import ACTIVATIONS
from doctor_programs import LOSSES, Program, Rows, network_of, optimizer_of, rows_of
from torch import Tensor, nn

import retemper
from retemper.doctor.case import Case

WORST = -9.99
"""Scores below, and those of networks that gave no number, count as this."""
JUDGED_ROWS = 256
MOST_S = 8.0
"""Processor seconds after which a training ends with its epoch; one program would take minutes."""
BOUNDED = (ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"])
TASKS = {"regression": "regression", "multilabel": "multilabel", "binary_map": "multilabel"}


@dataclass
class Recorded:
    """What rules of other tools read, once an epoch.

    Args:
        low, high: of the inputs.
        rate: of the optimizer.
        drop: the highest rate of dropout.
        layers, task: of the program.
        losses, accuracies, held_accuracies: by epoch; of values the accuracy is R².
        gradients: by epoch, mean |gradient| of each weight, the first layer first; zeros: their share of exact zeros.
        weights: by epoch the variance of each; steps: rate · ‖ΔW‖ / ‖W‖ against the epoch before.
        outputs: by epoch the mean |output| of each layer; dead: share of its units that are 0 for all rows judged;
            large: of layers before a sigmoid or tanh the share of values beyond ±5.
    """

    low: float
    high: float
    rate: float
    drop: float
    layers: tuple[str, ...]
    task: str
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    held_accuracies: list[float] = field(default_factory=list)
    gradients: list[list[float]] = field(default_factory=list)
    zeros: list[list[float]] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)
    steps: list[list[float]] = field(default_factory=list)
    outputs: list[list[float]] = field(default_factory=list)
    dead: list[list[float]] = field(default_factory=list)
    large: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class Ran:
    """One training: its score on held-out rows, the doctor's case and the other rules' record where it was watched."""

    score: float
    seconds: float
    case: Case | None = None
    recorded: Recorded | None = None


def run(program: Program, seed: int, watched: bool) -> Ran:
    """Train a program with one seed.

    Args:
        program: what to train.
        seed: of the rows, the weights and the order.
        watched: the doctor and the recorder look on.
    """
    torch.manual_seed(seed)
    rows = rows_of(program, seed)
    network = network_of(program, rows.x)
    for parameter in list(network.parameters())[: program.odd.get("frozen", 0)]:
        parameter.requires_grad_(False)
    optimizer = optimizer_of(program, network)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shapes that are stretched: some programs' very fault
        if not watched:
            _train(program, network, optimizer, rows, None, None)
            case, recorded = None, None
        else:
            case, recorded = _watch(program, network, optimizer, rows)
        score = _score(program, network, rows)
    return Ran(score, time.process_time() - began, case, recorded)


def _watch(program: Program, network: nn.Module, optimizer: Any, rows: Rows) -> tuple[Case, Recorded]:
    recorded = Recorded(
        float(rows.x.min()),
        float(rows.x.max()),
        float(program.optimizer["lr"]),
        max(
            (float(item.split(":")[1]) for item in program.layers if item.startswith("dropout")), default=0.0
        ),
        program.layers,
        program.task,
    )
    doctor = retemper.watch(
        network,
        optimizer,
        loss=LOSSES[program.loss],
        task=TASKS.get(program.task, "classification"),  # type: ignore[arg-type]
        train_data=(rows.x, rows.y),
        val_data=(rows.held_x, rows.held_y),
    )
    with doctor:
        _train(program, network, optimizer, rows, doctor, recorded)
    return doctor.case(), recorded


def _train(
    program: Program, network: nn.Module, optimizer: Any, rows: Rows, doctor: Any, recorded: Recorded | None
) -> None:
    loss_of, count = LOSSES[program.loss], len(rows.x)
    size = min(program.batch_size, count)
    needs_two = "batchnorm" in program.layers
    began = time.process_time()
    odd = program.odd
    network.train(not odd.get("eval_mode"))
    for epoch in range(program.epochs):
        for group in optimizer.param_groups:
            group["lr"] = program.optimizer["lr"] * odd.get("rate_decay", 1.0) ** epoch
        losses = []
        before = [p.detach().clone() for p in network.parameters()] if recorded else []
        order = torch.arange(count) if odd.get("in_order") else torch.randperm(count)
        for place, batch in enumerate(order.split(size)):
            if needs_two and len(batch) < 2:
                continue
            loss = loss_of(network(rows.x[batch]), rows.y[batch])
            if penalty := odd.get("penalty"):
                loss = loss + penalty * sum((p**2).sum() for p in network.parameters() if p.dim() > 1)
            if not odd.get("no_zero_grad") and place % odd.get("zero_every", 1) == 0:
                optimizer.zero_grad()
            (-loss if odd.get("ascent") else loss).backward()
            if clip := odd.get("clip"):
                nn.utils.clip_grad_norm_(network.parameters(), clip)
            optimizer.step()
            losses.append(float(loss.detach()))
            if doctor is not None:
                doctor.step(loss)
        if doctor is not None:
            doctor.epoch(**_held_out_loss(program, network, rows))
        if recorded is not None:
            _record(recorded, program, network, rows, losses, before)
        if time.process_time() - began > MOST_S:
            break


def _held_out_loss(program: Program, network: nn.Module, rows: Rows) -> dict[str, float]:
    """As a person would hand over; whoever forgets evaluation mode measures in training mode."""
    network.train(bool(program.odd.get("train_mode")))
    with torch.no_grad():
        value = float(LOSSES[program.loss](network(rows.held_x), rows.held_y))
    network.train(not program.odd.get("eval_mode"))
    return {"val_loss": value}


def _score(program: Program, network: nn.Module, rows: Rows) -> float:
    network.train(bool(program.odd.get("train_mode")))
    with torch.no_grad():
        return score_of(program, network(rows.held_x), rows.truth)


def score_of(program: Program, outputs: Tensor, truth: Tensor) -> float:
    """R² of values, else the share of right rows (of several labels a row: of rows with all of them right)."""
    if not bool(torch.isfinite(outputs).all()):
        return WORST
    if program.task == "regression":
        left = outputs.reshape(truth.shape) if outputs.numel() == truth.numel() else outputs
        rest = float(((truth - left) ** 2).sum()) / max(float(((truth - truth.mean(0)) ** 2).sum()), 1e-300)
        return max(1 - rest * truth.numel() / (truth - left).numel(), WORST)
    above = 0.0 if program.loss == "bce_logits" else 0.5
    if program.task == "binary_map":
        return float(((outputs > above) == (truth > 0.5)).float().mean())
    if program.task == "multilabel":
        return float(((outputs > above) == (truth > 0.5)).all(1).float().mean())
    units = outputs.shape[1] if outputs.dim() > 1 else 1
    called = outputs.argmax(1) if units > 1 else (outputs.reshape(-1) > above).long()
    return float((called == truth.reshape(-1)).float().mean())


def _record(
    recorded: Recorded,
    program: Program,
    network: nn.Module,
    rows: Rows,
    losses: list[float],
    before: list[Tensor],
) -> None:
    """One epoch's numbers for the other tools' rules."""
    weights = [(p, old) for p, old in zip(network.parameters(), before, strict=True) if p.dim() > 1]
    gradients = [torch.zeros(1) if p.grad is None else p.grad for p, _ in weights]
    recorded.losses.append(sum(losses) / max(len(losses), 1))
    recorded.gradients.append([float(g.abs().mean()) for g in gradients])
    recorded.zeros.append([float((g == 0).float().mean()) for g in gradients])
    recorded.weights.append([float(p.detach().var(unbiased=False)) for p, _ in weights])
    recorded.steps.append([recorded.rate * _share((p - old).detach(), p.detach()) for p, old in weights])
    network.eval()
    with torch.no_grad():
        last = _record_layers(recorded, network, rows.x[:JUDGED_ROWS])
        recorded.accuracies.append(score_of(program, last, _truth(program, rows.y[:JUDGED_ROWS])))
        recorded.held_accuracies.append(score_of(program, network(rows.held_x), rows.truth))
    network.train(not program.odd.get("eval_mode"))


def _record_layers(recorded: Recorded, network: nn.Module, at: Any) -> Tensor:
    """The layers' outputs in numbers; gives the last one's."""
    outputs, dead, large = [], [], []
    for layer in network:  # type: ignore[attr-defined]
        before, at = at, layer(at)
        if not isinstance(at, Tensor) or not at.is_floating_point():
            continue
        outputs.append(float(at.abs().mean()))
        dead.append(float((at.flatten(1) == 0).all(0).float().mean()))
        if getattr(layer, "function", None) in BOUNDED:
            large.append(float((before.abs() >= 5).float().mean()))
    recorded.outputs.append(outputs)
    recorded.dead.append(dead)
    recorded.large.append(large)
    return at  # type: ignore[no-any-return]


def _truth(program: Program, y: Tensor) -> Tensor:
    one_hot = program.task not in TASKS and y.dim() > 1 and y.shape[1] > 1
    return y.argmax(1) if one_hot else y.long() if program.task not in TASKS else y


def _share(step: Tensor, weight: Tensor) -> float:
    size = float(weight.norm())
    return float(step.norm()) / size if size > 0 else math.inf
