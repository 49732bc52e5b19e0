"""What every model must keep on every front: right gradients, clean padding, bits that nobody else touches."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from retemper.core.catalogue import names, options_class
from retemper.training.draws import EpochDraws
from retemper.training.engines import ENGINES
from retemper.training.plan import Fit, Plan, predict
from retemper.training.stack import Layout, Member, Stack

FRONTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "numbers": ({}, {}),
    "embeddings": ({}, {"cardinalities": (3, 20)}),
    "levels": ({}, {"cardinalities": (4,), "one_hot": (2, 9)}),
    "periodic": (
        {"periodic_frequencies": 3, "periodic_units": 2, "periodic_sigma": 0.5},
        {"cardinalities": (4,)},
    ),
}
SMALL: dict[str, dict[str, Any]] = {
    "linear": {},
    "mlp": {"width": 50, "depth": 2},
    "residual_mlp": {"width": 18, "expansion": 1.5},
    "tabm": {"width": 18, "copies": 3},
    "ft_transformer": {"heads": 2, "most_tokens": 3},
}
MODELS = names("model")
MEMBERS = (
    Member(11, 3e-3, weight_decay=0.1, dropout=0.2),
    Member(4, 1e-2, dropout=0.5, label_smoothing=0.1),
    Member(8, 1e-3),
    Member(0, 3e-2, weight_decay=0.01, label_smoothing=0.05),
    Member(23, 5e-3, weight_decay=1.0, dropout=0.05),
)
PLAIN = tuple(replace(member, label_smoothing=0.0) for member in MEMBERS)

model_by_front = pytest.mark.parametrize("front", FRONTS)
every_model = pytest.mark.parametrize("model", MODELS)


def model_of(name: str, front: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A small model of the name with the front's options, and the columns of levels that its rows have."""
    options, levels = FRONTS[front]
    known = options_class("model", name).model_fields
    return {"name": name, **SMALL[name], **{k: v for k, v in options.items() if k in known}}, levels


def gradients(plan: Plan, engine: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses and gradients of one batch in which every parameter is away from its start."""
    stack = Stack(plan.network, plan.members, dtype=torch.float64)
    stack.initialise(plan.options.initialiser.options, plan.seed, head_scale=0.1)
    noise = torch.randn(stack.buffers["parameters"].shape, generator=torch.Generator().manual_seed(0))
    stack.buffers["parameters"] += 0.1 * noise * stack.layout.true_places()
    rows, members = plan.train, len(stack)
    x, codes = rows.x[:64].expand(members, -1, -1), rows.codes[:64].expand(members, -1, -1)
    smoothing = torch.tensor([[member.label_smoothing] for member in plan.members])
    goal = plan.network_loss.goal(
        rows.y[:64].expand(members, -1),
        rows.weight[:64].expand(members, -1),
        plan.network.head.outputs,
        None,
        smoothing if smoothing.any() else None,
    )
    loss = partial(plan.network_loss.value_and_gradient, goal=goal)
    draws = EpochDraws(stack, plan.seed, 0, torch.float64)
    value = ENGINES[engine](stack, stack.parameters, x, codes, draws, loss)
    return value, stack.buffers["gradients"]


@every_model
@model_by_front
@pytest.mark.parametrize("classes", [0, 3])
def test_gradients_written_out_are_autograds(problem: Any, model: str, front: str, classes: int) -> None:
    options, levels = model_of(model, front)
    case = problem(classes=classes, bins=(3, 0), **levels, dtype=torch.float64)
    plan = case.plan(options, MEMBERS if classes else PLAIN)
    value, dense = gradients(plan, "dense")
    reference, by_autograd = gradients(plan, "autograd")
    assert torch.equal(value, reference) and by_autograd.abs().sum(1).min() > 0.1
    torch.testing.assert_close(dense, by_autograd, rtol=1e-10, atol=1e-10)
    for name, own in Layout(plan.network).views(dense).items():
        assert own.any(), f"{name} learns nothing"


@pytest.mark.parametrize(
    "model", [m for m in MODELS if "activation" in options_class("model", m).model_fields]
)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "silu", "gelu", "tanh"])
def test_gradients_of_every_activation(problem: Any, model: str, activation: str) -> None:
    options = {"name": model, **SMALL[model], "activation": activation}
    plan = problem(dtype=torch.float64).plan(options, MEMBERS)
    torch.testing.assert_close(
        gradients(plan, "dense")[1], gradients(plan, "autograd")[1], rtol=1e-10, atol=1e-10
    )


@every_model
@model_by_front
def test_padding_stays_zero(problem: Any, train: Any, model: str, front: str) -> None:
    options, levels = model_of(model, front)
    case = problem(bins=(3, 0), **levels)
    training, _ = train(case.plan(options, MEMBERS, epochs=4, l1=1e-3, l2=1e-2, clip_norm=1.0))
    assert training.step == 20
    true = training.stack.layout.true_places()
    for name, buffer in training.stack.buffers.items():
        assert not buffer[:, ~true].any(), f"padding of {name}"
        assert name == "gradients" or buffer[:, true].any()


@every_model
def test_rows_lose_and_gain_their_padding(problem: Any, train: Any, model: str) -> None:
    options, levels = model_of(model, "periodic")
    plan = problem(bins=(3, 0), **levels).plan(options, MEMBERS[:1], epochs=1)
    row = train(plan)[1][0].row
    layout = Layout(plan.network)
    tensors = layout.unpadded(row)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        parameter.name: parameter.shape for parameter in plan.network.parameters
    }
    assert torch.equal(layout.row(tensors, torch.float32), row)


def assert_same_bits(plan: Plan, fits: list[Fit], others: list[Fit]) -> None:
    """Parameters, history and predictions of the same members, to the last bit."""
    by_id = {fit.member.id: fit for fit in others}
    outputs = predict(plan.network, torch.stack([fit.row for fit in fits]), plan.validation, plan.loss)
    for fit, own in zip(fits, outputs, strict=True):
        other = by_id[fit.member.id]
        assert torch.equal(fit.row, other.row)
        assert (fit.best_epoch, fit.epochs, fit.val_loss) == (other.best_epoch, other.epochs, other.val_loss)
        assert fit.history == other.history
        alone = predict(plan.network, other.row.unsqueeze(0), plan.validation, plan.loss)[0]
        assert torch.equal(own, alone)


SIZES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # (of the problem, of the training)
    "1 input, 2 classes, batch 7": ({"width": 1, "classes": 2, "rows": 30}, {"batch_size": 7}),
    "3 inputs, 3 classes, batch 100": (
        {"width": 3, "classes": 3, "rows": 230, "class_weight": (1.0, 2.5, 0.5)},
        {"batch_size": 100, "clip_norm": 0.5, "accumulate_steps": 3},
    ),
    "13 inputs, 10 classes": (
        {"width": 13, "classes": 10},
        {"l1": 1e-4, "l2": 1e-3, "optimizer": "nesterov"},
    ),
    "1 output for 2 classes": ({"classes": 2}, {"loss": "binary_cross_entropy", "optimizer": "rmsprop"}),
    "regression": ({"width": 13, "classes": 0}, {"loss": "huber", "clip_norm": 1.0}),
}


@every_model
@model_by_front
@pytest.mark.parametrize("size", SIZES)
def test_a_member_has_its_bits_in_any_company(
    problem: Any, train: Any, model: str, front: str, size: str
) -> None:
    options, levels = model_of(model, front)
    of_problem, of_training = SIZES[size]
    case = problem(bins=(3, 0), **levels, **of_problem)
    members = MEMBERS if case.classes else PLAIN
    plan = case.plan(options, members, epochs=2, **of_training)
    _, together = train(plan)
    alone = [train(replace(plan, members=(member,)))[1][0] for member in members]
    assert_same_bits(plan, together, alone)
    _, backwards = train(replace(plan, members=members[::-1]))
    assert_same_bits(plan, together, backwards)


@every_model
def test_a_member_meets_its_own_rows_only(problem: Any, train: Any, model: str) -> None:
    options, _ = model_of(model, "numbers")
    plan = problem().plan(options, MEMBERS[:3], epochs=2)
    halves = (np.arange(75), np.arange(75, 150), np.arange(0, 150, 2))
    _, together = train(replace(plan, subsets=halves))
    assert len({row["step"] for fit in together for row in fit.history}) == 2
    for slot, half in enumerate(halves):
        rows = plan.train
        weight = torch.zeros_like(rows.weight)
        weight[half] = rows.weight[half]
        masked = replace(rows, weight=weight)  # a row of others would now change the mean
        _, alone = train(replace(plan, members=MEMBERS[slot : slot + 1], subsets=(half,), train=masked))
        assert_same_bits(plan, together[slot : slot + 1], alone)


@every_model
def test_a_member_keeps_its_bits_while_others_drop_out(problem: Any, train: Any, model: str) -> None:
    options, levels = model_of(model, "embeddings")
    case = problem(bins=(3, 0), **levels)
    members = tuple(replace(member, learning_rate=member.learning_rate * 10) for member in MEMBERS)
    plan = case.plan(options, members, epochs=30, patience_epochs=2, schedule="on_plateau")
    _, together = train(plan)
    assert len({fit.epochs for fit in together}) > 2, "the stack must shrink in several steps"
    alone = [train(replace(plan, members=(member,)))[1][0] for member in members]
    assert_same_bits(plan, together, alone)


@every_model
def test_products_in_bfloat16_learn_too(problem: Any, train: Any, model: str) -> None:
    options, levels = model_of(model, "periodic")
    case = problem(bins=(3, 0), **levels)
    members = (Member(1, 2e-2), Member(2, 1e-2, dropout=0.1))
    training, fits = train(case.plan(options, members, epochs=15, mixed_precision="on"))
    assert training.compute_dtype == torch.bfloat16
    assert {buffer.dtype for buffer in training.stack.buffers.values()} == {torch.float32}
    for fit in fits:
        assert fit.history[-1]["train_loss"] < 0.8 * fit.history[0]["train_loss"]
