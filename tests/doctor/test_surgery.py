"""Operations on a person's own network: each does what it says, however the forward pass is written."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from retemper.core import catalogue
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Task
from retemper.doctor.observe.forward import follow
from retemper.doctor.surgery.augmented import Augmented
from retemper.doctor.surgery.chain import as_chain, widened
from retemper.doctor.surgery.dropouts import less_dropout, more_dropout
from retemper.doctor.surgery.initialise import unit_variance
from retemper.doctor.surgery.losses import ClassLoss, ValueLoss
from retemper.doctor.surgery.patient import Patient
from retemper.doctor.surgery.rewired import Rewired
from retemper.doctor.surgery.scaling import moments

FINDING = Finding("any", "error", 0.9, "A finding.")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


class ByHand(nn.Module):
    """Calls of functions alone, with a branch."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.sigmoid(self.a(x))
        return torch.softmax(self.c(h + functional.relu(self.b(h))), dim=1)


class Unseen(nn.Module):
    """Products in NumPy, as a compiled network's are out of sight."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.numpy()[:, :2] * 2)


def patient(network: nn.Module, loss: Any, y: Tensor, task: Task, x: Tensor | None = None) -> Patient:
    return Patient(network, loss, torch.randn(len(y), 3) if x is None else x, y, task)


def mended(name: str, own: Patient, finding: Finding = FINDING) -> Patient:
    after: Patient = catalogue.entry("remedy", name).mend(own, finding)
    return after


def names(own: Patient) -> list[str]:
    return [each.name for each in own.operations()]


BITS = (torch.arange(40) % 2)[:, None].float()
CODES = torch.arange(40) % 4


@pytest.mark.parametrize(
    "network", [ByHand(), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1), nn.Softmax(1))]
)
def test_a_softmax_over_one_unit_becomes_a_sigmoid(network: nn.Module) -> None:
    after = mended("right_head", patient(network, nn.BCELoss(), BITS, "classification"))
    assert names(after)[-1] == "sigmoid" and "softmax" not in names(after)
    assert isinstance(after.loss, nn.BCELoss) and float(after.outputs().std()) > 0


def test_logits_are_left_alone_and_a_second_softmax_goes() -> None:
    own = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4), nn.Softmax(1))
    after = mended("right_head", patient(own, nn.CrossEntropyLoss(), CODES, "classification"))
    assert names(after) == ["linear", "relu", "linear"] and isinstance(after.loss, nn.CrossEntropyLoss)


def test_too_few_units_are_made_enough_and_the_loss_follows() -> None:
    own = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
    after = mended(
        "right_head",
        patient(own, lambda o, y: nn.BCELoss()(o, y[:, None].float() / 4), CODES, "classification"),
    )
    assert after.outputs().shape == (40, 4) and isinstance(after.loss, ClassLoss)
    assert torch.allclose(after.outputs().sum(1), torch.ones(40))


def test_several_classes_a_row_get_sigmoids() -> None:
    y = (torch.rand(40, 4) > 0.5).float()
    own = nn.Sequential(nn.Linear(3, 4), nn.Softmax(1))
    after = mended(
        "right_head", patient(own, lambda o, t: -(t * o.clamp_min(1e-7).log()).sum(1).mean(), y, "multilabel")
    )
    assert names(after)[-1] == "sigmoid"


def test_a_loss_of_which_one_class_is_right_does_not_stay_where_several_may_be() -> None:
    """Keras' categorical cross-entropy divides a row's outputs by their sum; PyTorch's has a softmax inside."""

    def shares(o: Tensor, t: Tensor) -> Tensor:
        return -(t * (o / o.sum(1, keepdim=True)).clamp_min(1e-7).log()).sum(1).mean()

    y = (torch.rand(40, 4) > 0.5).float()
    for head, loss in ((nn.Softmax(1), shares), (nn.Identity(), nn.CrossEntropyLoss())):
        after = mended("right_head", patient(nn.Sequential(nn.Linear(3, 4), head), loss, y, "multilabel"))
        sure = 8 * (2 * y - 1)
        right = sure if isinstance(head, nn.Identity) else sure.sigmoid()
        assert float(after.loss(right, y)) < 0.01, "outputs that are right for all classes cost nothing"
    own = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid())
    loss_of = nn.BCELoss()
    assert mended("right_head", patient(own, loss_of, y, "multilabel")).loss is loss_of


@pytest.mark.parametrize("code", ["wrong_loss", "shape_broadcast", "gradient_ascent"])
def test_a_loss_at_fault_is_replaced(code: str) -> None:
    y = 5 * torch.randn(40)
    own = patient(nn.Linear(3, 1), lambda o, t: -((o - t) ** 2).mean(), y, "regression")
    after = mended("right_head", own, Finding(code, "error", 0.9, "Wrong."))
    assert isinstance(after.loss, ValueLoss)
    assert float(after.loss(y[:, None], y)) == 0


@pytest.mark.parametrize(("loss", "high"), [(nn.BCEWithLogitsLoss(), 9.0), (nn.BCELoss(), 1.0)])
def test_outputs_mean_the_same_when_a_loss_of_the_wrong_sign_was_turned(loss: nn.Module, high: float) -> None:
    def ascent(outputs: Tensor, y: Tensor) -> Tensor:
        return -loss(outputs.clamp(0, 1) if high == 1 else outputs, y)

    network = nn.Sequential(nn.Linear(3, 1), *([nn.Sigmoid()] * (high == 1)))
    own = patient(network, ascent, BITS, "classification")
    after = mended("right_head", own, replace(FINDING, code="wrong_loss"))
    far = after.network(1000 * own.x).detach()
    assert (float(far.max()) > 1) == (high > 1) and (float(far.min()) < 0) == (high > 1)
    right, wrong = ((BITS - 0.5) * sign * 0.9 + (0.5 if high == 1 else 0.0) for sign in (1, -1))
    assert after.loss(right, BITS) < after.loss(wrong, BITS)


def test_a_bounded_head_of_values_is_set_free() -> None:
    y = 100 * torch.randn(40, 1)
    after = mended(
        "right_head", patient(nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()), nn.MSELoss(), y, "regression")
    )
    assert names(after) == ["linear"] and isinstance(after.loss, nn.MSELoss)


def test_scales_keep_rows_and_predictions_in_their_own_units() -> None:
    x = torch.randn(500, 2) * torch.tensor([1e4, 1e-3]) + 7
    y = 1000 + 50 * torch.randn(500, 1)
    own = nn.Linear(2, 1)
    after = mended("scale_targets", mended("scale_inputs", patient(own, nn.MSELoss(), y, "regression", x)))
    seen: list[Tensor] = []
    own.register_forward_hook(lambda m, args, out: seen.append(args[0]))
    outputs = after.network(x)
    assert torch.allclose(seen[0].mean(0), torch.zeros(2), atol=1e-3) and torch.allclose(
        seen[0].std(0), torch.ones(2), atol=1e-2
    )
    assert 900 < float(outputs.detach().mean()) < 1100
    assert float(after.loss(y + 50, y)) == pytest.approx((50 / float(y.std())) ** 2, rel=0.01)
    with pytest.raises(NotApplicable, match="already"):
        mended("scale_inputs", patient(own, nn.MSELoss(), y, "regression", torch.randn(500, 2)))


def test_images_are_scaled_by_channel_and_constant_columns_not_at_all() -> None:
    images = torch.rand(50, 3, 4, 4) * torch.tensor([1.0, 10.0, 100.0])[None, :, None, None]
    centre, spread = moments(images)
    assert centre.shape == (1, 3, 1, 1) and float(spread[0, 2, 0, 0]) == pytest.approx(29, rel=0.1)
    assert moments(torch.full((9, 1), 3.0))[1].tolist() == [[1.0]]


def test_activations_are_replaced_or_put_where_there_are_none() -> None:
    bare = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.1), nn.Linear(8, 8), nn.Linear(8, 1))
    after = mended("another_activation", patient(bare, nn.MSELoss(), BITS, "regression"))
    assert names(after) == ["linear", "silu", "dropout", "linear", "silu", "linear"]
    after = mended("another_activation", patient(ByHand(), nn.BCELoss(), BITS, "classification"))
    assert names(after) == ["linear", "silu", "linear", "silu", "linear", "softmax"]
    with pytest.raises(NotApplicable):
        mended("another_activation", after)


def test_normalisation_by_batch_or_by_row() -> None:
    own = patient(
        nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)), nn.MSELoss(), BITS, "regression"
    )
    assert names(mended("normalise_layers", own)) == ["linear", "batch_norm", "relu", "linear"]
    assert names(mended("normalise_layers", replace(own, batch_rows=2))) == [
        "linear",
        "layer_norm",
        "relu",
        "linear",
    ]
    images = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1))
    conv = patient(images, nn.MSELoss(), BITS, "regression", torch.randn(40, 1, 4, 4))
    assert names(mended("normalise_layers", conv))[1] == "batch_norm"


def test_residual_connections_add_what_went_before() -> None:
    layers = [layer for _ in range(4) for layer in (nn.Linear(3, 3), nn.Tanh())]
    own = nn.Sequential(*layers, nn.Linear(3, 1))
    after = mended("residual_connections", patient(own, nn.MSELoss(), BITS, "regression"))
    x = torch.randn(5, 3)
    h = torch.tanh(own[0](x))
    for place in (2, 4, 6):
        h = h + torch.tanh(own[place](h))
    assert torch.allclose(after.network(x), own[8](h))


def test_a_start_of_unit_variance() -> None:
    layers = [layer for _ in range(20) for layer in (nn.Linear(30, 30), nn.ReLU())]
    network = nn.Sequential(*layers, nn.Linear(30, 1))
    for weight in network.parameters():
        nn.init.constant_(weight, 0.01)
    x = torch.randn(256, 30)
    assert unit_variance(network, x) == 21
    with torch.no_grad():
        assert float(network[:39](x).std()) == pytest.approx(1, rel=0.2)
    assert unit_variance(nn.Sequential(nn.ReLU()), x) == 0


def test_a_chain_is_known_by_its_outputs_and_can_be_widened() -> None:
    body = [nn.Linear(3, 1), nn.BatchNorm1d(1), nn.ReLU(), nn.Dropout(0.3), nn.Linear(1, 2), nn.Softmax(1)]
    network, x = nn.Sequential(*body), torch.randn(64, 3)
    network(x)  # the running statistics are the network's own
    chain = as_chain(network, x)
    assert torch.allclose(chain.eval()(x), network.eval()(x))
    wide = widened(chain, 2, 16, 64)
    assert [layer.out_features for layer in wide if isinstance(layer, nn.Linear)] == [16, 2]
    assert next(layer.p for layer in wide if isinstance(layer, nn.Dropout)) == 0.3
    assert wide(x).shape == (64, 2)
    with pytest.raises(NotApplicable, match="no chain"):
        as_chain(ByHand(), x)
    with pytest.raises(NotApplicable, match="width"):
        widened(as_chain(nn.Linear(3, 1), x), 2, 16, 64)


def test_dropout_up_and_down() -> None:
    own = patient(
        nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.8), nn.Linear(8, 1)),
        nn.MSELoss(),
        BITS,
        "regression",
    )
    assert less_dropout(own, 4, 1e-3).operations()[2].rate == pytest.approx(0.2)
    assert less_dropout(own, 1e4, 1e-3).operations()[2].rate == 0
    assert more_dropout(own, 0.15, 0.9).operations()[2].rate == pytest.approx(0.9)
    none = patient(
        nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)), nn.MSELoss(), BITS, "regression"
    )
    assert names(more_dropout(none, 0.15, 0.5)) == ["linear", "relu", "dropout", "linear"]
    with pytest.raises(NotApplicable):
        less_dropout(none, 4, 1e-3)


class Resting(nn.Dropout):
    """A part that stays in evaluation mode, whatever it is told."""

    def train(self, mode: bool = True) -> "Resting":
        super().train(False)
        return self


def test_train_reaches_every_part() -> None:
    own = patient(
        nn.Sequential(nn.Linear(3, 8), Resting(0.5), nn.Linear(8, 1)).train(),
        nn.MSELoss(),
        BITS,
        "regression",
    )
    after = mended("training_mode", own).network
    before = [part.training for part in own.network.modules()]
    assert before == [True, True, False, True], "it is asked and left as it was"
    assert all(part.training for part in after.train().modules())
    assert not torch.equal(after(own.x), after(own.x)), "the dropout acts"
    assert not any(part.training for part in after.eval().modules())
    assert torch.equal(after(own.x), own.network.eval()(own.x))
    with pytest.raises(NotApplicable, match="loop"):
        mended("training_mode", patient(nn.Linear(3, 1), nn.MSELoss(), BITS, "regression"))


class NeverOff(nn.Module):
    """Two dropouts, one of which forgets the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(1, 4, 1), nn.Linear(12, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.dropout1d(self.a(x[:, None]), 0.4).flatten(1)
        return self.b(functional.dropout(h, 0.2, training=self.training))


def test_dropout_rests_while_it_is_judged() -> None:
    own = patient(NeverOff(), nn.MSELoss(), BITS, "regression")
    after = mended("evaluation_mode", own)
    acting = [(each.name, each.rate, each.acts) for each in after.operations() if each.rate]
    assert acting == [("dropout1d", 0.4, False), ("dropout", 0.2, False)]
    network = after.network.eval()
    assert torch.equal(network(own.x), network(own.x))
    network.train()
    assert not torch.equal(network(own.x), network(own.x))
    with pytest.raises(NotApplicable, match="loop"):
        mended("evaluation_mode", after)


def test_rows_are_changed_while_training_alone() -> None:
    net = Augmented(nn.Identity(), torch.ones(1, 2), 0.1, 0.25)
    x = torch.zeros(1000, 2)
    assert float(net.train()(x).std()) == pytest.approx(0.1, rel=0.1) and torch.equal(net.eval()(x), x)
    image = torch.eye(8)[None, None]
    shifted = [net.train()(image) for _ in range(20)]
    assert all(float(each.sum()) == 8 for each in shifted) and any(
        not torch.equal(each, image) for each in shifted
    )


def test_losses_weigh_and_smooth() -> None:
    p = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    y = torch.tensor([0, 1])
    plain = ClassLoss("probabilities")
    assert float(plain(p, y)) == pytest.approx(float(functional.nll_loss(p.log(), y)))
    assert float(plain(p, functional.one_hot(y).float())) == pytest.approx(float(plain(p, y)))
    weight = torch.tensor([1.0, 3.0])
    weighted = ClassLoss("logits", weights=weight)(p, y)
    assert float(weighted) == pytest.approx(float(functional.cross_entropy(p, y, weight)))
    smoothed = ClassLoss("logits", smoothing=0.1)(p, y)
    assert float(smoothed) == pytest.approx(float(functional.cross_entropy(p, y, label_smoothing=0.1)))
    single = ClassLoss("logits", weights=weight)(p[:, :1], y)
    reference = functional.binary_cross_entropy_with_logits(p[:, 0], y.float(), weight[y])
    assert float(single) == pytest.approx(float(reference))


def test_balanced_weights_are_by_the_rows() -> None:
    y = (torch.arange(40) < 4).long()
    after = mended("class_weights", patient(nn.Linear(3, 2), nn.CrossEntropyLoss(), y, "classification"))
    assert isinstance(after.loss, ClassLoss) and after.loss.weights is not None
    assert after.loss.weights.tolist() == pytest.approx([40 / 72, 5.0])
    with pytest.raises(NotApplicable):
        mended("class_weights", patient(nn.Linear(3, 1), nn.MSELoss(), BITS, "regression"))


def test_what_can_not_be_followed_is_not_mended() -> None:
    unseen = Unseen()
    for name in ("right_head", "another_activation", "normalise_layers"):
        with pytest.raises(NotApplicable):
            mended(name, patient(unseen, nn.CrossEntropyLoss(), CODES % 2, "classification"))


def test_a_rewired_network_is_followed_as_it_is_now() -> None:
    net = Rewired(
        nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), instead={1: nn.Tanh()}, final=nn.Sigmoid()
    )
    again = Rewired(net, instead={1: nn.SiLU()})
    assert [each.name for each in follow(again, torch.randn(4, 2)).operations] == [
        "linear",
        "silu",
        "linear",
        "sigmoid",
    ]
