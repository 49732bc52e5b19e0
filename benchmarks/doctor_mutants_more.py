"""More faults put into healthy programs: what DeepCrime, DeepMutation++ and muDNN change beyond doctor_mutants.py.

They were written when the doctor's rules stood, which had not seen them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from doctor_healthy import HIDDEN, with_layers
from doctor_mutants import (
    ONE_HOT,
    Operator,
    data,
    ends_in,
    head_of,
    hidden,
    hidden_places,
    init,
    loss,
    odd,
    only,
    rate,
    when_loss,
)
from doctor_programs import Program

MISMATCH = ("output_range_mismatch", "wrong_loss", "missing_output_activation", "redundant_softmax")


def floats(operator: Operator) -> Operator:
    """Of inputs that are numbers; codes of words have no size."""
    return lambda own: None if own.layers[0].startswith("embedding") else operator(own)


def plain(operator: Operator) -> Operator:
    """Of networks of layers of units alone."""
    return lambda own: operator(own) if own.layers[0].startswith("dense") else None


def optimizer(name: str, rate_: float, **options: float) -> Operator:
    return lambda own: replace(own, optimizer={"name": name, "lr": rate_, **options})


def before_head(item: str) -> Operator:
    """One more item before the last layer of units."""

    def mutate(own: Program) -> Program | None:
        head = head_of(own)
        return with_layers(own, (*own.layers[:head], item, *own.layers[head:])) if head else None

    return mutate


def after_head(item: str) -> Operator:
    """One more item between the last layer of units and what the outputs end in."""
    return lambda own: with_layers(
        own, (*own.layers[: head_of(own) + 1], item, *own.layers[head_of(own) + 1 :])
    )


def at_first(item: str) -> Operator:
    return lambda own: with_layers(own, (item, *own.layers))


def no_hidden(own: Program) -> Program | None:
    """The last layer alone."""
    return with_layers(own, own.layers[head_of(own) :]) if hidden_places(own) else None


def bottleneck(own: Program) -> Program | None:
    """One unit before the head."""
    head = head_of(own)
    return with_layers(own, (*own.layers[:head], "dense:1", *own.layers[head:])) if head else None


def always_dropping(own: Program) -> Program | None:
    """Dropout as a function, that is never switched off."""
    head = head_of(own)
    layers = (*own.layers[:head], "dropout_always:0.6", *own.layers[head:])
    return with_layers(own, layers) if head else None


def normed_in_evaluation(own: Program) -> Program | None:
    """Batch normalisation that is trained in evaluation mode."""
    if not own.layers[0].startswith("dense") or not hidden_places(own):
        return None
    rest = tuple(i for i in own.layers if i != "batchnorm")
    layers = tuple(
        j for i in rest for j in (("batchnorm", i) if i in HIDDEN and rest.index(i) < len(rest) - 1 else (i,))
    )
    return replace(with_layers(own, layers), odd={"eval_mode": True}, data={**own.data, "inputs_times": 30.0})


def codes_as_values(own: Program) -> Program | None:
    """One unit that is to give the number of the class."""
    layers = (*own.layers[: head_of(own)], "dense:1")
    return replace(own, layers=layers, loss="mse_codes") if own.task == "multiclass" else None


def in_order(own: Program) -> Program:
    return replace(own, data={**own.data, "spoilt": "ordered"}, odd={"in_order": True})


def few_pairs(own: Program) -> Program | None:
    """Batch normalisation over batches of two rows."""
    if "batchnorm" in own.layers:
        return replace(own, batch_size=2)
    head = head_of(own)
    if not head or not own.layers[0].startswith("dense"):
        return None
    return replace(own, layers=(*own.layers[:head], "batchnorm", *own.layers[head:]), batch_size=2, epochs=3)


def spoilt(name: str) -> Operator:
    return data(spoilt=name)


SLOW = ("learning_rate_too_low", "learning_rate_too_high", "slow_start")
LABELS = ("label_errors", "misaligned_labels", "train_serve_mismatch")
MORE: Mapping[str, tuple[Operator, tuple[str, ...]]] = {
    "rate ×10": (rate(10), ("learning_rate_too_high",)),
    "rate ÷100": (rate(0.01), ("learning_rate_too_low",)),
    "adadelta": (optimizer("adadelta", 0.001), SLOW),
    "momentum .999": (optimizer("sgd", 0.05, momentum=0.999), ("learning_rate_too_high", "oscillating")),
    "clipped away": (odd(clip=1e-4), SLOW),
    "rate decays at once": (odd(rate_decay=0.2), ("decayed_too_early", "learning_rate_too_low")),
    "gradients of ten steps": (odd(zero_every=10), ("stale_gradients",)),
    "evaluation mode": (normed_in_evaluation, ("evaluation_mode_training", "unscaled_inputs")),
    "dropout never off": (
        always_dropping,
        ("train_mode_evaluation", "train_serve_mismatch", "over_regularised"),
    ),
    "dropout of inputs": (floats(at_first("dropout:0.9")), ("over_regularised",)),
    "dropout of logits": (after_head("dropout:0.8"), ("over_regularised",)),
    "penalty .03": (odd(penalty=0.03), ("over_regularised",)),
    "cut off": (before_head("detach"), ("frozen_parameters",)),
    "rows scrambled": (plain(at_first("scrambled")), ("mixed_rows", "misaligned_labels", "input_ignored")),
    "in order": (in_order, ("oscillating", "batch_too_small", "learning_rate_too_high")),
    "pairs": (few_pairs, ("batch_too_small",)),
    "ones": (init("constant:1"), ("constant_initialisation", "bad_initialisation")),
    "normal 1": (init("normal:1"), ("bad_initialisation", "constant_initialisation", "slow_start")),
    "uniform 1": (init("uniform:1"), ("bad_initialisation", "constant_initialisation", "slow_start")),
    "no hidden layer": (no_hidden, ("low_capacity", "missing_nonlinearity", "underfitting")),
    "bottleneck": (bottleneck, ("low_capacity", "underfitting")),
    "hidden exp": (
        plain(hidden("exp")),
        ("exploding_gradients", "non_finite", "diverging", "learning_rate_too_high", "bad_initialisation"),
    ),
    "tanh on logits": (when_loss({"softmax_ce", "bce_logits"}, ends_in("tanh")), ("output_range_mismatch",)),
    "tanh for probabilities": (when_loss({"bce", "cce"}, ends_in("tanh")), MISMATCH),
    "sigmoid for shares": (when_loss({"cce"}, ends_in("sigmoid")), MISMATCH),
    "softmax before nll": (
        only(ONE_HOT, loss("nll", "softmax")),
        ("output_range_mismatch", "wrong_loss", "missing_output_activation"),
    ),
    "logits before nll": (
        only(ONE_HOT, loss("nll")),
        ("output_range_mismatch", "wrong_loss", "missing_output_activation"),
    ),
    "codes as values": (codes_as_values, ("wrong_loss", "output_units_mismatch")),
    "mean absolute error": (only(ONE_HOT, loss("mae", "softmax")), ("wrong_loss",)),
    "hinge of a sigmoid": (
        when_loss({"bce"}, loss("hinge", "sigmoid")),
        ("wrong_loss", "output_range_mismatch"),
    ),
    "renamed": (only({"multiclass"}, spoilt("renamed")), LABELS),
    "rare": (
        only({"multiclass", "binary", "binary2"}, spoilt("rare")),
        ("class_imbalance", "train_serve_mismatch"),
    ),
    "noisy inputs": (floats(spoilt("noisy")), ("train_serve_mismatch", "unscaled_inputs")),
    "served unscaled": (floats(spoilt("served unscaled")), ("train_serve_mismatch",)),
    "a row too late": (spoilt("rolled"), ("misaligned_labels", "label_errors")),
    "blank": (floats(spoilt("blank")), ("input_ignored", "misaligned_labels", "unscaled_inputs")),
    "one column": (plain(spoilt("one column")), ("unscaled_inputs",)),
    "offset": (only({"regression"}, spoilt("offset")), ("unscaled_targets", "output_range_mismatch")),
    "missing": (floats(spoilt("missing")), ("non_finite",)),
}
"""Beside each operator the finding codes that name the fault."""
