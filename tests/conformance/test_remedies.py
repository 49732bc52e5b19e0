"""What every remedy must keep: a valid recipe that differs, or the reason why not."""

import copy
import itertools
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from retemper.core import catalogue
from retemper.core.options import Options
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Task
from retemper.doctor.general import AGAINST_OVERFITTING, GENERAL
from retemper.doctor.surgery.losses import ClassLoss
from retemper.doctor.surgery.patient import Patient
from retemper.training.schedules import ENTRIES as SCHEDULES

NAMES = catalogue.names("remedy")
RECIPES: list[dict[str, Any]] = [
    {},
    *({"model": name} for name in catalogue.names("model")),
    *({"training.schedule": name} for name in SCHEDULES),
    *({"training.optimizer": name} for name in catalogue.names("optimizer")),
    {"training.loss": {"name": "cross_entropy", "label_smoothing": 0.1}, "model.dropout": 0.0},
    {"training.epochs": 1, "training.batch_size": 1, "training.clip_norm": 5.0},
    {"data.clean": False, "training.loss": "mse", "training.batch_size": 512},
]
EVIDENCE = [{}, {"best_epoch": 1, "gradient_norm_p90": 1e9}, {"best_epoch": 10**6, "gradient_norm_p90": 0.0}]
PARTS = [
    (name, part)
    for name in NAMES
    for part in ("apply", "mend")
    if hasattr(catalogue.entry("remedy", name), part)
]


OF_A_LOOP = frozenset({"zero_gradients"})
"""What every loop of retemper's does by itself: no recipe has it wrong, and the reason says what to do in one's own."""


@pytest.mark.parametrize("name", sorted(OF_A_LOOP))
def test_what_is_a_matter_of_the_loop_says_so(name: str) -> None:
    for settings in RECIPES:
        with pytest.raises(NotApplicable, match=r"retemper's loop .* in yours call"):
            catalogue.entry("remedy", name).apply(
                Recipe().with_changes(settings), Finding("any", "error", 0.9, "So.")
            )


@pytest.mark.parametrize("name", [name for name, part in PARTS if part == "apply" and name not in OF_A_LOOP])
def test_a_valid_recipe_that_differs_or_the_reason(name: str) -> None:
    module, applied = catalogue.entry("remedy", name), 0
    for settings in RECIPES:
        recipe = Recipe().with_changes(settings)
        for evidence in EVIDENCE:
            finding = Finding("any", "advice", 0.5, "A finding.", evidence)
            try:
                changes = module.apply(recipe, finding)
            except NotApplicable as why:
                assert len(str(why)) >= 10
                continue
            applied += 1
            assert changes and recipe.with_changes(changes) != recipe
            assert all(isinstance(path, str) for path in changes)
    assert applied > 0


@pytest.mark.parametrize("name", NAMES)
def test_form(name: str) -> None:
    module = catalogue.entry("remedy", name)
    assert issubclass(module.Options, Options)
    assert all(field.description for field in module.Options.model_fields.values())
    own = [getattr(module, part) for each, part in PARTS if each == name]
    assert module.__doc__ and own and all("NotApplicable" in done.__doc__ for done in own)


def network(*, deep: bool, squashed: bool, own: bool) -> nn.Module:
    """A few layers, as modules or as a forward pass of its own."""
    if own:
        return Own(squashed)
    body = [nn.Linear(3, 16), nn.ReLU(), nn.Dropout(0.4)]
    body += [layer for _ in range(4 * deep) for layer in (nn.Linear(16, 16), nn.ReLU())]
    return nn.Sequential(*body, nn.Linear(16, 2), *([nn.Softmax(1)] * squashed))


class Own(nn.Module):
    """Functional calls, which no list of modules tells of."""

    def __init__(self, squashed: bool) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        self.squashed = squashed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.last(torch.sigmoid(self.second(functional.relu(self.first(x)))))
        return torch.softmax(x, 1) if self.squashed else x


class Stubborn(nn.Sequential):
    """It learns in evaluation mode whatever a loop says."""

    def train(self, mode: bool = True) -> "Stubborn":
        super().train(False)
        return self


class NeverOff(Own):
    """Its dropout is never off."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(functional.dropout(x, 0.3))


def network_for(remedy: str, *, deep: bool, squashed: bool, own: bool) -> nn.Module:
    """The same, in a mode that is wrong where the remedy is for that."""
    if remedy == "evaluation_mode":
        return NeverOff(squashed)
    plain = network(deep=deep, squashed=squashed, own=own)
    return Stubborn(plain).train() if remedy == "training_mode" else plain


@pytest.mark.parametrize("name", [name for name, part in PARTS if part == "mend"])
def test_a_mended_network_trains_copies_and_saves_or_says_why_not(name: str) -> None:
    module, mended = catalogue.entry("remedy", name), 0
    torch.manual_seed(0)
    x = torch.randn(64, 3) * torch.tensor([1.0, 100.0, 0.01]) + 5
    targets: list[tuple[Task, torch.Tensor, nn.Module]] = [
        ("classification", (torch.arange(64) % 2), nn.CrossEntropyLoss()),
        ("classification", (torch.arange(64) % 2), ClassLoss("logits")),
        ("regression", 1000 + 50 * x[:, :2], nn.MSELoss()),
    ]
    for task, y, loss in targets:
        for deep, squashed, own in itertools.product((False, True), repeat=3):
            patient = Patient(network_for(name, deep=deep, squashed=squashed, own=own), loss, x, y, task)
            next(patient.network.parameters()).requires_grad_(False)
            try:
                new = module.mend(patient, Finding("any", "advice", 0.5, "A finding."))
            except NotApplicable as why:
                assert len(str(why)) >= 10
                continue
            mended += 1
            _assert_trains(new)
    assert mended > 0


def _assert_trains(patient: Patient) -> None:
    net = patient.network.train()
    value = patient.loss(net(patient.x), patient.y)
    value.backward()
    assert torch.isfinite(value) and any(
        p.grad is not None and bool(p.grad.abs().sum() > 0) for p in net.parameters()
    )
    net.eval()
    outputs = net(patient.x)
    assert outputs.shape == (64, 2)
    assert torch.equal(copy.deepcopy(net)(patient.x), outputs)
    again = pickle.loads(pickle.dumps(net))
    assert torch.equal(again(patient.x), outputs) and again.state_dict().keys() == net.state_dict().keys()


def test_every_remedy_is_named() -> None:
    """A remedy that neither a symptom nor the general lists name would never be tried."""
    named = {*GENERAL, *AGAINST_OVERFITTING}
    for code in catalogue.names("symptom"):
        module = catalogue.entry("symptom", code)
        for constant in ("REMEDIES", "STUCK", "STALLED"):
            named |= set(getattr(module, constant, ()))
    assert named == set(NAMES), (named - set(NAMES), set(NAMES) - named)
