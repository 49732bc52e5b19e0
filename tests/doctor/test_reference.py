"""Simple models on the same rows, and the network that stays behind them."""

import pytest
import torch
from torch import nn

from retemper.core.records import NotApplicable
from retemper.doctor.case import Case, Standing
from retemper.doctor.observe.reference import references
from retemper.doctor.observe.standing import best_reference, standing_of
from retemper.doctor.symptoms.below_reference import Options, check

X = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
LEARNT, HELD = slice(0, 140), slice(140, 200)


def reference_of(y: torch.Tensor, task: str, outputs: int) -> Standing:
    """The standing of an untrained network beside the reference."""
    network = nn.Linear(3, outputs)
    nn.init.zeros_(network.weight)
    learnt, held = (X[LEARNT], y[LEARNT]), (X[HELD], y[HELD])
    reference = best_reference(learnt, held, task)  # type: ignore[arg-type]
    return standing_of(network, held, None, "unknown", task, True, reference)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("y", "task", "outputs"),
    [
        ((X[:, 0] > 0.5).long(), "classification", 2),
        ((X[:, :1] > 0.5).float(), "classification", 1),
        (nn.functional.one_hot((3 * X[:, 0]).long(), 3).float(), "classification", 3),
        ((X > 0.5).float(), "multilabel", 3),
        (X[:, :1] * 1e6 + 5e6, "regression", 1),
        (X[:, 0] ** 2, "regression", 1),
    ],
)
def test_what_can_be_learnt_is_learnt(y: torch.Tensor, task: str, outputs: int) -> None:
    standing = reference_of(y, task, outputs)
    assert standing.reference > 0.8
    assert standing.skill <= 0.1
    assert check(Case(standing=standing), Options()) is not None


def test_noise_is_not_learnt() -> None:
    noise = torch.rand(200, 1, generator=torch.Generator().manual_seed(1))
    assert reference_of(noise, "regression", 1).reference < 0.1


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((X, X), X[:, 0]),
        (X[:30], X[:30, 0]),
        (X * torch.nan, X[:, 0]),
        (X, torch.randint(0, 9, (200, 7))),
        (X, -torch.ones(200, dtype=torch.long)),
    ],
)
def test_what_no_simple_model_takes_has_no_reference(x: object, y: torch.Tensor) -> None:
    assert references(x, y, x) == []


def test_a_network_that_keeps_up_is_not_named_and_without_a_reference_it_cannot_be_told() -> None:
    assert (
        check(Case(standing=Standing(0.1, 0.7, accuracy=0.9, majority=0.5, reference=0.9)), Options()) is None
    )
    with pytest.raises(NotApplicable):
        check(Case(standing=Standing(0.1, 0.7, accuracy=0.9, majority=0.5)), Options())
