"""Symptoms that show before training: each fires, is silent on what is healthy, and says when it can't judge."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import retemper
from retemper.core import catalogue
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, DataFacts, LossFacts, Network, Operation, Sample

LINEAR = Operation("linear", (64, 3), inputs=4)
HIDDEN = (Operation("linear", (64, 16), inputs=4), Operation("relu", (64, 16)), LINEAR)
NETWORK = Network(
    HIDDEN, (64, 3), -1.0, 1.0, 131, spreads={"0.weight": (0.3, 4), "2.weight": (0.1, 16)}, bend=0.2
)
DATA = DataFacts(
    64, np.ones(4), np.zeros(4), -3.0, 3.0, (64,), 0.0, 2.0, 1.0, 0.8, (22, 21, 21), integers=True
)
VALUES = replace(DATA, classes=(), integers=False, target_shape=(64, 1), target_low=-2.0, target_high=2.0)
LOSS = LossFacts("logits", trivial=1.09, initial=1.2, even=1.0986)
SAMPLE = Sample(1.2, 0.01, 0.01, trivial=1.05, blind=0.01, copies=())
HEALTHY = Case(task="classification", network=NETWORK, loss=LOSS, data=DATA, sample=SAMPLE, held_out=DATA)
REGRESSION = replace(
    HEALTHY, task="regression", data=VALUES, loss=replace(LOSS, wants="values"), held_out=VALUES
)


def head(*more: Operation, on: Case = HEALTHY, wants: str = "logits", **changes) -> Case:
    """The healthy case with something after its last weights, and another loss."""
    network = replace(NETWORK, operations=(*HIDDEN, *more), **changes)
    return replace(on, network=network, loss=replace(LOSS, wants=wants))


SOFTMAX, SIGMOID = Operation("softmax", (64, 3), axis=1), Operation("sigmoid", (64, 3))
ACROSS = Operation("softmax", (64, 3), axis=0)
UNKNOWN = replace(HEALTHY, loss=LossFacts("unknown"))
UNFOLLOWED = replace(HEALTHY, network=replace(NETWORK, operations=()))
ALIKE = replace(NETWORK, spreads={"0.weight": (0.0, 4), "2.weight": (0.1, 16)})
NARROW = (Operation("linear", (64, 1), inputs=4), Operation("relu", (64, 1)), LINEAR)
CHAIN = replace(NETWORK, operations=(Operation("linear", (64, 16), inputs=4), LINEAR), bend=1e-8)

SICK: dict[str, Case] = {
    "single_unit_softmax": head(Operation("softmax", (64, 1), axis=1), shape=(64, 1)),
    "softmax_wrong_axis": head(ACROSS, mixes=True),
    "mixed_rows": head(mixes=True),
    "redundant_softmax": head(SOFTMAX),
    "missing_output_activation": head(wants="probabilities"),
    "output_range_mismatch": head(Operation("relu", (64, 3))),
    "output_units_mismatch": replace(HEALTHY, network=replace(NETWORK, shape=(64, 2))),
    "shape_broadcast": replace(HEALTHY, loss=replace(LOSS, broadcasts=True)),
    "wrong_loss": replace(REGRESSION, loss=LOSS),
    "constant_initialisation": replace(HEALTHY, network=ALIKE, sample=replace(SAMPLE, copies=("0.weight",))),
    "bad_initialisation": replace(HEALTHY, network=replace(NETWORK, spreads={"0.weight": (9.0, 4)})),
    "missing_nonlinearity": replace(HEALTHY, network=CHAIN),
    "initial_loss_off": replace(HEALTHY, loss=replace(LOSS, initial=8.0)),
    "cannot_overfit_sample": replace(HEALTHY, sample=replace(SAMPLE, last=1.0)),
    "input_ignored": replace(HEALTHY, sample=replace(SAMPLE, blind=1.0)),
    "class_imbalance": replace(HEALTHY, data=replace(DATA, classes=(60, 2, 2))),
    "misaligned_labels": replace(HEALTHY, sample=replace(SAMPLE, aligned_p=0.4)),
    "unscaled_inputs": replace(HEALTHY, data=replace(DATA, spreads=np.array([1.0, 1.0, 5e4, 1.0]))),
    "unscaled_targets": replace(REGRESSION, data=replace(VALUES, target_mean=500.0)),
    "double_normalisation": replace(HEALTHY, data=replace(DATA, spreads=np.full(4, 1e-3))),
    "train_serve_mismatch": replace(HEALTHY, held_out=replace(DATA, spreads=np.full(4, 50.0))),
    "low_capacity": replace(HEALTHY, network=replace(NETWORK, operations=NARROW)),
}
UNJUDGED: dict[str, tuple[Case, str]] = {
    "single_unit_softmax": (replace(HEALTHY, network=replace(NETWORK, shape=())), "outputs"),
    "softmax_wrong_axis": (UNFOLLOWED, "followed"),
    "mixed_rows": (replace(HEALTHY, network=replace(NETWORK, shape=(1, 3))), "few rows"),
    "redundant_softmax": (UNKNOWN, "what the loss wants"),
    "missing_output_activation": (UNFOLLOWED, "followed"),
    "output_range_mismatch": (UNFOLLOWED, "followed"),
    "output_units_mismatch": (REGRESSION, "no classes"),
    "shape_broadcast": (replace(HEALTHY, loss=None), "no loss"),
    "wrong_loss": (UNKNOWN, "what the loss wants"),
    "constant_initialisation": (replace(HEALTHY, network=replace(NETWORK, spreads={})), "no layer"),
    "bad_initialisation": (replace(HEALTHY, network=replace(NETWORK, spreads={})), "no layer"),
    "missing_nonlinearity": (replace(HEALTHY, network=replace(CHAIN, bend=float("nan"))), "linear"),
    "initial_loss_off": (replace(HEALTHY, loss=replace(LOSS, even=float("nan"))), "guess"),
    "cannot_overfit_sample": (replace(HEALTHY, sample=Sample(float("nan"), float("nan"))), "no small sample"),
    "input_ignored": (replace(HEALTHY, sample=None), "small sample"),
    "class_imbalance": (REGRESSION, "no classes"),
    "misaligned_labels": (replace(HEALTHY, sample=replace(SAMPLE, aligned_p=float("nan"))), "few rows"),
    "unscaled_inputs": (replace(HEALTHY, data=replace(DATA, spreads=np.zeros(0))), "no numbers"),
    "unscaled_targets": (HEALTHY, "classes"),
    "double_normalisation": (replace(HEALTHY, data=replace(DATA, spreads=np.zeros(4))), "varies"),
    "train_serve_mismatch": (replace(HEALTHY, held_out=None), "not trained on"),
    "low_capacity": (UNFOLLOWED, "followed"),
}
WELL = {
    "redundant_softmax": head(SOFTMAX, wants="probabilities"),
    "missing_output_activation": head(SOFTMAX, wants="probabilities"),
    "softmax_wrong_axis": head(ACROSS),
    "wrong_loss": REGRESSION,
    "output_range_mismatch": head(SIGMOID, on=replace(HEALTHY, task="multilabel"), wants="probabilities"),
    "unscaled_targets": REGRESSION,
    "constant_initialisation": replace(HEALTHY, network=ALIKE),
}


def run(code: str, case: Case) -> Finding | None:
    module = catalogue.entry("symptom", code)
    found: Finding | None = module.check(case, module.Options())
    return found


@pytest.mark.parametrize("code", SICK)
def test_fires(code: str) -> None:
    found = run(code, SICK[code])
    assert found is not None and found.code == code
    assert not np.isnan(found.confidence) and "nan" not in found.message


@pytest.mark.parametrize("code", SICK)
def test_silent_on_what_is_healthy(code: str) -> None:
    assert run(code, WELL.get(code, HEALTHY)) is None


@pytest.mark.parametrize("code", UNJUDGED)
def test_says_when_it_cannot_judge(code: str) -> None:
    case, why = UNJUDGED[code]
    with pytest.raises(NotApplicable, match=why):
        run(code, case)


torch.manual_seed(0)
RANDOM = torch.Generator().manual_seed(0)
X = torch.randn(128, 4, generator=RANDOM)
CODES = (X[:, 0] > 0).long() + (X[:, 1] > 0.5).long()
BITS = (X[:, :1] * X[:, 1:2] > 0).float()


def layers(*after: nn.Module, units: int = 3, inner: Callable[[], nn.Module] = nn.ReLU) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 16), inner(), nn.Linear(16, units), *after)


def zeros() -> nn.Module:
    net = layers()
    for own in net.parameters():
        nn.init.zeros_(own)
    return net


class Viewed(nn.Module):
    """A `view` that takes rows for columns."""

    def __init__(self) -> None:
        super().__init__()
        self.body = layers()

    def forward(self, x):
        return self.body(x.reshape(4, -1).T)


class Swish(nn.Module):
    """An activation that is written out."""

    def forward(self, x):
        return x * x.abs()


FAULTY = {
    "single_unit_softmax": (layers(nn.Softmax(1), units=1), nn.BCELoss(), BITS),
    "softmax_wrong_axis": (layers(nn.Softmax(0)), nn.CrossEntropyLoss(), CODES),
    "mixed_rows": (Viewed(), nn.CrossEntropyLoss(), CODES),
    "redundant_softmax": (layers(nn.Softmax(1)), nn.CrossEntropyLoss(), CODES),
    "missing_output_activation": (layers(), nn.NLLLoss(), CODES),
    "output_range_mismatch": (layers(nn.Tanh(), units=1), nn.MSELoss(), 9 * X[:, :1]),
    "output_units_mismatch": (
        layers(units=2),
        lambda o, y: functional.cross_entropy(o, y.clamp_max(1)),
        CODES,
    ),
    "shape_broadcast": (layers(units=1), nn.MSELoss(), 3 * X[:, 0]),
    "wrong_loss": (layers(units=1), lambda o, y: functional.mse_loss(o[:, 0], y.float()), CODES),
    "missing_nonlinearity": (layers(inner=nn.Identity), nn.CrossEntropyLoss(), CODES),
    "constant_initialisation": (zeros(), nn.CrossEntropyLoss(), CODES),
    "misaligned_labels": (layers(), nn.CrossEntropyLoss(), CODES[torch.randperm(128, generator=RANDOM)]),
    "class_imbalance": (layers(), nn.CrossEntropyLoss(), (X[:, 0] > 2.2).long()),
}


def found(net: nn.Module, loss, y: torch.Tensor, x: torch.Tensor = X) -> dict[str, Finding]:
    optimizer = torch.optim.SGD(net.parameters(), 1e-3)
    with retemper.watch(net, optimizer, loss=loss, train_data=(x, y), val_data=(x, y)) as doctor:
        pass
    return {finding.code: finding for finding in doctor.findings()}


@pytest.mark.parametrize("code", FAULTY)
def test_real_networks(code: str) -> None:
    assert code in found(*FAULTY[code])


HEALTHY_NETWORKS = {
    "classes": (layers(), nn.CrossEntropyLoss(), CODES),
    "logarithms": (layers(nn.LogSoftmax(1)), nn.NLLLoss(), CODES),
    "one unit": (layers(nn.Sigmoid(), units=1), nn.BCELoss(), BITS),
    "one logit": (layers(units=1), nn.BCEWithLogitsLoss(), BITS),
    "values": (layers(units=1), nn.MSELoss(), X[:, :1]),
    "written out": (layers(inner=Swish), nn.CrossEntropyLoss(), CODES),
    "convolution": (
        nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)),
        nn.CrossEntropyLoss(),
        CODES,
    ),
}


@pytest.mark.parametrize("name", HEALTHY_NETWORKS)
def test_healthy_networks(name: str) -> None:
    before = set(SICK) - {"class_imbalance"}
    assert not before & set(found(*HEALTHY_NETWORKS[name]))


def test_a_last_layer_of_zeros_is_no_constant_start() -> None:
    net = layers()
    nn.init.zeros_(net[2].weight)
    assert "constant_initialisation" not in found(net, nn.CrossEntropyLoss(), CODES)


def test_embeddings_and_attention_start_well() -> None:
    layer = nn.TransformerEncoderLayer(64, 2, 64, batch_first=True)
    net = nn.Sequential(
        nn.Embedding(50, 64), nn.TransformerEncoder(layer, 1), nn.Flatten(), nn.Linear(512, 2)
    )
    ids = torch.randint(0, 50, (128, 8), generator=RANDOM)
    codes = found(net, nn.CrossEntropyLoss(), (ids[:, 0] > 25).long(), ids)
    assert not {"bad_initialisation", "constant_initialisation", "missing_nonlinearity", "mixed_rows"} & set(
        codes
    )


def test_held_out_rows_that_were_not_scaled() -> None:
    net = layers()
    with retemper.watch(
        net,
        torch.optim.SGD(net.parameters(), 0.1),
        loss=nn.CrossEntropyLoss(),
        train_data=(X, CODES),
        val_data=(255 * X, CODES),
    ) as doctor:
        pass
    assert "train_serve_mismatch" in {finding.code for finding in doctor.findings()}


def test_inputs_that_are_all_the_same() -> None:
    found_in = found(layers(), nn.CrossEntropyLoss(), CODES, torch.ones(128, 4))
    assert "input_ignored" in found_in and "same inputs" in found_in["input_ignored"].message
