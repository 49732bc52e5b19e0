"""Right classes in every form that outputs and targets come in."""

import pytest
import torch
from torch import Tensor, nn

from retemper.doctor.case import Wants
from retemper.doctor.observe.shares import right_rows, shares
from retemper.doctor.observe.standing import standing_of
from retemper.doctor.observe.start import task_of

THREE = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.6, 0.1], [0.5, 0.3, 0.2]])
ONE = torch.tensor([[0.4], [0.8], [0.3], [-0.9]])


@pytest.mark.parametrize(
    ("outputs", "y", "wants", "right"),
    [
        (THREE, torch.tensor([0, 2, 1, 1]), "probabilities", 0.75),
        (THREE, nn.functional.one_hot(torch.tensor([0, 2, 1, 1])).float(), "probabilities", 0.75),
        (THREE, 2 * nn.functional.one_hot(torch.tensor([0, 2, 1, 1])).float() - 1, "margins", 0.75),
        (ONE, torch.tensor([[0.0], [1.0], [1.0], [0.0]]), "probabilities", 0.75),
        (ONE, torch.tensor([[0.0], [1.0], [1.0], [0.0]]), "logits", 0.75),
        (ONE, torch.tensor([1.0, 1.0, -1.0, -1.0]), "margins", 0.75),
        (ONE, torch.tensor([1.0, 1.0, -1.0, -1.0]), "values", 0.75),
    ],
)
def test_right_classes(outputs: Tensor, y: Tensor, wants: Wants, right: float) -> None:
    assert shares(outputs, y, wants)[0] == pytest.approx(right)


@pytest.mark.parametrize("axis", [1, 2])
def test_places_of_a_sequence_are_judged_each_and_those_that_are_left_out_not(axis: int) -> None:
    y = torch.tensor([[0, 1, 2, -100], [2, 2, -100, -100]])
    outputs = nn.functional.one_hot(y.clamp(min=0), 3).float()
    outputs[0, 0] = torch.tensor([0.0, 1.0, 0.0])
    outputs = outputs if axis == 2 else outputs.transpose(1, 2)
    right, usual = shares(outputs, y, "logits", axis)
    assert right == pytest.approx(0.8) and usual == pytest.approx(0.6)


def test_a_tagger_of_sequences_has_a_standing() -> None:
    y = torch.randint(0, 3, (20, 5), generator=torch.Generator().manual_seed(0))
    x = nn.functional.one_hot(y, 3).float()
    loss = nn.CrossEntropyLoss()
    own = standing_of(
        nn.Identity(),
        (x, y),
        lambda out, t: loss(out.flatten(0, 1), t.flatten()),
        "logits",
        "classification",
        True,
    )
    assert own.accuracy == 1.0 and own.skill == 1.0


def test_what_does_not_fit_is_not_judged() -> None:
    assert right_rows(THREE, torch.zeros(4, 2), "logits") is None
    assert right_rows(torch.zeros(4, 2, 3), torch.zeros(4, 5, dtype=torch.long), "logits") is None


def test_plus_and_minus_one_are_classes() -> None:
    assert task_of(torch.tensor([1.0, -1.0, 1.0]), None) == "classification"
    assert task_of(torch.tensor([[1.0, -1.0], [1.0, 1.0]]), None) == "multilabel"
    assert task_of(torch.tensor([[1.0], [1.0]]), None) == "classification"
    assert task_of(torch.tensor([[1.0], [-1.0], [0.5]]), None) == "regression"
