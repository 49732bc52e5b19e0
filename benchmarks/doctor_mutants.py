"""Faults put into healthy programs, one at a time: operators in the manner of DeepCrime and TheDeepChecker.

Each operator takes a healthy program and gives the faulty one, or None where it makes no sense; beside it stand the
finding codes that name the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from doctor_bases import BASES
from doctor_healthy import HIDDEN, with_layers
from doctor_programs import Program

Operator = Callable[[Program], Program | None]
ONE_HOT = frozenset({"multiclass", "binary2"})


def rate(times: float) -> Operator:
    return lambda own: replace(own, optimizer={**own.optimizer, "lr": own.optimizer["lr"] * times})


def data(**changes: Any) -> Operator:
    return lambda own: replace(own, data={**own.data, **changes})


def odd(**what: Any) -> Operator:
    return lambda own: replace(own, odd=what)


def init(name: str) -> Operator:
    def mutate(own: Program) -> Program | None:
        return None if own.layers[0].startswith(("gru", "lstm", "embedding")) else replace(own, init=name)

    return mutate


def only(tasks: frozenset[str] | set[str], operator: Operator) -> Operator:
    return lambda own: operator(own) if own.task in tasks else None


def head_of(own: Program) -> int:
    return max(at for at, item in enumerate(own.layers) if item.startswith("dense"))


def hidden_places(own: Program) -> list[int]:
    return [at for at, item in enumerate(own.layers[: head_of(own)]) if item in HIDDEN]


def no_activations(own: Program) -> Program | None:
    places = hidden_places(own)
    rest = tuple(item for at, item in enumerate(own.layers) if at not in places)
    return with_layers(own, rest) if places and own.layers[0].startswith("dense") else None


def hidden(name: str) -> Operator:
    """One activation in place of all hidden ones."""

    def mutate(own: Program) -> Program | None:
        places = hidden_places(own)
        return (
            with_layers(own, tuple(name if at in places else item for at, item in enumerate(own.layers)))
            if places
            else None
        )

    return mutate


def deep(count: int, width: int, activation: str) -> Operator:
    """Many narrow layers in place of the hidden ones."""

    def mutate(own: Program) -> Program | None:
        if not own.layers[0].startswith("dense"):
            return None
        return with_layers(own, (f"dense:{width}", activation) * count + own.layers[head_of(own) :])

    return mutate


def narrow(own: Program) -> Program | None:
    """One unit in each hidden layer."""
    head = head_of(own)
    layers = tuple(
        "dense:1" if item.startswith("dense") and at < head else item for at, item in enumerate(own.layers)
    )
    return with_layers(own, layers) if layers != own.layers else None


def ends_in(*tail: str) -> Operator:
    """Another end after the head's units."""
    return lambda own: with_layers(own, own.layers[: head_of(own) + 1] + tail)


def when_loss(losses: set[str], operator: Operator) -> Operator:
    return lambda own: operator(own) if own.loss in losses else None


def loss(name: str, *tail: str) -> Operator:
    """Another loss, and what the head ends in."""
    return lambda own: replace(ends_in(*tail)(own) or own, loss=name)


def one_unit(own: Program) -> Program | None:
    """Class codes as the targets of one sigmoid."""
    layers = (*own.layers[: head_of(own)], "dense:1", "sigmoid")
    return replace(own, layers=layers, loss="bce_raw_targets") if own.task == "multiclass" else None


def unscaled(own: Program) -> Program | None:
    """Inputs a thousand times as large; codes of an embedding are no sizes."""
    return None if own.layers[0].startswith("embedding") else data(inputs_times=1000.0)(own)


def scaled_twice(own: Program) -> Program | None:
    return data(twice=True)(own) if own.layers[0].startswith("dense") else None


def unlearnt(which: str) -> Operator:
    """All parameters but the last layer's weight and bias are frozen, or left out of the optimizer."""

    def mutate(own: Program) -> Program | None:
        if not own.layers[0].startswith("dense"):
            return None
        layers = sum(item.startswith("dense") for item in own.layers)
        norms = sum(item in ("batchnorm", "layernorm") for item in own.layers)
        return replace(own, odd={which: 2 * (layers + norms) - 2}) if layers > 1 else None

    return mutate


def dropping(own: Program) -> Program | None:
    """Dropout of .95 before each layer of units but the first."""
    if not own.layers[0].startswith("dense"):
        return None
    layers = (
        j
        for at, i in enumerate(own.layers)
        for j in (("dropout:0.95", i) if i.startswith("dense") and at else (i,))
    )
    return with_layers(own, tuple(layers))


def decayed(own: Program) -> Program:
    """Weight decay of 10; the rate of descent is kept where its step stays stable."""
    rate_ = min(own.optimizer["lr"], 0.05)
    kind = "sgd" if own.optimizer["name"] == "sgd" else "adam"
    return replace(own, optimizer={"name": kind, "lr": rate_, "weight_decay": 10.0})


def epochs(count: int) -> Operator:
    return lambda own: replace(own, epochs=count)


def batches(size: int) -> Operator:
    return lambda own: replace(own, batch_size=size)


def single(own: Program) -> Program:
    """Batches of one row with a rate that suits descent over large batches."""
    return replace(own, batch_size=1, epochs=3, optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.9})


def judged_in_training(own: Program) -> Program | None:
    head = head_of(own)
    layers = (*own.layers[:head], "dropout:0.5", *own.layers[head:])
    return replace(own, layers=layers, odd={"train_mode": True}) if head else None


def slow_descent(own: Program) -> Program:
    return replace(own, optimizer={"name": "sgd", "lr": 1e-4})


def stretched(own: Program) -> Program | None:
    return replace(own, loss="mse_stretched") if own.task == "regression" else None


def stretched_classes(own: Program) -> Program | None:
    """Outputs [N, 1] against targets [N] in a difference."""
    if own.task != "binary":
        return None
    return replace(ends_in("sigmoid")(own) or own, loss="mse_stretched", odd={"flat_targets": True})


OPERATORS: Mapping[str, tuple[Operator, tuple[str, ...]]] = {
    "rate ×1000": (rate(1000), ("learning_rate_too_high",)),
    "rate ×100": (rate(100), ("learning_rate_too_high",)),
    "rate ÷1000": (rate(1e-3), ("learning_rate_too_low",)),
    "slow descent": (slow_descent, ("learning_rate_too_low", "learning_rate_too_high", "slow_start")),
    "no activations": (no_activations, ("missing_nonlinearity",)),
    "deep sigmoids": (deep(8, 8, "sigmoid"), ("vanishing_gradients",)),
    "deep narrow relu": (deep(14, 4, "relu"), ("dead_units", "vanishing_gradients")),
    "hidden softmax": (
        hidden("softmax"),
        ("saturated_activations", "vanishing_gradients", "redundant_softmax"),
    ),
    "softmax twice": (when_loss({"softmax_ce"}, ends_in("softmax")), ("redundant_softmax",)),
    "sigmoid twice": (
        when_loss({"bce_logits"}, ends_in("sigmoid")),
        ("redundant_softmax", "output_range_mismatch"),
    ),
    "no output activation": (
        when_loss({"cce", "bce"}, ends_in()),
        ("missing_output_activation", "output_range_mismatch"),
    ),
    "relu on logits": (when_loss({"softmax_ce", "bce_logits"}, ends_in("relu")), ("output_range_mismatch",)),
    "relu for probabilities": (
        when_loss({"cce", "bce"}, ends_in("relu")),
        ("output_range_mismatch", "wrong_loss"),
    ),
    "bounded values": (only({"regression"}, ends_in("sigmoid")), ("output_range_mismatch",)),
    "positive values": (only({"regression"}, ends_in("relu")), ("output_range_mismatch",)),
    "one-unit softmax": (
        only({"binary"}, loss("bce", "softmax")),
        ("single_unit_softmax", "output_units_mismatch"),
    ),
    "softmax of values": (
        only({"regression"}, ends_in("softmax")),
        ("single_unit_softmax", "output_range_mismatch"),
    ),
    "softmax over rows": (only(ONE_HOT, loss("cce", "softmax_rows")), ("softmax_wrong_axis",)),
    "one unit for classes": (
        one_unit,
        ("output_units_mismatch", "single_unit_softmax", "wrong_loss", "output_range_mismatch"),
    ),
    "cross-entropy of values": (
        only({"regression"}, loss("ce_on_regression")),
        ("wrong_loss", "output_range_mismatch"),
    ),
    "hinge of probabilities": (
        when_loss({"cce"}, loss("hinge", "softmax")),
        ("wrong_loss", "output_range_mismatch"),
    ),
    "stretched": (stretched, ("shape_broadcast",)),
    "stretched classes": (stretched_classes, ("shape_broadcast",)),
    "log of 0": (
        only({"binary"}, loss("bare_log", "relu")),
        ("non_finite", "exploding_gradients", "output_range_mismatch"),
    ),
    "summed loss": (only({"regression"}, loss("sse")), ("learning_rate_too_high", "exploding_gradients")),
    "shuffled": (data(shuffled=True), ("misaligned_labels", "label_errors")),
    "wrong labels": (data(flipped=0.7), ("label_errors", "misaligned_labels")),
    "inputs ×1000": (unscaled, ("unscaled_inputs", "unscaled_targets")),
    "targets ×10000": (
        only({"regression"}, data(targets_times=1e4, standardize_y=False)),
        ("unscaled_targets", "output_range_mismatch"),
    ),
    "scaled twice": (scaled_twice, ("double_normalisation", "unscaled_inputs")),
    "weights 0": (init("zeros"), ("constant_initialisation", "bad_initialisation")),
    "weights alike": (init("constant:0.5"), ("constant_initialisation", "bad_initialisation")),
    "huge weights": (init("normal:3"), ("bad_initialisation", "constant_initialisation", "slow_start")),
    "tiny weights": (init("normal:1e-4"), ("bad_initialisation", "constant_initialisation", "slow_start")),
    "frozen": (unlearnt("frozen"), ("frozen_parameters",)),
    "left out": (unlearnt("left_out"), ("frozen_parameters",)),
    "no zero_grad": (odd(no_zero_grad=True), ("stale_gradients",)),
    "ascent": (odd(ascent=True), ("gradient_ascent",)),
    "dropout .95": (dropping, ("over_regularised",)),
    "decay 10": (decayed, ("over_regularised",)),
    "penalty": (odd(penalty=1.0), ("over_regularised",)),
    "one row a batch": (single, ("batch_too_small", "learning_rate_too_high", "oscillating")),
    "all rows a batch": (batches(10**6), ("batch_too_large",)),
    "one epoch": (epochs(1), ("too_few_epochs", "still_improving", "learning_rate_too_low")),
    "two epochs": (epochs(2), ("too_few_epochs", "still_improving", "learning_rate_too_low")),
    "narrow": (narrow, ("low_capacity", "underfitting")),
    "judged in training mode": (judged_in_training, ("train_mode_evaluation", "train_serve_mismatch")),
    "few rows": (data(most=30), ("overfitting", "noisy_validation")),
}


def mutants(
    each: int, operators: Mapping[str, tuple[Operator, tuple[str, ...]]] = OPERATORS
) -> list[Program]:
    """Up to ``each`` mutants an operator, spread over the bases; no base twice for one operator."""
    found = []
    for number, (name, (operator, codes)) in enumerate(operators.items()):
        turned = BASES[number * 5 % len(BASES) :] + BASES[: number * 5 % len(BASES)]
        own = [(base, made) for base in turned if (made := operator(base)) is not None and made != base]
        step = max(1, len(own) // max(each, 1))
        for base, made in own[::step][:each]:
            found.append(replace(made, name=f"{base.name}, {name}", codes=frozenset(codes), harmful=None))
    return found
