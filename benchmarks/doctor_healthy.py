"""Healthy programs, and other healthy ones made of them: rows, networks, optimizers, lengths and noise vary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from doctor_programs import ACTIVATIONS, Program

SHAPING = frozenset({"flatten", "mean", "last", "softmax", "softmax_rows", "log_softmax", "first_column"})
HIDDEN = frozenset(ACTIVATIONS) - SHAPING
CLASSES, VALUES = {"standardize": True}, {"standardize": True, "standardize_y": True}


def base(
    name: str, task: str, data: Mapping[str, Any], layers: str, loss: str, optimizer: str, epochs: int, batch_size: int, init: str = "torch"
) -> Program:
    """A program written on one line; the optimizer as ``name rate [momentum|weight_decay=number]``."""
    kind, rate, *rest = optimizer.split()
    options = {key: float(value) for key, value in (each.split("=") for each in rest)}
    chosen = {"name": kind, "lr": float(rate), **options}
    return Program(name, name, task, data, tuple(layers.split()), init, loss, chosen, epochs, batch_size, harmful=False)


BASES: tuple[Program, ...] = (
    base("digits", "multiclass", {"kind": "digits", "minmax": True, "most": 800}, "dense:64 relu dense:10", "softmax_ce", "adam 3e-3", 15, 32),
    base("digits tanh", "multiclass", {"kind": "digits", "minmax": True, "most": 800}, "dense:48 tanh dense:48 tanh dense:48 tanh dense:10 softmax", "cce", "adam 2e-3", 15, 32, "glorot_uniform"),
    base("digits norm", "multiclass", {"kind": "digits", "standardize": True, "most": 800}, "dense:64 batchnorm relu dense:64 batchnorm relu dense:10", "softmax_ce", "sgd 0.02 momentum=0.9", 10, 32),
    base("digits sigmoid", "multiclass", {"kind": "digits", "minmax": True, "most": 800}, "dense:64 sigmoid dense:10 softmax", "cce", "adam 0.01", 15, 32, "glorot_uniform"),
    base("images", "multiclass", {"kind": "mnist", "scale": "0..1", "most": 500}, "conv:8,3 relu maxpool:2 conv:16,3 relu maxpool:2 flatten dense:10", "softmax_ce", "adam 5e-3", 8, 32),
    base("images deep", "multiclass", {"kind": "mnist", "scale": "0..1", "most": 400}, "conv:8,3,same relu maxpool:2 conv:12,3,same relu maxpool:2 flatten dense:32 relu dropout:0.2 dense:10 softmax", "cce", "adam 5e-3", 8, 32, "he_uniform"),
    base("wine", "multiclass", {"kind": "wine", **CLASSES}, "dense:16 relu dense:3 softmax", "cce", "adam 0.01", 30, 16, "glorot_uniform"),
    base("iris", "multiclass", {"kind": "iris", **CLASSES}, "dense:16 relu dense:3", "softmax_ce", "sgd 0.1 momentum=0.9", 25, 16),
    base("cancer", "binary", {"kind": "breast_cancer", **CLASSES}, "dense:16 relu dense:1 sigmoid", "bce", "adam 5e-3", 15, 32, "glorot_uniform"),
    base("cancer gelu", "binary", {"kind": "breast_cancer", **CLASSES}, "dense:32 gelu dense:16 gelu dense:1", "bce_logits", "adamw 3e-3 weight_decay=0.01", 15, 32),
    base("moons", "binary", {"kind": "moons", "n": 500, **CLASSES}, "dense:32 relu dense:32 relu dense:1 sigmoid", "bce", "adam 5e-3", 30, 32, "he_uniform"),
    base("circle", "binary", {"kind": "circle", "most": 600}, "dense:16 tanh dense:16 tanh dense:1", "bce_logits", "adam 0.01", 40, 64),
    base("blobs", "multiclass", {"kind": "blob", "most": 600, **CLASSES}, "dense:32 relu dense:3", "softmax_ce", "sgd 0.05 momentum=0.9", 15, 32),
    base("friedman", "regression", {"kind": "friedman", "n": 600, **VALUES}, "dense:32 relu dense:32 relu dense:1", "mse", "adam 5e-3", 25, 32),
    base("planes", "regression", {"kind": "make_regression", "n": 500, "d": 8, **VALUES}, "dense:32 relu dense:1", "mse", "adam 0.01", 25, 32),
    base("diabetes", "regression", {"kind": "diabetes", **VALUES}, "dense:32 relu dense:1", "mse", "adam 2e-3", 20, 32),
    base("sine", "regression", {"kind": "sine", "n": 600, **VALUES}, "dense:32 tanh dense:32 tanh dense:1", "mse", "adam 0.01", 60, 64),
    base("parabola", "regression", {"kind": "parabola200", **VALUES}, "dense:16 tanh dense:1", "mse", "adam 0.02", 80, 32, "glorot_uniform"),
    base("cars", "regression", {"kind": "auto_mpg_like", **VALUES}, "dense:64 relu dense:64 relu dense:1", "huber", "adam 2e-3", 25, 32, "he_normal"),
    base("two classes", "binary2", {"kind": "make_classification", "n": 700, "d": 20, **CLASSES}, "dense:32 relu dropout:0.3 dense:32 relu dense:2 softmax", "cce", "adam 3e-3", 20, 32, "glorot_uniform"),
    base("five classes", "multiclass", {"kind": "make_classification5", "n": 700, **CLASSES}, "dense:32 elu dense:32 elu dense:5", "softmax_ce", "rmsprop 3e-3", 15, 32),
    base("selu", "binary", {"kind": "make_classification", "n": 700, "d": 12, **CLASSES}, "dense:24 selu dense:24 selu dense:24 selu dense:24 selu dense:1 sigmoid", "bce", "adam 2e-3", 15, 32, "lecun_uniform"),
    base("census", "binary", {"kind": "adult_like", "most": 1000, **CLASSES}, "dense:32 relu dense:1 sigmoid", "bce", "adam 3e-3", 15, 32, "glorot_uniform"),
    base("waves", "multiclass", {"kind": "waves", "n": 350}, "gru:24 dense:3", "softmax_ce", "adam 0.01", 12, 32),
    base("next point", "regression", {"kind": "waves", "n": 350, "noise": 0.05, "next": True}, "lstm:24 dense:1", "mse", "adam 0.01", 15, 32),
    base("sentences", "binary2", {"kind": "sentences", "n": 500}, "embedding:50,16 mean dense:16 relu dense:2", "softmax_ce", "adam 0.01", 15, 32),
    base("labels", "multilabel", {"kind": "make_multilabel", "most": 700}, "dense:32 relu dense:3", "bce_logits", "adam 0.01", 12, 32),
)


def wider(own: Program) -> Program:
    """Twice the units between the layers."""
    *inner, head = _weights(own)
    return with_layers(own, tuple(_times(item, 2) if at in inner else item for at, item in enumerate(own.layers)))


def deeper(own: Program) -> Program | None:
    """The last hidden layer and its activation once more."""
    head = _weights(own)[-1]
    if head == 0 or not own.layers[head - 1].startswith(tuple(HIDDEN)):
        return None
    width = next((i for i in reversed(own.layers[:head]) if i.startswith("dense")), None)
    return width and with_layers(own, (*own.layers[:head], width, own.layers[head - 1], *own.layers[head:])) or None


def other_activation(own: Program) -> Program | None:
    """Another usual activation between the layers."""
    swaps = {"relu": "gelu", "tanh": "relu", "sigmoid": "relu", "gelu": "silu", "elu": "leaky", "selu": "elu"}
    head = _weights(own)[-1]
    layers = tuple(swaps.get(item, item) if at < head else item for at, item in enumerate(own.layers))
    return with_layers(own, layers) if layers != own.layers else None


def other_optimizer(own: Program) -> Program:
    """Adam in place of descent, AdamW with the usual decay in place of the rest."""
    plain = own.optimizer["name"] == "sgd"
    options = {"name": "adam", "lr": 3e-3} if plain else {"name": "adamw", "lr": own.optimizer["lr"], "weight_decay": 0.01}
    return replace(own, optimizer=options)


def descent(own: Program) -> Program | None:
    """Descent with momentum; recurrent networks are left alone."""
    if own.optimizer["name"] == "sgd" or own.layers[0].startswith(("gru", "lstm", "embedding")) or "sigmoid" in own.layers[1:2]:
        return None
    return replace(own, optimizer={"name": "sgd", "lr": 0.03, "momentum": 0.9}, epochs=own.epochs + own.epochs // 2)


def rate(times: float) -> Callable[[Program], Program]:
    """Another rate of the same order."""
    return lambda own: replace(own, optimizer={**own.optimizer, "lr": own.optimizer["lr"] * times})


def longer(own: Program) -> Program:
    """Three times the epochs."""
    return replace(own, epochs=3 * own.epochs)


def noisy(share: float) -> Callable[[Program], Program]:
    """Targets that the inputs tell less of: the best score is lower, the program as right as before."""
    return lambda own: replace(own, data={**own.data, "noise_of_targets": share})


def batch(times: float) -> Callable[[Program], Program]:
    """Another batch size."""
    return lambda own: replace(own, batch_size=int(own.batch_size * times))


def dropping(own: Program) -> Program | None:
    """Dropout of .2 before the head."""
    head = _weights(own)[-1]
    return with_layers(own, (*own.layers[:head], "dropout:0.2", *own.layers[head:])) if head else None


def normed(own: Program) -> Program | None:
    """Layer normalisation after each hidden layer of units."""
    head = _weights(own)[-1]
    if not own.layers[0].startswith("dense"):
        return None
    layers = tuple(j for at, i in enumerate(own.layers) for j in ((i, "layernorm") if i.startswith("dense") and at < head else (i,)))
    return with_layers(own, layers)


VARIATIONS: Mapping[str, Callable[[Program], Program | None]] = {
    "as it is": lambda own: own,
    "wider": wider,
    "deeper": deeper,
    "other activation": other_activation,
    "other optimizer": other_optimizer,
    "descent": descent,
    "half the rate": rate(0.5),
    "double rate": rate(2),
    "longer": longer,
    "noise .3": noisy(0.3),
    "noise .7": noisy(0.7),
    "double batch": batch(2),
    "half batch": batch(0.5),
    "dropout": dropping,
    "layer norm": normed,
}


def controls(most: int) -> list[Program]:
    """Healthy programs: each base as it is, then variations in turn until there are as many as asked for."""
    found: list[Program] = [replace(own, name=f"{own.name}, as it is") for own in BASES]
    names = list(VARIATIONS)[1:]
    for round_ in range(len(names)):
        for place, own in enumerate(BASES):
            name = names[(round_ + 3 * place) % len(names)]
            varied = VARIATIONS[name](own)
            if varied is not None:
                found.append(replace(varied, name=f"{own.name}, {name}"))
    return found[:most]


def with_layers(own: Program, layers: tuple[str, ...]) -> Program:
    """The program with other layers."""
    return replace(own, layers=layers)


def _weights(own: Program) -> list[int]:
    """Where the layers of units and filters are; the last is the head."""
    return [at for at, item in enumerate(own.layers) if item.startswith(("dense", "conv", "gru", "lstm"))]


def _times(item: str, times: float) -> str:
    name, _, rest = item.partition(":")
    number, *others = rest.split(",")
    return f"{name}:{','.join([str(max(1, int(int(number) * times))), *others])}"
