"""Trainings of a second, watched: what the signals say, that nothing of the training changes, and that hooks go."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from retemper.core.records import NotApplicable
from retemper.doctor.looks import Signals
from retemper.doctor.observe import signals as signals_module
from retemper.doctor.observe.plan import EARLY_LOOKS
from retemper.doctor.observe.signals import Watched

X = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] - X[:, 1] > 0).long()
LOSS = nn.CrossEntropyLoss()


def network(dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(6, 16), nn.ReLU(), nn.Dropout(dropout), nn.BatchNorm1d(16), nn.Linear(16, 2)
    )


def steps(net, optimizer, watched, count=40, batch=32, zero=True, scale=1.0) -> list[float]:
    """A plain loop over random batches."""
    order, losses = torch.Generator().manual_seed(2), []
    for _ in range(count):
        rows = torch.randint(0, len(X), (batch,), generator=order)
        loss = LOSS(net(X[rows]), Y[rows])
        if zero:
            optimizer.zero_grad()
        (loss * scale).backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        if watched is not None:
            watched.after_step(loss)
    return losses


def watch(net, optimizer, **more) -> Watched:
    return Watched(net, optimizer if isinstance(optimizer, list) else [optimizer], (X, Y), LOSS, **more)


def seen(watched: Watched) -> Signals:
    found = watched.signals()
    assert not watched.failed and found is not None
    return found


def test_a_look_measures_the_step() -> None:
    net = network()
    before = net[0].weight.detach().clone()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.1))
    loss = LOSS(net(X), Y)
    loss.backward()
    gradient = float(net[0].weight.grad.norm())
    sgd.step()
    watched.after_step(loss)
    found = seen(watched)
    assert (
        found.names == ("0.weight", "4.weight") and found.sizes == (96, 32) and found.steps.tolist() == [1.0]
    )
    assert found.gradients[0, 0] == pytest.approx(gradient, rel=1e-5)
    assert found.updates[0, 0] == pytest.approx(0.1 * gradient / float(before.norm()), rel=1e-4)
    assert found.weights[0, 0] == pytest.approx(float(net[0].weight.detach().norm()), rel=1e-5)
    assert found.travelled[0, 0] == pytest.approx(0.1 * gradient, rel=1e-4)
    assert found.losses[0] == pytest.approx(float(loss.detach())) and found.rates.tolist() == [0.1]
    assert found.along[0] > 0.5 and found.stale[0] == 0
    net.eval()
    assert found.probe_losses[0] == pytest.approx(float(LOSS(net(X[:256]), Y[:256]).detach()), rel=1e-5)


def test_watched_and_unwatched_end_in_the_same_bits() -> None:
    ends = []
    for looked_at in (False, True):
        net = network(dropout=0.3)
        adam = torch.optim.Adam(net.parameters(), 0.01)
        torch.manual_seed(5)
        watched = watch(net, adam) if looked_at else None
        steps(net, adam, watched)
        ends.append([net.state_dict(), torch.get_rng_state(), [p.grad for p in net.parameters()]])
    assert all(torch.equal(ends[0][0][name], ends[1][0][name]) for name in ends[0][0])
    assert torch.equal(ends[0][1], ends[1][1])
    assert all(torch.equal(a, b) for a, b in zip(ends[0][2], ends[1][2], strict=True))


def test_looks_come_every_ten_steps_then_with_epochs_and_growing_steps() -> None:
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.01))
    steps(net, sgd, watched, 45)
    assert seen(watched).steps.tolist() == [1, 2, 10, 20, 30, 40]
    steps(net, sgd, watched, 600)
    later = seen(watched).steps
    assert len(later) == EARLY_LOOKS + 3 and (later[30:] >= 1.25 * later[29:-1]).all()
    watched.epoch_end()
    steps(net, sgd, watched, 12)
    assert 645 < seen(watched).steps[-1] <= 657


def test_looks_at_large_networks_keep_to_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals_module, "LARGE", 1)
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.01))
    steps(net, sgd, watched, 300, batch=8)
    assert seen(watched).steps.tolist() == [1, 10, 30, 90, 270]  # 300 steps of 8 rows pay for no more
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.01))
    steps(net, sgd, watched, 2400, batch=400)
    assert 10 < len(seen(watched).steps) <= 20


def test_hooks_go_and_copies_take_none_along() -> None:
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.01))
    steps(net, sgd, watched, 3)
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        copied(X)
        assert torch.equal(copied[0].weight, net[0].weight)
    copy.deepcopy(sgd)
    assert seen(watched).passes.learning == 3
    watched.close()
    assert (
        not net._forward_pre_hooks
        and not sgd._optimizer_step_pre_hooks
        and not sgd._optimizer_step_post_hooks
    )
    assert not any(p._backward_hooks for p in net.parameters())


def test_what_fails_while_looking_does_not_reach_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.1))
    steps(net, sgd, watched, 3)
    monkeypatch.setattr(signals_module, "lengths", lambda _: 1 / 0)
    losses = steps(net, sgd, watched, 40)
    assert "ZeroDivisionError" in watched.failed and losses[-1] < losses[0]
    assert len(watched.signals().steps) == 2 and not sgd._optimizer_step_pre_hooks


def test_optimizers_without_hooks_are_not_watched() -> None:
    net = network()
    watched = Watched(net, [object()], None, None)
    assert "register_step_pre_hook" in watched.failed or "param_groups" in watched.failed
    with pytest.raises(NotApplicable, match="could not be watched"):
        watched.signals()


def test_gradients_that_are_not_zeroed_are_seen() -> None:
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.001))
    steps(net, sgd, watched, 40, zero=False)
    assert np.nanmedian(seen(watched).stale) > 1


@pytest.mark.parametrize("set_to_none", [True, False])
def test_accumulation_and_clipping_are_not_stale(set_to_none: bool) -> None:
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.05))
    for number in range(80):
        loss = LOSS(net(X[:64]), Y[:64])
        loss.backward()
        if number % 4 == 3:
            nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            sgd.step()
            sgd.zero_grad(set_to_none=set_to_none)
        watched.after_step(loss)
    found = seen(watched)
    assert found.taken == 20 and len(found.steps) >= 3 and (found.stale == 0).all()
    assert (np.sqrt((found.gradients**2).sum(1)) < 0.11).all()


def test_closures_schedulers_and_several_optimizers() -> None:
    net = network()
    lbfgs = torch.optim.LBFGS(net.parameters(), 0.5, max_iter=3)
    watched = watch(net, lbfgs)

    def closure() -> torch.Tensor:
        lbfgs.zero_grad()
        value = LOSS(net(X), Y)
        value.backward()
        return value

    for _ in range(3):
        watched.after_step(lbfgs.step(closure))
    found = seen(watched)
    assert np.isnan(found.stale).all() and (found.gradients > 0).all() and (found.updates > 0).all()

    net = network()
    both = [torch.optim.SGD(net[0].parameters(), 0.1), torch.optim.Adam(net[4].parameters(), 0.01)]
    schedule = torch.optim.lr_scheduler.ExponentialLR(both[0], 0.5)
    watched = watch(net, both)
    for _ in range(12):
        loss = LOSS(net(X), Y)
        for own in both:
            own.zero_grad()
        loss.backward()
        for own in both:
            own.step()
        schedule.step()
        watched.after_step(loss)
    found = seen(watched)
    assert found.optimizers == 2 and np.isnan(found.stale).all() and (found.updates > 0).all()
    assert found.rates.tolist() == [0.1, 0.05, 0.01]


def test_sparse_gradients_shared_and_frozen_parameters() -> None:
    torch.manual_seed(0)
    table, head = nn.Embedding(20, 4, sparse=True), nn.Linear(4, 20, bias=False)
    tied = nn.Linear(4, 4)
    net = nn.Sequential(table, tied, nn.ReLU(), tied, head)
    head.weight.requires_grad_(False)
    codes = torch.arange(20)
    sgd = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.5)
    watched = Watched(net, [sgd], (codes, codes), LOSS)
    for _ in range(12):
        loss = LOSS(net(codes[:10]), codes[:10])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        watched.after_step(loss)
    found = seen(watched)
    assert (
        found.names == ("0.weight", "1.weight") and (found.gradients > 0).all() and (found.stale == 0).all()
    )
    assert found.unchanged == ()


def test_parameters_that_never_moved_and_calls_are_told() -> None:
    net = network(dropout=0.5)
    watched = watch(net, sgd := torch.optim.SGD(net[4].parameters(), 0.1))
    net.eval()
    steps(net, sgd, watched, 3)
    net.train()
    with torch.no_grad():
        net(X)
    found = seen(watched)
    assert found.unchanged == ("0.weight", "0.bias", "3.weight", "3.bias")
    calls = found.passes
    assert (calls.learning, calls.learning_in_evaluation, calls.judging, calls.judging_in_training) == (
        0,
        3,
        0,
        1,
    )
    assert calls.batch == 32


def test_the_first_thing_that_is_not_finite_is_named() -> None:
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.1))
    steps(net, sgd, watched, 6)
    watched.after_step(float("inf"))
    watched.after_step(torch.tensor(float("nan")))
    assert seen(watched).non_finite == ("loss", 7)
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.1))
    steps(net, sgd, watched, 3, scale=float("inf"))
    assert seen(watched).non_finite[0] == "gradient" and seen(watched).non_finite[1] == 1


def test_an_epoch_has_the_mean_of_its_losses() -> None:
    net = network()
    watched = watch(net, sgd := torch.optim.SGD(net.parameters(), 0.1))
    losses = steps(net, sgd, watched, 20)
    assert watched.epoch_end() == pytest.approx(np.mean(losses), rel=1e-6) and watched.epoch_end() is None


def test_half_precision_and_gradient_scalers() -> None:
    net = network()
    sgd, scaler = torch.optim.SGD(net.parameters(), 0.05), torch.amp.GradScaler("cpu")
    watched = watch(net, sgd)
    for _ in range(12):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = LOSS(net(X), Y)
        sgd.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(sgd)
        scaler.update()
        watched.after_step(loss)
    found = seen(watched)
    assert (
        (found.stale == 0).all()
        and (found.gradients < 10).all()
        and (found.along[np.isfinite(found.along)] > 0.3).all()
    )
