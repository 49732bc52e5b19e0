"""The losses against PyTorch's own with autograd, and a member's bits alone against its bits in a stack."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional

from retemper.core.errors import InputError
from retemper.core.recipe_sections import Chosen
from retemper.training import losses
from retemper.training.class_losses import BinaryCrossEntropy, ClassLoss, CrossEntropy
from retemper.training.loss import Loss
from retemper.training.value_losses import Huber, MeanAbsoluteError, MeanSquaredError

VALUE_LOSSES = [MeanSquaredError(), MeanAbsoluteError(), Huber(delta=0.7)]


def held(
    loss: Loss, outputs: Tensor, target: Tensor, weight: Tensor | None = None, **options: Any
) -> tuple[Tensor, Tensor]:
    """The loss of outputs and its gradient."""
    weight = torch.ones(target.shape, dtype=outputs.dtype) if weight is None else weight
    return loss.value_and_gradient(outputs, loss.goal(target, weight, outputs.shape[2], **options))


def draw(loss: Loss, shape: tuple[int, int, int], dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Outputs ``[M, B, O]`` and targets ``[M, B]`` for a loss; shape is (M, B, C)."""
    random = torch.Generator().manual_seed(seed)
    members, rows, classes = shape
    width = classes if isinstance(loss, CrossEntropy) else 1
    outputs = 3 * torch.randn(members, rows, width, dtype=dtype, generator=random)
    if isinstance(loss, ClassLoss):
        return outputs, torch.randint(0, classes, (members, rows), generator=random)
    return outputs, torch.randn(members, rows, dtype=dtype, generator=random)


def reference_gradient(outputs: Tensor, losses_of_members: list[Tensor]) -> Tensor:
    return torch.autograd.grad(torch.stack(losses_of_members).sum(), outputs)[0]


def assert_same(got: tuple[Tensor, Tensor], outputs: Tensor, members: list[Tensor]) -> None:
    value, gradient = got
    torch.testing.assert_close(value, torch.stack(members).detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, reference_gradient(outputs, members), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_pytorchs(classes: int, smoothing: float, weighted: bool) -> None:
    loss = CrossEntropy(label_smoothing=smoothing)
    outputs, target = draw(loss, (3, 7, classes), torch.float64)
    class_weight = torch.linspace(0.5, 2, classes, dtype=torch.float64) if weighted else None
    z = outputs.clone().requires_grad_()
    members = [
        functional.cross_entropy(z[m], target[m], weight=class_weight, label_smoothing=smoothing)
        for m in range(3)
    ]
    assert_same(held(loss, outputs, target, class_weight=class_weight), z, members)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_with_row_weights_is_the_weighted_mean(smoothing: float) -> None:
    loss = CrossEntropy()
    outputs, target = draw(loss, (2, 7, 4), torch.float64)
    class_weight = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    weight = torch.rand(2, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z = outputs.clone().requires_grad_()
    members = []
    for m in range(2):
        row = functional.cross_entropy(
            z[m], target[m], weight=class_weight, label_smoothing=smoothing, reduction="none"
        )
        members.append((row * weight[m]).sum() / (weight[m] * class_weight[target[m]]).sum())
    found = held(loss, outputs, target, weight, class_weight=class_weight, smoothing=smoothing)
    assert_same(found, z, members)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy_is_cross_entropy_over_zero_and_z(smoothing: float, weighted: bool) -> None:
    loss = BinaryCrossEntropy(label_smoothing=smoothing)
    outputs, target = draw(loss, (3, 9, 2), torch.float64)
    class_weight = torch.tensor([0.5, 3.0], dtype=torch.float64) if weighted else None
    z = outputs.clone().requires_grad_()
    pair = torch.cat([torch.zeros_like(z), z], -1)
    members = [
        functional.cross_entropy(pair[m], target[m], weight=class_weight, label_smoothing=smoothing)
        for m in range(3)
    ]
    assert_same(held(loss, outputs, target, class_weight=class_weight), z, members)


def test_binary_cross_entropy_is_pytorchs_and_stays_finite_far_out() -> None:
    z = torch.tensor([[[-800.0], [-30.0], [0.0], [30.0], [800.0]]], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[0, 1, 1, 0, 0]])
    member = functional.binary_cross_entropy_with_logits(z[0, :, 0], target[0].double())
    assert_same(held(BinaryCrossEntropy(), z.detach(), target), z, [member])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", VALUE_LOSSES, ids=lambda loss: type(loss).__name__)
def test_value_losses_are_pytorchs(loss: Loss, weighted: bool) -> None:
    outputs, target = draw(loss, (3, 9, 1), torch.float64)
    weight = torch.linspace(0, 2, 27, dtype=torch.float64).reshape(3, 9) if weighted else None
    z = outputs.clone().requires_grad_()
    members = []
    for m in range(3):
        row = {
            "MeanSquaredError": lambda a, b: functional.mse_loss(a, b, reduction="none"),
            "MeanAbsoluteError": lambda a, b: functional.l1_loss(a, b, reduction="none"),
            "Huber": lambda a, b: functional.huber_loss(a, b, reduction="none", delta=0.7),
        }[type(loss).__name__](z[m, :, 0], target[m])
        members.append(row.mean() if weight is None else (row * weight[m]).sum() / weight[m].sum())
    assert_same(held(loss, outputs, target, weight), z, members)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 3, 10, 100])
@pytest.mark.parametrize("loss", [CrossEntropy(), *VALUE_LOSSES], ids=lambda loss: type(loss).__name__)
def test_a_member_has_the_same_bits_alone(loss: Loss, classes: int, dtype: torch.dtype) -> None:
    for members in (1, 2, 5, 16):
        for rows in (1, 7, 31, 33):
            _assert_same_bits(loss, (members, rows, classes), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_binary_member_has_the_same_bits_alone(dtype: torch.dtype) -> None:
    for members in (2, 5, 16):
        for rows in (1, 7, 31, 33, 127):
            _assert_same_bits(BinaryCrossEntropy(), (members, rows, 2), dtype)


def _assert_same_bits(loss: Loss, shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    outputs, target = draw(loss, shape, dtype, seed=shape[0] * 100 + shape[1])
    weight = torch.rand(shape[:2], dtype=dtype, generator=torch.Generator().manual_seed(3))
    smoothing = torch.linspace(0, 0.2, shape[0], dtype=dtype).unsqueeze(1)
    options: list[dict[str, Tensor]] = [{}, {"weight": weight}]
    if isinstance(loss, ClassLoss):
        class_weight = torch.linspace(0.5, 2, shape[2], dtype=dtype)
        options += [{"smoothing": smoothing}, {"class_weight": class_weight}]
        options += [{"smoothing": smoothing, "weight": weight, "class_weight": class_weight}]
    for option in options:
        together = held(loss, outputs, target, **option)
        for m in range(shape[0]):
            own = {k: v if k == "class_weight" else v[m : m + 1].clone() for k, v in option.items()}
            alone = held(loss, outputs[m : m + 1].clone(), target[m : m + 1].clone(), **own)
            assert torch.equal(together[0][m], alone[0][0])
            assert torch.equal(together[1][m], alone[1][0])


@pytest.mark.parametrize("loss", [CrossEntropy(), BinaryCrossEntropy()], ids=lambda loss: type(loss).__name__)
def test_zero_smoothing_as_a_number_has_the_bits_of_zero_as_a_tensor(loss: Loss) -> None:
    outputs, target = draw(loss, (3, 33, 2), torch.float32)
    number = held(loss, outputs, target, smoothing=0.0)
    tensor = held(loss, outputs, target, smoothing=torch.zeros(3, 1))
    assert torch.equal(number[0], tensor[0]) and torch.equal(number[1], tensor[1])


@pytest.mark.parametrize(
    "loss", [CrossEntropy(), BinaryCrossEntropy(), *VALUE_LOSSES], ids=lambda loss: type(loss).__name__
)
def test_rows_average_to_the_value_and_targets_may_be_shared(loss: Loss) -> None:
    outputs, target = draw(loss, (4, 11, 2), torch.float64)
    shared = target[0]
    value, gradient = held(loss, outputs, shared.expand(4, 11))
    torch.testing.assert_close(loss.rows(outputs, shared).mean(-1), value)
    full = held(loss, outputs, shared.expand(4, 11).clone())
    assert torch.equal(full[1], gradient)


@pytest.mark.parametrize(
    "loss", [CrossEntropy(), BinaryCrossEntropy(), *VALUE_LOSSES], ids=lambda loss: type(loss).__name__
)
def test_a_batch_of_zero_weights_changes_nothing(loss: Loss) -> None:
    outputs, target = draw(loss, (2, 5, 2), torch.float32)
    value, gradient = held(loss, outputs, target, torch.zeros(2, 5))
    assert not value.any() and not gradient.any()


def test_label_smoothing_of_the_options_is_used() -> None:
    outputs, target = draw(CrossEntropy(), (1, 5, 3), torch.float64)
    by_option = held(CrossEntropy(label_smoothing=0.2), outputs, target)
    by_argument = held(CrossEntropy(), outputs, target, smoothing=0.2)
    assert torch.equal(by_option[1], by_argument[1])


def test_gradients_of_micro_batches_add_up_to_the_whole_gradient() -> None:
    loss, class_weight = CrossEntropy(), torch.tensor([1.0, 5.0, 2.0], dtype=torch.float64)
    outputs, target = draw(loss, (2, 8, 3), torch.float64)
    goal = loss.goal(target, torch.rand(2, 8, dtype=torch.float64), 3, class_weight)
    whole = loss.value_and_gradient(outputs, goal)[1]
    for part in (slice(0, 3), slice(3, 8)):
        own = loss.value_and_gradient(outputs[:, part], goal.of(part))[1]
        torch.testing.assert_close(own, whole[:, part])


def test_activation_gives_probabilities_or_values() -> None:
    z = torch.tensor([[[-2.0], [900.0]]])
    probabilities = BinaryCrossEntropy().activate(z)
    assert probabilities.shape == (1, 2, 2)
    torch.testing.assert_close(probabilities[..., 1], torch.sigmoid(z[..., 0]))
    three = CrossEntropy().activate(torch.randn(2, 5, 3))
    torch.testing.assert_close(three.sum(-1), torch.ones(2, 5))
    assert MeanSquaredError().activate(z).tolist() == [[-2.0, 900.0]]
    outputs = [loss.n_outputs(7) for loss in (CrossEntropy(), BinaryCrossEntropy(), Huber())]
    assert outputs == [7, 1, 1]


def test_expected_initial_is_the_loss_of_the_prior_alone() -> None:
    frequencies = np.array([0.5, 0.3, 0.2])
    target = torch.tensor([[0] * 5 + [1] * 3 + [2] * 2])
    outputs = torch.tensor(np.log(frequencies)).expand(1, 10, 3)
    for options in ({}, {"label_smoothing": 0.1}, {"label_smoothing": 0.1, "class_weights": "balanced"}):
        loss = CrossEntropy(**options)
        weights = loss.class_weight(["a", "b", "c"], frequencies)
        tensor = None if weights is None else torch.tensor(weights)
        observed = held(loss, outputs, target, class_weight=tensor)[0].item()
        assert loss.expected_initial(frequencies, weights) == pytest.approx(observed, rel=1e-12)
    assert CrossEntropy().expected_initial([0.25] * 4) == pytest.approx(math.log(4))


@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0])
def test_expected_initial_of_a_normal_target(sigma: float) -> None:
    target = torch.tensor(np.random.default_rng(0).normal(2, sigma, (1, 200_000)))
    outputs = torch.full((1, 200_000, 1), 2.0, dtype=torch.float64)
    for loss in VALUE_LOSSES:
        observed = held(loss, outputs, target)[0].item()
        assert loss.expected_initial([2.0, sigma]) == pytest.approx(observed, rel=0.02)


def test_class_weights() -> None:
    assert CrossEntropy().class_weight(["a", "b"], [0.9, 0.1]) is None
    named = CrossEntropy(class_weights={"b": 3}).class_weight(["a", "b"], [0.9, 0.1])
    assert named is not None and named.tolist() == [1.0, 3.0]
    with pytest.raises(InputError, match="does not have: 'bb'"):
        CrossEntropy(class_weights={"bb": 3}).class_weight(["a", "b"], [0.9, 0.1])
    for bad in ({"a": 0}, {"a": float("inf")}, "equal"):
        with pytest.raises(ValidationError):
            CrossEntropy(class_weights=bad)


def test_value_losses_refuse_options_of_classes() -> None:
    outputs, target = draw(MeanSquaredError(), (1, 3, 1), torch.float32)
    with pytest.raises(ValueError, match="losses of classes"):
        held(MeanSquaredError(), outputs, target, smoothing=0.1)
    with pytest.raises(ValueError, match="losses of classes"):
        MeanSquaredError().rows(outputs, target, torch.ones(2))


def chosen(name: str, **options: object) -> Chosen:
    return Chosen(family="loss", name=name, options=losses.ENTRIES[name](**options))


def test_resolve() -> None:
    picked = losses.resolve(chosen("auto", label_smoothing=0.1), "classification", 3)
    assert picked == CrossEntropy(label_smoothing=0.1)
    assert losses.resolve(chosen("auto"), "regression", 0) == MeanSquaredError()
    assert losses.resolve(chosen("huber", delta=2.0), "regression", 0) == Huber(delta=2.0)
    for wrong, task, n in [
        (chosen("mse"), "classification", 2),
        (chosen("cross_entropy"), "regression", 0),
        (chosen("binary_cross_entropy"), "classification", 3),
        (chosen("auto", label_smoothing=0.1), "regression", 0),
    ]:
        with pytest.raises(InputError) as caught:
            losses.resolve(wrong, task, n)
        assert caught.value.code == "loss_mismatch"
