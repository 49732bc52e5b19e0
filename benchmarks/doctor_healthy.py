"""Healthy programs, and other healthy ones made of them: rows, networks, optimizers, lengths and noise vary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from doctor_bases import BASES
from doctor_networks import ACTIVATIONS
from doctor_programs import Program

SHAPING = frozenset(
    """flatten mean last softmax softmax_rows log_softmax first_column detach scrambled""".split()  # noqa: SIM905
)
HIDDEN = frozenset(ACTIVATIONS) - SHAPING


def wider(own: Program) -> Program:
    """Twice the units between the layers."""
    *inner, _ = _weights(own)
    return with_layers(
        own, tuple(_times(item, 2) if at in inner else item for at, item in enumerate(own.layers))
    )


def deeper(own: Program) -> Program | None:
    """The last hidden layer and its activation once more."""
    head = _weights(own)[-1]
    if head == 0 or not own.layers[head - 1].startswith(tuple(HIDDEN)):
        return None
    width = next((i for i in reversed(own.layers[:head]) if i.startswith("dense")), None)
    if width is None:
        return None
    return with_layers(own, (*own.layers[:head], width, own.layers[head - 1], *own.layers[head:]))


def other_activation(own: Program) -> Program | None:
    """Another usual activation between the layers."""
    swaps = {"relu": "gelu", "tanh": "relu", "sigmoid": "relu", "gelu": "silu", "elu": "leaky", "selu": "elu"}
    head = _weights(own)[-1]
    layers = tuple(swaps.get(item, item) if at < head else item for at, item in enumerate(own.layers))
    return with_layers(own, layers) if layers != own.layers else None


def other_optimizer(own: Program) -> Program:
    """Adam in place of descent, AdamW with the usual decay in place of the rest."""
    plain = own.optimizer["name"] == "sgd"
    options = (
        {"name": "adam", "lr": 3e-3}
        if plain
        else {"name": "adamw", "lr": own.optimizer["lr"], "weight_decay": 0.01}
    )
    return replace(own, optimizer=options)


def descent(own: Program) -> Program | None:
    """Descent with momentum; recurrent networks are left alone."""
    if (
        own.optimizer["name"] == "sgd"
        or own.layers[0].startswith(("gru", "lstm", "embedding"))
        or "sigmoid" in own.layers[1:2]
    ):
        return None
    return replace(
        own, optimizer={"name": "sgd", "lr": 0.03, "momentum": 0.9}, epochs=own.epochs + own.epochs // 2
    )


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
    """Dropout of .2 before the head; small networks of values would suffer from it."""
    head = _weights(own)[-1]
    if not head or own.task == "regression":
        return None
    return with_layers(own, (*own.layers[:head], "dropout:0.2", *own.layers[head:]))


def normed(own: Program) -> Program | None:
    """Layer normalisation after each hidden layer of units."""
    head = _weights(own)[-1]
    if not own.layers[0].startswith("dense"):
        return None
    layers = tuple(
        j
        for at, i in enumerate(own.layers)
        for j in ((i, "layernorm") if i.startswith("dense") and at < head else (i,))
    )
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
