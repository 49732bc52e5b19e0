"""Losses are asked what they want, whatever they are made of."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from retemper.core.records import NotApplicable
from retemper.doctor.observe.loss_kind import ask

GENERATOR = torch.Generator().manual_seed(0)
ONE = 0.1 * torch.randn(90, 1, generator=GENERATOR)
FIVE = 0.1 * torch.randn(90, 5, generator=GENERATOR)
BITS = (torch.rand(90, 1, generator=GENERATOR) > 0.4).float()
CODES = torch.randint(0, 5, (90,), generator=GENERATOR)
SHARES = functional.one_hot(CODES, 5).float()
SEVERAL = (torch.rand(90, 5, generator=GENERATOR) > 0.7).float()
VALUES = 200 + 30 * torch.randn(90, 1, generator=GENERATOR)
WEIGHT = nn.Linear(3, 3).weight


def focal(outputs, target):
    each = functional.cross_entropy(outputs, target, reduction="none")
    return ((1 - torch.exp(-each)) ** 2 * each).mean()


def clamped(outputs, target):
    p = outputs.clamp(1e-7, 1 - 1e-7)
    return -(target * p.log() + (1 - target) * (1 - p).log()).mean()


def normalised(outputs, target):
    p = (outputs / outputs.sum(-1, keepdim=True)).clamp(1e-7, 1)
    return -(target * p.log()).sum(-1).mean()


def penalised(outputs, target):
    return functional.cross_entropy(outputs, target) + 30 * (WEIGHT**2).sum()


def pinball(outputs, target):
    return torch.maximum(0.9 * (target - outputs), 0.1 * (outputs - target)).mean()


WANTS = {
    "mse": (nn.MSELoss(), ONE, VALUES, "values"),
    "mae": (nn.L1Loss(), ONE, VALUES, "values"),
    "huber": (nn.HuberLoss(), ONE, VALUES, "values"),
    "pinball": (pinball, ONE, VALUES, "values"),
    "mse of bits": (nn.MSELoss(), ONE, BITS, "values"),
    "mse of shares": (nn.MSELoss(), FIVE, SHARES, "values"),
    "double": (nn.MSELoss(), ONE.double(), VALUES.double(), "values"),
    "bce": (nn.BCELoss(), ONE.sigmoid(), BITS, "probabilities"),
    "bce that refuses": (nn.BCELoss(), 30 * ONE, BITS, "probabilities"),
    "clamped": (clamped, ONE, BITS, "probabilities"),
    "clamped, classes even": (clamped, ONE[:80], torch.arange(80.0)[:, None] % 2, "probabilities"),
    "normalised": (normalised, FIVE, SHARES, "probabilities"),
    "several labels": (nn.BCELoss(), FIVE.sigmoid(), SEVERAL, "probabilities"),
    "logits": (nn.BCEWithLogitsLoss(), ONE, BITS, "logits"),
    "weighted logits": (nn.BCEWithLogitsLoss(pos_weight=torch.tensor([7.0])), ONE, BITS, "logits"),
    "logits of several": (nn.BCEWithLogitsLoss(), FIVE, SEVERAL, "logits"),
    "cross-entropy": (nn.CrossEntropyLoss(weight=torch.rand(5), label_smoothing=0.1), FIVE, CODES, "logits"),
    "focal": (focal, FIVE, CODES, "logits"),
    "penalised": (penalised, FIVE, CODES, "logits"),
    "nll": (nn.NLLLoss(), FIVE, CODES, "log_probabilities"),
    "kl": (nn.KLDivLoss(reduction="batchmean"), FIVE, 0.9 * SHARES + 0.02, "log_probabilities"),
    "critic": (lambda outputs, target: -outputs.mean(), FIVE, CODES, "unknown"),
}


@pytest.mark.parametrize("name", WANTS)
def test_wants(name: str) -> None:
    loss, outputs, target, wants = WANTS[name]
    assert ask(loss, outputs, target).wants == wants


def test_the_axis_of_the_classes() -> None:
    words = torch.randn(12, 7, 6, generator=GENERATOR)
    target = torch.randint(0, 6, (12, 7), generator=GENERATOR)
    last = ask(lambda o, y: functional.cross_entropy(o.reshape(-1, 6), y.reshape(-1)), words, target)
    assert (last.wants, last.axis) == ("logits", 2)
    pixels = ask(nn.CrossEntropyLoss(), words.transpose(1, 2)[..., None], target[..., None])
    assert (pixels.wants, pixels.axis) == ("logits", 1)
    assert pixels.even == pytest.approx(math.log(6))


def test_broadcasting_is_found_only_where_shapes_differ() -> None:
    assert ask(nn.MSELoss(), ONE, VALUES[:, 0]).broadcasts
    assert not ask(nn.MSELoss(), ONE, VALUES).broadcasts
    assert not ask(nn.CrossEntropyLoss(), FIVE, CODES).broadcasts
    as_sets = ask(lambda o, y: (o.mean() - y.mean()) ** 2, ONE, VALUES)
    assert not as_sets.broadcasts
    assert not ask(lambda o, y: (o**2).mean(), ONE, CODES).broadcasts


def test_levels() -> None:
    facts = ask(nn.CrossEntropyLoss(), FIVE, CODES)
    counts = torch.bincount(CODES) / len(CODES)
    assert facts.trivial == pytest.approx(float(-(counts * counts.log()).sum()), abs=1e-4)
    assert facts.even == pytest.approx(math.log(5)) and not facts.sums
    assert facts.initial == pytest.approx(float(functional.cross_entropy(FIVE, CODES)))
    summed = ask(nn.MSELoss(reduction="sum"), ONE, VALUES)
    assert summed.sums and summed.trivial == pytest.approx(
        float(((VALUES - VALUES.mean()) ** 2).sum()), rel=1e-4
    )


def test_objects_that_hold_the_outputs() -> None:
    class Output:
        def __init__(self, logits):
            self.logits = logits

    assert (
        ask(lambda o, y: functional.cross_entropy(o["logits"], y), {"logits": FIVE}, CODES).wants == "logits"
    )
    assert ask(lambda o, y: functional.cross_entropy(o.logits, y), Output(FIVE), CODES).wants == "logits"
    assert ask(lambda o, y: functional.mse_loss(o[0], y), (ONE, "more"), VALUES).wants == "values"


def test_what_can_not_be_asked_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="missing 2 required"):
        ask(nn.CTCLoss(), FIVE, CODES)
    with pytest.raises(NotApplicable, match="no tensor"):
        ask(nn.MSELoss(), "words", VALUES)

    def broken(outputs, target):
        raise KeyError("anything at all")

    with pytest.raises(NotApplicable, match="anything at all"):
        ask(broken, ONE, VALUES)


def test_a_loss_with_a_memory_is_left_as_it_is() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(()))
            self.calls = 0

        def forward(self, outputs, target):
            self.calls += 1
            self.mean += outputs.mean()
            return functional.mse_loss(outputs + 0.0 * torch.rand(1), target)

    loss, state = Counting(), torch.get_rng_state()
    assert ask(loss, ONE, VALUES).wants == "values"
    assert loss.calls == 0 and float(loss.mean) == 0
    assert torch.equal(torch.get_rng_state(), state)


def test_wide_outputs_cost_no_more() -> None:
    words = torch.randn(64, 32, 200, generator=GENERATOR)
    asked = []

    def loss(outputs, target):
        asked.append(outputs.numel())
        return functional.cross_entropy(outputs.transpose(1, 2), target)

    facts = ask(loss, words, torch.randint(0, 200, (64, 32), generator=GENERATOR))
    assert (facts.wants, facts.axis) == ("logits", 2)
    assert sum(asked[1:]) / len(asked) < 150_000
