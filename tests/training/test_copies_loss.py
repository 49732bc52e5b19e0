"""The loss of a network with copies against PyTorch's own losses, copy by copy."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from retemper.training.class_losses import BinaryCrossEntropy, CrossEntropy
from retemper.training.copies_loss import CopiesLoss
from retemper.training.loss import Loss
from retemper.training.value_losses import Huber, MeanAbsoluteError, MeanSquaredError

MEMBERS, ROWS, COPIES = 2, 9, 3
LOSSES: list[tuple[Loss, int]] = [
    (CrossEntropy(), 4),
    (BinaryCrossEntropy(), 2),
    (MeanSquaredError(), 0),
    (MeanAbsoluteError(), 0),
    (Huber(delta=0.5), 0),
]
every_loss = pytest.mark.parametrize(("loss", "classes"), LOSSES)


def case(loss: Loss, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs [M, B, copies·O] far enough apart to tell the copies, targets and weights [M, B]."""
    draw = torch.Generator().manual_seed(1)
    shape = (MEMBERS, ROWS, COPIES * loss.n_outputs(classes))
    outputs = 2 * torch.randn(shape, generator=draw, dtype=torch.float64)
    target = torch.randn((MEMBERS, ROWS), generator=draw, dtype=torch.float64)
    if classes:
        target = torch.randint(classes, (MEMBERS, ROWS), generator=draw)
    return outputs, target, torch.rand((MEMBERS, ROWS), generator=draw, dtype=torch.float64)


def of_copies(outputs: Tensor) -> list[Tensor]:
    return list(outputs.chunk(COPIES, 2))


@every_loss
def test_in_training_each_copy_has_its_own_loss(loss: Loss, classes: int) -> None:
    outputs, target, weight = case(loss, classes)
    options: dict[str, Any] = {}
    if classes:
        options = {
            "class_weight": torch.linspace(0.5, 2, classes, dtype=torch.float64),
            "smoothing": torch.tensor([[0.0], [0.2]], dtype=torch.float64),
        }
    goal = loss.goal(target, weight, outputs.shape[2] // COPIES, **options)
    value, gradient = CopiesLoss(loss, COPIES).value_and_gradient(outputs, goal)
    own = [loss.value_and_gradient(part, goal) for part in of_copies(outputs)]
    torch.testing.assert_close(value, torch.stack([one for one, _ in own]).mean(0))
    torch.testing.assert_close(gradient, torch.cat([one / COPIES for _, one in own], 2))
    assert gradient.shape == outputs.shape


@every_loss
def test_they_predict_their_mean(loss: Loss, classes: int) -> None:
    outputs, _, _ = case(loss, classes)
    mean = torch.stack([loss.activate(part) for part in of_copies(outputs)]).mean(0)
    torch.testing.assert_close(CopiesLoss(loss, COPIES).activate(outputs), mean)


@every_loss
def test_in_evaluation_the_loss_is_that_of_their_mean(loss: Loss, classes: int) -> None:
    outputs, target, _ = case(loss, classes)
    copies = CopiesLoss(loss, COPIES)
    rows, mean = copies.rows(outputs, target), copies.activate(outputs)
    if classes:
        wanted = functional.nll_loss(mean.log().flatten(0, 1), target.flatten(), reduction="none")
    else:
        wanted = loss.rows(mean.unsqueeze(2), target).flatten()
    torch.testing.assert_close(rows.flatten(), wanted)
    alone = torch.stack([loss.rows(part, target) for part in of_copies(outputs)]).mean(0)
    assert (rows < alone).all() or not classes, "a mean is better than the mean of losses (Jensen)"


def test_far_outputs_stay_finite() -> None:
    outputs = torch.tensor([[[900.0, -900.0, 800.0, -800.0]]])
    assert CopiesLoss(CrossEntropy(), 2).rows(outputs, torch.tensor([[1]])).item() == pytest.approx(
        1600.693, rel=1e-5
    )
    assert CopiesLoss(BinaryCrossEntropy(), 2).rows(outputs[:, :, :2], torch.tensor([[0]])).isfinite().all()
