"""What is seen itself and not by its traces: cut-off layers, dropout that never stops, missing rows, tiny batches."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import retemper
from retemper.core.records import Finding
from retemper.doctor.calibration import FIRST, SHOWN, worth_showing
from retemper.doctor.causes import PROVEN, likelihood
from retemper.doctor.examine import Examined

RANDOM = torch.Generator().manual_seed(0)
X = torch.randn(400, 6, generator=RANDOM)
Y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).long()
CUT = 280


class Function(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def watched(
    *layers: nn.Module,
    x: Tensor = X,
    y: Tensor = Y,
    rate: float = 0.01,
    batch: int = 32,
    epochs: int = 6,
    optimizer: type[torch.optim.Optimizer] = torch.optim.Adam,
    loss_of: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
) -> Examined:
    """What the doctor found of a training; the last rows are held out."""
    torch.manual_seed(0)
    for layer in layers:
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    network = nn.Sequential(*layers)
    steps = optimizer(network.parameters(), lr=rate)  # type: ignore[call-arg]
    data = {"train_data": (x[:CUT], y[:CUT]), "val_data": (x[CUT:], y[CUT:])}
    with retemper.watch(network, steps, loss=loss_of, **data) as doctor:
        for _ in range(epochs):
            for rows in torch.randperm(CUT).split(batch):
                loss = loss_of(network(x[rows]), y[rows])
                steps.zero_grad()
                loss.backward()
                steps.step()
                doctor.step(loss)
            network.eval()
            with torch.no_grad():
                doctor.epoch(val_loss=float(loss_of(network(x[CUT:]), y[CUT:])))
            network.train()
    return doctor.examined()


def inner() -> tuple[nn.Module, ...]:
    return nn.Linear(6, 16), nn.ReLU()


def first(found: Examined) -> Finding:
    return found.findings[0]


def test_layers_behind_a_detach_are_cut_off_and_nothing_vanished() -> None:
    cut = Function(lambda x: x.detach())
    found = watched(*inner(), nn.Linear(16, 4), nn.ReLU(), cut, nn.Linear(4, 2), epochs=8)
    codes = [each.code for each in found.findings]
    assert codes[0] == "frozen_parameters" and "vanishing_gradients" not in codes
    assert first(found).evidence["unchanged"] == 4


def test_a_dropout_that_is_never_switched_off_is_seen_and_mixes_no_rows() -> None:
    always = Function(lambda x: functional.dropout(x, 0.5))
    found = watched(*inner(), always, nn.Linear(16, 2), epochs=6)
    assert first(found).code == "train_mode_evaluation" and first(found).severity == "warning"
    assert "mixed_rows" not in {each.code for each in found.findings}
    proper = watched(*inner(), nn.Dropout(0.5), nn.Linear(16, 2), epochs=6)
    assert "train_mode_evaluation" not in {each.code for each in proper.findings}


def test_a_missing_number_comes_before_all_that_it_brings_about() -> None:
    lost = X.clone()
    lost[3, 2] = float("nan")
    found = watched(*inner(), nn.Linear(16, 2), x=lost)
    assert first(found).code == "non_finite" and first(found).evidence["rows_not_finite"] == 1
    assert {each.code for each in found.findings}.isdisjoint({"learning_rate_too_low", "exploding_gradients"})


def test_inputs_that_are_all_alike_are_the_cause() -> None:
    found = watched(*inner(), nn.Linear(16, 2), x=torch.zeros_like(X))
    assert first(found).code == "input_ignored" and first(found).confidence > 0.9


def test_batch_normalisation_over_two_rows_is_noise() -> None:
    normed = (nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    found = {each.code: each for each in watched(*normed, batch=2, epochs=2).findings}
    assert found["batch_too_small"].evidence["rows"] == 2
    assert "batch_too_small" not in {each.code for each in watched(*normed, batch=32).findings}
    assert "over_regularised" not in found


def test_eight_steps_of_all_rows_are_too_few() -> None:
    found = watched(*inner(), nn.Linear(16, 2), batch=CUT, epochs=8)
    assert first(found).code == "batch_too_large" and first(found).evidence["steps"] == 8


def test_adadelta_has_a_range_of_its_own() -> None:
    layers = (*inner(), nn.Linear(16, 2))
    slow = watched(*layers, optimizer=torch.optim.Adadelta, rate=0.001, epochs=12)
    assert first(slow).code == "learning_rate_too_low" and first(slow).evidence["rate_threshold"] == 0.01


def test_a_softmax_between_layers_is_named_whatever_its_values() -> None:
    hidden = (nn.Linear(6, 16), nn.Softmax(1), nn.Linear(16, 2))
    found = {each.code: each for each in watched(*hidden).findings}
    assert found["saturated_activations"].evidence["units"] == 16
    at_the_end = watched(*inner(), nn.Linear(16, 2), nn.Softmax(1)).findings
    assert "saturated_activations" not in {each.code for each in at_the_end}


@pytest.mark.parametrize(
    ("tail", "loss_of", "y"),
    [
        (nn.Sigmoid(), lambda o, t: functional.relu(1 - t * o).mean(), (2 * Y - 1).float()[:, None]),
        (nn.Softmax(1), functional.nll_loss, Y),
    ],
)
def test_heads_that_cannot_give_what_margins_and_logarithms_ask_for(
    tail: nn.Module, loss_of: Callable[[Tensor, Tensor], Tensor], y: Tensor
) -> None:
    found = watched(*inner(), nn.Linear(16, 2 if y.dim() == 1 else 1), tail, y=y, loss_of=loss_of)
    assert first(found).code == "output_range_mismatch" and first(found).severity == "error"
    assert "redundant_softmax" not in {each.code for each in found.findings}


def test_shuffled_targets_are_an_error_where_held_out_rows_could_be_learnt() -> None:
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(1))
    y = (x[:, 0] > 0).long()
    mixed = torch.cat([y[:CUT][torch.randperm(CUT, generator=torch.Generator().manual_seed(2))], y[CUT:]])
    found = watched(*inner(), nn.Linear(16, 2), x=x, y=mixed)
    assert first(found).code == "misaligned_labels" and first(found).severity == "error"
    assert first(found).evidence["held_out_p_value"] == 0.01
    assert "misaligned_labels" not in {
        each.code for each in watched(*inner(), nn.Linear(16, 2), x=x, y=y).findings
    }


def test_a_cause_that_was_seen_itself_needs_no_likelihood_of_its_code() -> None:
    trace = Finding("input_ignored", "warning", 0.7, "Same.")
    assert (
        likelihood(trace) < 0.1 and likelihood(Finding("input_ignored", "error", PROVEN, "Alike.")) == PROVEN
    )


def test_what_is_explained_is_named_and_not_shown() -> None:
    sures = (0.9, 0.02, 0.01, 0.01, SHOWN)
    findings = [Finding(code, "warning", sure, "It is.") for code, sure in zip("abcde", sures, strict=True)]
    shown = worth_showing(findings)
    assert [each.code for each in shown] == ["a", "b", "c", "e"] and shown[0].evidence["explains"] == "d"
    assert worth_showing(findings[:FIRST]) == findings[:FIRST]
