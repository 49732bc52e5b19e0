"""Programs written down as facts, and how they become a training: rows, network, loss, optimizer.

The grammar of layers: dense:UNITS[,nobias] | conv:FILTERS,KERNEL[,same] | maxpool:K | flatten | gru:UNITS |
lstm:UNITS | embedding:CODES,WIDTH | mean (over time) | dropout:P | batchnorm | layernorm | the name of an activation;
activations are items of their own, one that is missing is linear. Losses are Keras' (on probabilities) or PyTorch's
(on logits); what the loop does oddly is in `odd`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from doctor_networks import built
from doctor_spoilt import SPOILT, Rows
from doctor_stand_ins import SOURCES
from torch import Tensor, nn

TINY_SET = 60
"""Sets of no more rows are trained and judged on all of them, as the programs do."""
EPSILON = 1e-7
BY_CODE = frozenset({"softmax_ce", "nll", "bce_raw_targets", "cce_1unit", "mse_codes"})
"""Losses that take class codes where the others take one column a class."""


@dataclass(frozen=True)
class Program:
    """One program.

    Args:
        name: its own.
        base: the healthy program that it comes from; its own name where it is one.
        task: binary, binary2 (two units), multiclass, multilabel, binary_map or regression.
        data: `kind` and what the source wants; also what is done to the rows: `standardize`, `minmax`,
            `standardize_y`, `inputs_times`, `targets_times`, `twice`, `shuffled`, `flipped` (share of the training
            labels), `noise_of_targets` (the same of all rows; of values in standard deviations), `most` (rows),
            `spoilt` (a name of doctor_spoilt.py).
        layers, init, loss, optimizer, epochs, batch_size: as in the file's descriptions.
        odd: of the loop: `ascent`, `no_zero_grad`, `penalty` (factor of the L2 norm²), `left_out` (the first
            so many parameters are in no optimizer), `frozen` (the first so many need no gradient), `train_mode` (it is
            also judged in training mode), `eval_mode` (it is trained in evaluation mode), `flat_targets` ([N] where
            outputs are [N, 1]), `clip` (norm of the gradients at most), `rate_decay` (factor an epoch), `zero_every`
            (gradients are zeroed every so many steps), `in_order` (rows are not shuffled).
        codes: that name the fault; empty for a healthy program.
        harmful: by the file; None: to be measured.
    """

    name: str
    base: str
    task: str
    data: Mapping[str, Any]
    layers: tuple[str, ...]
    init: str = "glorot_uniform"
    loss: str = "mse"
    optimizer: Mapping[str, Any] = field(default_factory=lambda: {"name": "adam", "lr": 0.001})
    epochs: int = 20
    batch_size: int = 32
    odd: Mapping[str, Any] = field(default_factory=dict)
    codes: frozenset[str] = frozenset()
    harmful: bool | None = None


def described(entry: Mapping[str, Any], names: Mapping[str, list[str]]) -> list[Program]:
    """The programs of one description: as it was, and mended where the description says how.

    Args:
        entry: of the file.
        names: finding codes by fault label.
    """
    labels = entry["fault_labels"]
    odd: dict[str, Any] = {}
    if "gradient_ascent" in labels:
        odd["ascent"] = True
    if "over_regularised" in labels:
        odd["penalty"] = 10.0
    scaled = {key: entry[key] for key in SCALINGS if entry.get(key)}
    data = {**entry["data"], **scaled}
    as_it_was = Program(
        entry["id"],
        entry["id"],
        entry["task"],
        {
            {"target_mult": "targets_times", "shuffle_x_only": "shuffled"}.get(k, k): v
            for k, v in data.items()
        },
        tuple(entry["layers"]),
        entry["init"],
        entry["loss"],
        entry["optimizer"],
        entry["epochs"] or 50,
        entry["batch_size"] or 32,
        odd,
        frozenset(code for label in labels for code in names.get(label, [])),
        entry["manifests"],
    )
    change = entry["fixed_overrides"]
    return [as_it_was, mended(as_it_was, change)] if change else [as_it_was]


SCALINGS = ("standardize", "minmax", "standardize_y")
STRENGTHS = ("targets_times", "shuffled")


def mended(program: Program, change: Mapping[str, Any]) -> Program:
    """The program as its description would have it right."""
    own = {k: v for k, v in change.items() if k not in (*SCALINGS, "clean")}
    data = {**program.data, **{k: v for k, v in change.items() if k in SCALINGS}}
    if change.get("clean"):
        data = {k: v for k, v in data.items() if k not in STRENGTHS} | {"scale": "minmax"}
    if "layers" in own:
        own["layers"] = tuple(own["layers"])
    return replace(
        program, name=f"{program.name} mended", data=data, odd={}, codes=frozenset(), harmful=False, **own
    )


def rows_of(program: Program, seed: int) -> Rows:
    """Rows for one seed: seven tenths are trained on."""
    rng = np.random.default_rng(1000 + seed)
    x, y = map(np.asarray, SOURCES[program.data["kind"]](rng, program.data))
    if noise := program.data.get("noise_of_targets"):
        y = _noisy(y, noise, program.task, rng)
    order = rng.permutation(len(x))[: program.data.get("most", len(x))]
    cut = int(0.7 * len(order))
    train, held = (order, order) if len(order) <= TINY_SET else (order[:cut], order[cut:])
    x, y = scaled_inputs(x, train, program.data), scaled_targets(y, train, program)
    inputs = (
        torch.tensor(x)
        if x.dtype.kind == "i" and "embedding" in program.layers[0]
        else torch.tensor(x).float()
    )
    if program.layers[0].startswith("dense") and inputs.dim() > 2:
        inputs = inputs.flatten(1)
    target = targets_for(program, y)
    learnt = target[train]
    if flipped := program.data.get("flipped"):
        learnt = _some_moved(learnt, flipped, rng)
    if program.data.get("shuffled"):
        learnt = learnt[rng.permutation(len(learnt))]
    truth = torch.tensor(y[held]) if program.task != "regression" else target[held]
    rows = Rows(inputs[train], learnt, inputs[held], target[held], truth)
    spoil = SPOILT.get(program.data.get("spoilt", ""))
    return spoil(rows, rng) if spoil else rows


def scaled_inputs(x: Any, train: Any, data: Mapping[str, Any]) -> Any:
    """Inputs scaled by the training rows' numbers, as the section says."""
    if data.get("standardize") or data.get("minmax"):
        own = x[train]
        centre = own.mean(0) if data.get("standardize") else own.min(0)
        size = own.std(0) if data.get("standardize") else np.ptp(own, 0)
        constant = size == 0
        x = (x - np.where(constant, 0, centre)) / np.where(constant, 1, size)
    if data.get("twice"):
        x = (x - x.min(0)) / 255
    return x * data["inputs_times"] if "inputs_times" in data else x


def scaled_targets(y: Any, train: Any, program: Program) -> Any:
    """Values as columns, scaled as the section says; classes as codes."""
    if program.task != "regression":
        return y if program.task in ("multilabel", "binary_map") else y.astype(np.int64)
    y = y.reshape(len(y), -1) * float(program.data.get("targets_times", 1))
    if program.data.get("standardize_y"):
        y = (y - y[train].mean(0)) / y[train].std(0)
    return y


def targets_for(program: Program, y: Any) -> Tensor:
    """Targets as the loss takes them."""
    if program.task in ("regression", "multilabel", "binary_map"):
        return torch.tensor(y).float()
    codes = torch.tensor(y)
    if program.loss in BY_CODE:
        return codes
    if program.task == "binary":
        return codes.float() if program.odd.get("flat_targets") else codes[:, None].float()
    return F.one_hot(codes).float()


def _noisy(y: Any, noise: float, task: str, rng: np.random.Generator) -> Any:
    """Targets of which a share is another row's; values with so many standard deviations of noise."""
    if task == "regression":
        return y + noise * y.std() * rng.normal(size=y.shape)
    moved = y.copy()
    rows = rng.permutation(len(y))[: int(noise * len(y))]
    moved[rows] = y[rng.permutation(len(y))[: len(rows)]]
    return moved


def _some_moved(target: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    moved = target.clone()
    rows = torch.tensor(rng.permutation(len(target))[: int(share * len(target))])
    moved[rows] = target[torch.tensor(rng.permutation(len(target)))[: len(rows)]]
    return moved


def network_of(program: Program, x: Tensor) -> nn.Module:
    """The program's network for inputs like `x`."""
    return built(program.layers, program.init, x)


def _crossed(p: Tensor, y: Tensor) -> Tensor:
    """Binary cross-entropy of probabilities, cut off as Keras does."""
    p = p.clamp(EPSILON, 1 - EPSILON)
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


def _categorical(p: Tensor, y: Tensor) -> Tensor:
    p = (p / p.sum(-1, keepdim=True)).clamp(EPSILON, 1 - EPSILON)
    return -(y * p.log()).sum(-1).mean()


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "half_mse": lambda o, y: F.mse_loss(o, y) / 2,
    "sse": lambda o, y: ((o - y) ** 2).sum(),
    "mae": F.l1_loss,
    "huber": F.smooth_l1_loss,
    "hinge": lambda o, y: F.relu(1 - (2 * y - 1) * o).mean(),
    "bce": _crossed,
    "ce_on_regression": _crossed,
    "bce_logits": F.binary_cross_entropy_with_logits,
    "bce_raw_targets": lambda o, y: _crossed(o, y[:, None].float()),
    "cce": _categorical,
    "scce": _categorical,
    "cce_1unit": lambda o, y: _categorical(o, y[:, None].float()),
    "softmax_ce": F.cross_entropy,
    "nll": F.nll_loss,
    "mse_broadcast": lambda o, y: ((o - y[:, 0][None]) ** 2).mean(),
    "mse_codes": lambda o, y: F.mse_loss(o, y[:, None].float()),
    "mse_stretched": lambda o, y: ((o - y.reshape(1, -1)) ** 2).mean(),
    "bare_log": lambda o, y: -(y * o.log() + (1 - y) * (1 - o).log()).mean(),
}


def optimizer_of(program: Program, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer by Keras' name; what is left out of it never moves."""
    given = dict(program.optimizer)
    name, rate = given.pop("name"), given.pop("lr")
    weights = list(network.parameters())
    if left_out := program.odd.get("left_out"):
        weights = weights[left_out:]
    decay = given.get("weight_decay", 0.0)
    if name == "sgd":
        momentum = given.get("momentum", 0.0)
        return torch.optim.SGD(
            weights, rate, momentum, nesterov=bool(given.get("nesterov")), weight_decay=decay
        )
    if name == "rmsprop":
        return torch.optim.RMSprop(weights, rate, alpha=0.9, eps=EPSILON, weight_decay=decay)
    if name == "adadelta":
        return torch.optim.Adadelta(weights, rate, rho=0.95, eps=EPSILON)
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return kind(weights, rate, eps=given.get("eps", EPSILON), weight_decay=decay)
