"""Two proofs of the stack: it computes what PyTorch computes, and no member feels who trains beside it.

*Reference*: MLP 13-50-33-5, batches of 37 rows, float64; a stack of 4 members with rates and decays of their
own, 100 steps; against `nn.Linear` and `torch.optim` fed the same start and the same batches. The table gives
the largest difference of any parameter. Target: 1e-9.

*Bits*: random networks (shape, activation, embeddings, residual blocks), losses, optimizers and batch sizes;
a stack of 2 to 9 members with dropout against each member trained alone. Target: every byte the same. As a
control, the same network under another id must differ.

usage: python benchmarks/reference_precision.py [--shapes 40] [--seed 0]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import hand_written
import numpy as np
import stacked
import torch
from measuring import print_table
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from retemper.core.recipe_sections import TrainingOptions
from retemper.models import mlp, residual_mlp
from retemper.models.layers.inputs import InputShape
from retemper.training.class_losses import BinaryCrossEntropy, CrossEntropy
from retemper.training.draws import BatchOrders
from retemper.training.plan import Plan, Rows
from retemper.training.stack import Layout, Member, Stack
from retemper.training.value_losses import Huber, MeanSquaredError

WIDTHS = (13, 50, 33, 5)
BATCH = 37
STEPS = 100
TARGET = 1e-9

Make = Callable[..., torch.optim.Optimizer]
# Name → PyTorch's optimizer with the options that retemper's has by default.
OPTIMIZERS: dict[str, Make] = {
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "rmsprop": partial(torch.optim.RMSprop, alpha=0.99, eps=1e-8),
    "adam": partial(torch.optim.Adam, betas=(0.9, 0.999), eps=1e-8),
    "adamw": partial(torch.optim.AdamW, betas=(0.9, 0.99), eps=1e-8),
}


def references() -> list[tuple[str, ...]]:
    """Rows of the first table: every optimizer plain, with coupled L2, and AdamW with its decoupled decay."""
    cases: list[tuple[str, str, float, float]] = []
    for name in OPTIMIZERS:
        decay = 0.05 if name == "adamw" else 0.0
        cases.append((name, "decoupled decay .05" if decay else "plain", decay, 0.0))
        if name != "adamw":
            cases.append((name, "coupled L2 .01", 0.0, 0.01))
    rows: list[tuple[str, ...]] = []
    for name, how, decay, l2 in cases:
        largest = reference_difference(name, decay, l2)
        rows.append((name, how, f"{largest:.1e}", "met" if largest <= TARGET else "MISSED"))
    return rows


def reference_difference(optimizer: str, decay: float, l2: float) -> float:
    """The largest difference of a parameter between the stack and PyTorch after the steps."""
    x, y = stacked.table(BATCH * STEPS // 4, WIDTHS[0], WIDTHS[-1])
    base = 0.01 if optimizer in ("sgd", "momentum", "nesterov") else 1e-3
    members = [Member(k, base * (k + 1), decay * (k + 1)) for k in range(4)]
    options = {"optimizer": {"name": optimizer}, "l2": l2}
    plan = stacked.plan_for(WIDTHS, x, y, BATCH, 4, members, options, torch.float64)
    assert plan.steps_per_epoch * plan.epochs == STEPS
    layout = Layout(plan.network)
    start = Stack(plan.network, plan.members, dtype=torch.float64)
    start.initialise(plan.options.initialiser.options, plan.seed, head_scale=plan.options.head_scale)
    largest = 0.0
    for slot, fit in enumerate(stacked.train(plan)):
        model = hand_written.mlp(WIDTHS).double()
        _set(model, layout.unpadded(start.buffers["parameters"][slot]))
        make = partial(OPTIMIZERS[optimizer], lr=fit.member.learning_rate)
        _train(model, make, fit.member.weight_decay or l2, _batches(plan, fit.member))
        for own, theirs in _pairs(model, layout.unpadded(fit.row)):
            largest = max(largest, float((own.detach() - theirs).abs().max()))
    return largest


def _pairs(model: nn.Sequential, values: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    names = [*(f"hidden_{k}" for k in range(1, len(WIDTHS) - 1)), "head"]
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    pairs: list[tuple[Tensor, Tensor]] = []
    for name, layer in zip(names, layers, strict=True):
        pairs += [(layer.weight, values[f"{name}.weight"]), (layer.bias, values[f"{name}.bias"].flatten())]
    return pairs


def _set(model: nn.Sequential, values: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for own, value in _pairs(model, values):
            own.copy_(value)


def _batches(plan: Plan, member: Member) -> Iterable[tuple[Tensor, Tensor]]:
    """The batches that the loop gives to a member, without the rows that only fill them up."""
    every = np.arange(plan.train.count)
    for epoch in range(plan.epochs):
        order, inside = BatchOrders(
            [member], [every], plan.options.batch_size, (plan.seed, epoch), plan.counts
        )[:]
        for step in range(len(order)):
            rows = order[step, 0][inside[step, 0]]
            yield plan.train.x[rows, : WIDTHS[0]], plan.train.y[rows]


def _train(model: nn.Sequential, make: Make, decay: float, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """PyTorch's own way; like retemper it spares the biases from decay."""
    weights = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    biases = [parameter for parameter in model.parameters() if parameter.dim() == 1]
    optimizer = make([{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}])
    for x, y in batches:
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]  # PyTorch's own
        optimizer.step()


def bits(shapes: int, seed: int) -> tuple[int, int, int, int, int]:
    """Trainings, members compared, members that differ, control pairs, and control pairs that are equal."""
    compared = differing = controls = equal = 0
    for number in range(shapes):
        plan = random_plan(np.random.default_rng([seed, number]))
        together = stacked.train(plan)
        for fit in together:
            alone = stacked.train(replace(plan, members=(fit.member,)))[0]
            compared += 1
            differing += fit.row.numpy().tobytes() != alone.row.numpy().tobytes()
        other = replace(plan.members[0], id=997)
        renamed = stacked.train(replace(plan, members=(other,)))[0]
        controls += 1
        equal += renamed.row.numpy().tobytes() == together[0].row.numpy().tobytes()
    return shapes, compared, differing, controls, equal


def random_plan(draw: np.random.Generator) -> Plan:
    """A training of a random network on random rows, with every option that takes part in a step."""
    rows, numbers, tables = int(draw.integers(40, 400)), int(draw.integers(1, 70)), int(draw.integers(0, 3))
    classes = int(draw.integers(2, 12))
    cardinalities = tuple(int(draw.integers(2, 40)) for _ in range(tables))
    shape = InputShape(numbers, numbers, cardinalities)
    codes = draw.integers(0, cardinalities, (rows, tables), dtype=np.int64)
    loss = draw.choice(
        np.array(
            [
                CrossEntropy(label_smoothing=0.05),
                CrossEntropy(),
                BinaryCrossEntropy(),
                MeanSquaredError(),
                Huber(),
            ],
            dtype=object,
        )
    )
    classifies = isinstance(loss, CrossEntropy | BinaryCrossEntropy)
    classes = 2 if isinstance(loss, BinaryCrossEntropy) else classes
    y: NDArray[Any] = draw.integers(0, classes, rows) if classifies else draw.normal(size=rows)
    common = {
        "activation": str(draw.choice(["relu", "leaky_relu", "silu", "gelu", "tanh"])),
        "periodic_frequencies": int(draw.choice([0, 0, 3])),
    }
    outputs = loss.n_outputs(classes if classifies else 0)
    if draw.random() < 0.3:
        blocks = residual_mlp.Options(width=int(draw.integers(2, 90)), depth=2, **common)
        network = residual_mlp.build(blocks, shape, outputs)
    else:
        widths = tuple(int(width) for width in draw.integers(1, 150, draw.integers(1, 4)))
        network = mlp.build(mlp.Options(widths=widths, **common), shape, outputs)
    members = tuple(
        Member(
            k * 3 + 1, 10 ** draw.uniform(-4, -2), draw.uniform(0, 0.1), draw.choice([0, 0.1, 0.5]), smoothing
        )
        for k, smoothing in enumerate(draw.choice([0.0, 0.1 * classifies], draw.integers(2, 10)).tolist())
    )
    options = TrainingOptions.model_validate(
        {
            "batch_size": int(draw.integers(3, 140)),
            "optimizer": str(draw.choice(list(OPTIMIZERS))),
            "clip_norm": float(draw.choice([0.0, 1.0])),
            "l1": float(draw.choice([0.0, 1e-4])),
            "l2": float(draw.choice([0.0, 1e-4])),
            "accumulate_steps": int(draw.choice([1, 1, 3])),
        }
    )
    weight = draw.uniform(0.1, 2.0, rows) if draw.random() < 0.5 else None
    return Plan(
        network=network,
        loss=loss,
        options=options,
        members=members,
        seed=int(draw.integers(0, 1000)),
        train=Rows.of(draw.normal(size=(rows, numbers)), codes, y, weight),
        validation=Rows.of(draw.normal(size=(33, numbers)), codes[:33], y[:33]),
        epochs=2,
        class_weight=draw.uniform(0.5, 2.0, classes) if classifies and draw.random() < 0.5 else None,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description="the stack against PyTorch, and a member against itself alone"
    )
    parser.add_argument("--shapes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print_table(
        f"Largest difference to PyTorch after {STEPS} steps, float64, stack of 4; target {TARGET:g}",
        ("optimizer", "with", "largest difference", "target"),
        references(),
    )
    trainings, compared, differing, controls, equal = bits(asked.shapes, asked.seed)
    print_table(
        "Bits of a member in a stack and alone, float32, random networks",
        ("stacks", "members compared", "members that differ", "another id differs", "target"),
        [
            (
                trainings,
                compared,
                differing,
                f"{controls - equal} of {controls}",
                "met" if not differing else "MISSED",
            )
        ],
    )


if __name__ == "__main__":
    main()
