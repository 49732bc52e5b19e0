"""The doctor beside Lightning's own Trainer; skipped where Lightning is not installed."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from retemper.api.callbacks.lightning import LightningDoctor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("lightning.pytorch")
    from lightning.pytorch import LightningModule, Trainer

pytestmark = pytest.mark.filterwarnings("ignore")


def rows(seed):
    x = torch.randn(256, 4, generator=torch.Generator().manual_seed(seed))
    return TensorDataset(x, (x[:, :1] + x[:, 1:2] > 0).float())


class Module(LightningModule):
    def __init__(self, head, loss=functional.binary_cross_entropy):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1), head)
        self.loss = loss

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, number):
        return self.loss(self(batch[0]), batch[1])

    def validation_step(self, batch, number):
        self.log("val_loss", self.loss(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], 0.01)


class TwoOptimizers(Module):
    def __init__(self):
        super().__init__(nn.Identity(), functional.binary_cross_entropy_with_logits)
        self.automatic_optimization = False

    def training_step(self, batch, number):
        loss = super().training_step(batch, number)
        for own in self.optimizers():
            own.zero_grad()
        self.manual_backward(loss)
        for own in self.optimizers():
            own.step()

    def configure_optimizers(self):
        return torch.optim.SGD(self.net[0].parameters(), 0.1), torch.optim.Adam(
            self.net[2].parameters(), 0.01
        )


def fitted(module, doctor=None, **options):
    torch.manual_seed(1)
    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    trainer = Trainer(
        max_epochs=6,
        callbacks=[doctor] if doctor else None,
        accelerator="cpu",
        **dict.fromkeys(quiet, False),
        **options,
    )
    trainer.fit(module, DataLoader(rows(0), 32, shuffle=True), DataLoader(rows(1), 128))
    return module


def test_a_fault_is_named_first_and_told_at_the_end(capsys):
    doctor = LightningDoctor()
    fitted(Module(nn.Softmax(1)), doctor)
    assert doctor.findings()[0].code == "single_unit_softmax" and doctor.findings()[0].severity == "error"
    assert "single_unit_softmax" in capsys.readouterr().out


def test_a_healthy_training_raises_nothing_and_keeps_its_bits():
    doctor = LightningDoctor(quiet=True)
    watched, alone = fitted(Module(nn.Sigmoid()), doctor), fitted(Module(nn.Sigmoid()))
    assert not [own for own in doctor.findings() if own.severity != "advice"]
    for mine, other in zip(watched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_network_loss_rows_and_curves_are_found_without_a_word():
    doctor = LightningDoctor(quiet=True)
    module = fitted(Module(nn.Sigmoid()), doctor)
    case = doctor.doctor.case()
    assert case.loss.wants == "probabilities" and case.data.rows == 256 and case.standing.held_out
    assert len(case.history["val_loss"]) == len(case.history["train_loss"]) == 6
    assert case.signals.taken == 48 and not any(own._forward_pre_hooks for own in module.modules())


def test_accumulated_batches_make_one_step_and_one_loss():
    doctor, alone = LightningDoctor(quiet=True), LightningDoctor(quiet=True)
    fitted(Module(nn.Sigmoid()), doctor, accumulate_grad_batches=4)
    fitted(Module(nn.Sigmoid()), alone)
    signals, plain = doctor.doctor.case().signals, alone.doctor.case().signals
    assert signals.taken == 12
    assert signals.losses[0] == pytest.approx(plain.losses[0], rel=0.5)


def test_mixed_precision_is_watched():
    doctor = LightningDoctor(quiet=True)
    fitted(Module(nn.Identity(), functional.binary_cross_entropy_with_logits), doctor, precision="bf16-mixed")
    case = doctor.doctor.case()
    assert case.loss.wants == "logits" and case.standing.skill > 0.5
    assert (case.signals.losses < 2).all() and (case.signals.gradients > 0).all()


def test_several_optimizers_are_watched_each_at_its_own_steps():
    doctor = LightningDoctor(quiet=True)
    fitted(TwoOptimizers(), doctor)
    signals = doctor.doctor.case().signals
    assert signals.optimizers == 2 and signals.taken == 48
    assert (signals.updates[:, 0] > 0).all() and (signals.updates[:, 1] > 0).all()


def test_frozen_layers_are_no_signals():
    doctor, module = LightningDoctor(quiet=True), Module(nn.Sigmoid())
    module.net[0].requires_grad_(False)
    fitted(module, doctor)
    case = doctor.doctor.case()
    assert set(case.network.frozen) == {"net.0.weight", "net.0.bias"}
    assert case.signals.names == ("net.2.weight",)


def test_a_loss_written_by_hand_is_named_or_given():
    def squares(outputs, targets):
        return (outputs - targets).square().mean()

    unknown, told = LightningDoctor(quiet=True), LightningDoctor(loss=squares, quiet=True)
    for doctor in (unknown, told):
        fitted(Module(nn.Identity(), squares), doctor)
    assert "give loss=" in dict(unknown.doctor.examined().not_applicable)["wrong_loss"]
    assert unknown.doctor.case().signals.taken == 48 and told.doctor.case().signals.taken == 48
