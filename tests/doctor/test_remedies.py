"""What each remedy changes, and where it ends."""

from typing import Any

import pytest
import torch
from torch import nn

from retemper.core import catalogue
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.surgery.patient import Patient

FINDING = Finding("any", "advice", 0.5, "A finding.", {"best_epoch": 8, "gradient_norm_p90": 0.4})
RATE = "training.optimizer.learning_rate"
DECAY = "training.optimizer.weight_decay"


def apply(name: str, finding: Finding = FINDING, **settings: Any) -> dict[str, Any]:
    recipe = Recipe().with_changes({key.replace("__", "."): value for key, value in settings.items()})
    changes: dict[str, Any] = catalogue.entry("remedy", name).apply(recipe, finding)
    return changes


def test_one_change_each() -> None:
    assert apply("train_longer", training__epochs=30) == {"training.epochs": 60}
    assert apply("stop_earlier", training__epochs=60) == {"training.epochs": 10}
    assert apply("lower_learning_rate", training__optimizer__learning_rate=0.3) == {RATE: 0.1}
    assert apply("raise_learning_rate", training__optimizer__learning_rate=0.1) == {RATE: 0.3}
    assert apply("larger_batch", training__batch_size=100) == {"training.batch_size": 200}
    assert apply("more_capacity", model__width=100) == {"model.width": 200}
    assert apply("more_capacity", model__widths=[64, 2000]) == {"model.widths": [128, 2048]}
    assert apply("less_capacity", model__width=100) == {"model.width": 50}
    assert apply("clip_gradients") == {"training.clip_norm": 0.4}
    assert apply("clip_gradients", training__clip_norm=3.0) == {"training.clip_norm": 1.0}
    assert apply("warm_up_longer") == {"training.schedule.warmup_fraction": 0.05}


def test_regularise_more_takes_dropout_first_then_decay() -> None:
    assert apply("regularise_more", model__dropout=0.45) == {"model.dropout": 0.5}
    decay = {"model__dropout": 0.5, "training__optimizer__weight_decay": 0.02}
    assert apply("regularise_more", **decay) == {DECAY: 0.06}
    linear = {"model": "linear", "training__optimizer__weight_decay": 0.0}
    assert apply("regularise_more", **linear) == {DECAY: 0.01}
    with pytest.raises(NotApplicable, match="already"):
        apply("regularise_more", model__dropout=0.5, training__optimizer__weight_decay=1.0)


def test_less_regularisation_takes_the_strongest_brake() -> None:
    assert apply("less_regularisation", model__dropout=0.2, training__l2=0.1) == {"model.dropout": 0.1}
    free = {"model__dropout": 0.0, "training__optimizer__weight_decay": 0.0}
    assert apply("less_regularisation", **free, training__l1=0.1) == {"training.l1": 0.0}
    smoothed = apply("less_regularisation", **free, training__loss__label_smoothing=0.1)
    assert smoothed == {"training.loss.label_smoothing": 0.05}
    with pytest.raises(NotApplicable, match="no regularisation"):
        apply("less_regularisation", **free)


@pytest.mark.parametrize(
    ("schedule", "changes"),
    [
        ({"name": "step", "gamma": 0.25}, {"training.schedule.gamma": 0.5}),
        ({"name": "cosine"}, {"training.schedule.end_factor": 0.1}),
        ({"name": "inverse_square_root", "timescale_epochs": 2}, {"training.schedule.timescale_epochs": 4.0}),
        ({"name": "on_plateau", "patience_epochs": 0}, {"training.schedule.patience_epochs": 1}),
    ],
)
def test_slower_decay_by_schedule(schedule: dict[str, Any], changes: dict[str, Any]) -> None:
    assert apply("slower_decay", training__schedule=schedule) == changes


def test_reduce_on_plateau_keeps_the_warm_up() -> None:
    changes = apply("reduce_on_plateau", training__schedule={"name": "cosine", "warmup_fraction": 0.1})
    assert changes == {"training.schedule": {"name": "on_plateau", "warmup_fraction": 0.1}}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("train_longer", {"training__epochs": 1000}),
        ("train_longer", {"training__epochs": 5000}),
        ("stop_earlier", {"training__epochs": 10}),
        ("lower_learning_rate", {"training__optimizer__learning_rate": 1e-6}),
        ("raise_learning_rate", {"training__optimizer__learning_rate": 2.0}),
        ("larger_batch", {"training__batch_size": 4096}),
        ("more_capacity", {"model": "linear"}),
        ("more_capacity", {"model__width": 4096}),
        ("more_capacity", {"model__widths": [4096]}),
        ("less_capacity", {"model__width": 8}),
        ("less_capacity", {"model": "linear"}),
        ("clip_gradients", {"training__clip_norm": 0.01}),
        ("warm_up_longer", {"training__schedule__warmup_fraction": 0.5}),
        ("reduce_on_plateau", {"training__schedule": "on_plateau"}),
        ("slower_decay", {"training__schedule": "constant"}),
        ("slower_decay", {"training__schedule": {"name": "step", "gamma": 1.0}}),
        ("slower_decay", {"training__schedule": {"name": "linear", "end_factor": 0.5}}),
    ],
)
def test_says_when_it_cannot_apply(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(NotApplicable):
        apply(name, **settings)


def test_stop_earlier_needs_the_best_epoch() -> None:
    with pytest.raises(NotApplicable, match="best epoch"):
        apply("stop_earlier", Finding("any", "advice", 0.5, "A finding."))


def test_what_is_frozen_learns_again() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    patient = Patient(
        network, nn.CrossEntropyLoss(), torch.zeros(8, 3), torch.arange(8) % 2, "classification"
    )
    remedy = catalogue.entry("remedy", "thaw_parameters")
    finding = Finding("frozen_parameters", "warning", 0.7, "A layer is frozen.")
    assert all(own.requires_grad for own in remedy.mend(patient, finding).network.parameters())
    with pytest.raises(NotApplicable, match="no parameter is frozen"):
        remedy.mend(patient, finding)
