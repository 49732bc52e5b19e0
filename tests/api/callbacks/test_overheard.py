"""The first batch overheard, and what the companion makes of it: without any of the libraries."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules import module as modules
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from retemper.api.callbacks.absent import absent
from retemper.api.callbacks.companion import Companion, Given
from retemper.api.callbacks.loaders import rows_like
from retemper.api.callbacks.overheard import Overheard
from retemper.core.errors import InputError


def heard(act):
    found = []
    listening = Overheard(found.append)
    listening.start()
    try:
        act().backward()
    finally:
        listening.stop()
    assert not modules._has_any_global_hook(), "a hook was left behind"
    return found[0]


def net(outputs=1):
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, outputs))


def test_the_outermost_network_and_its_loss_are_heard():
    own, x, y = net(2), torch.rand(6, 3), torch.randint(0, 2, (6,))
    first = heard(lambda: nn.CrossEntropyLoss(label_smoothing=0.1)(own(x), y))
    assert first.network is own and first.x is x and torch.equal(first.y, y) and not first.why
    other = torch.rand(9, 2), torch.randint(0, 2, (9,))
    assert torch.equal(first.loss(*other), functional.cross_entropy(*other, label_smoothing=0.1))


def test_a_loss_of_flattened_outputs_is_replayed_for_other_rows():
    own, x, y = net(5), torch.rand(6, 7, 3), torch.randint(0, 5, (6, 7))
    first = heard(lambda: functional.cross_entropy(own(x).reshape(-1, 5), y.reshape(-1)))
    assert first.y.shape == (6, 7)
    other = torch.rand(2, 7, 5), torch.randint(0, 5, (2, 7))
    assert torch.equal(
        first.loss(*other), functional.cross_entropy(other[0].reshape(-1, 5), other[1].reshape(-1))
    )


def test_columns_against_rows_are_replayed_as_they_were():
    own, x, y = net(), torch.rand(6, 3), torch.rand(6)
    with pytest.warns(UserWarning, match="target size"):
        first = heard(lambda: functional.mse_loss(own(x), y))
    with pytest.warns(UserWarning, match="target size"):
        assert first.loss(torch.ones(4, 1), torch.tensor([1.0, 0, 0, 0])) == 0.75


def test_a_sum_that_the_loop_divides_is_a_mean():
    own, x, y = net(2), torch.rand(6, 3), torch.randint(0, 2, (6,))
    first = heard(lambda: functional.cross_entropy(own(x), y, reduction="sum") / 6)
    assert first.loss.options["reduction"] == "mean"
    assert (
        heard(lambda: functional.cross_entropy(own(x), y, reduction="sum")).loss.options["reduction"] == "sum"
    )


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda own, x: (own(x) - 1).square().mean(), "give loss="),
        (lambda own, x: functional.mse_loss(own(x).sigmoid(), torch.ones(6, 1)), "give loss="),
        (lambda own, x: functional.mse_loss(own(x), own(x + 1)), "2 networks"),
    ],
)
def test_what_can_not_be_told_is_said(act, why):
    first = heard(lambda: act(net(), torch.rand(6, 3)))
    assert first.loss is None and why in first.why


def test_labels_among_arguments_by_name_are_no_inputs():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net(2)

        def forward(self, values=None, labels=None):
            logits = self.net(values)
            return {"loss": functional.cross_entropy(logits, labels), "logits": logits}

    own, x, y = Model(), torch.rand(6, 3), torch.randint(0, 2, (6,))
    first = heard(lambda: own(values=x, labels=y)["loss"])
    assert list(first.x) == ["values"] and torch.equal(first.y, y)
    assert torch.isfinite(first.loss(own(values=x, labels=y), y))


def test_listening_leaves_nothing_behind():
    own, x = net(), torch.rand(6, 3)
    hooks = len(nn.modules.module._global_forward_hooks)
    heard(lambda: functional.mse_loss(own(x), torch.ones(6, 1)))
    assert len(nn.modules.module._global_forward_hooks) == hooks
    assert not torch.overrides._get_current_function_mode_stack()


def test_more_rows_come_from_the_data_set_and_move_no_sampler():
    whole = TensorDataset(torch.rand(50, 3), torch.rand(50, 1))
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(whole, 8, shuffle=True, generator=generator)
    first = torch.rand(8, 3), torch.rand(8, 1)
    before, own = generator.get_state(), torch.get_rng_state()
    x, y = rows_like(*first, loader)
    assert x.shape == (50, 3) and y.shape == (50, 1)
    assert torch.equal(before, generator.get_state()) and torch.equal(own, torch.get_rng_state())


def test_rows_that_look_different_are_not_taken():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([(torch.rand(3), torch.rand(1))])

    whole = TensorDataset(torch.rand(50, 3), torch.rand(50, 1))
    y = torch.rand(8, 1)
    assert rows_like(torch.rand(8, 1, 3), y, DataLoader(whole, 8)) is None
    assert rows_like(torch.rand(8, 3), y, DataLoader(Stream(), 8)) is None
    assert rows_like(torch.rand(8, 3), y, None) is None


def test_a_companion_without_a_training_says_so():
    with pytest.raises(InputError, match="no training has begun"):
        Companion(Given(), quiet=True).doctor()


def test_a_wrong_option_is_said_before_the_first_step():
    companion, own = Companion(Given(task="guessing"), quiet=True), net()
    companion.listen(own, [torch.optim.SGD(own.parameters(), 0.1)])
    loss = functional.mse_loss(own(torch.rand(6, 3)), torch.ones(6, 1))
    with pytest.raises(InputError, match="task must be"):
        loss.backward()
    companion.hush()


def test_whatever_fails_in_looking_ends_in_a_reason():
    companion, own = Companion(Given(), quiet=True), net()
    companion.listen(own, [torch.optim.SGD(own.parameters(), 0.1)])
    (own(torch.rand(6, 3)) - 1).square().mean().backward()
    companion.hush()
    companion.doctor().step = lambda loss: 1 / 0
    companion.heard_loss(0.5)
    companion.stepped()
    assert companion.why.startswith("ZeroDivisionError")
    reasons = dict(companion.examined().not_applicable)
    assert "give loss=" in reasons["wrong_loss"]


def test_a_compiled_network_is_watched_without_being_overheard():
    companion, own = Companion(Given(), quiet=True), net()
    companion.listen(torch.compile(own, backend="eager"), [torch.optim.SGD(own.parameters(), 0.1)])
    assert companion.watching and "compiled" in companion.why


def test_losses_of_one_step_are_one():
    companion, own = Companion(Given(), quiet=True), net()
    optimizer = torch.optim.SGD(own.parameters(), 0.1)
    companion.listen(own, [optimizer])
    for part in (0.5, 1.5):
        functional.mse_loss(own(torch.rand(6, 3)), torch.ones(6, 1)).backward()
        companion.heard_loss(torch.tensor(part))
        companion.hush()
    optimizer.step()
    companion.stepped(sums=True)
    companion.epoch({"eval_loss": 0.25, "eval_runtime": 3.0})
    history = companion.doctor().case().history
    assert history["train_loss"].tolist() == [2.0] and history["val_loss"].tolist() == [0.25]
    assert "val_runtime" not in history.series


def test_a_missing_library_is_named_with_its_command():
    with pytest.raises(InputError) as caught:
        absent("LightningDoctor", "Lightning", "pip install lightning")(quiet=True)
    assert caught.value.code == "missing_extra" and "pip install lightning" in caught.value.hint
