"""What a training does step by step: micro-batches, rates, stopping, precision."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from retemper.core.budget import Deadline
from retemper.core.errors import InputError
from retemper.models.layers.inputs import InputShape
from retemper.training.arrays import SplitArrays, TaskArrays
from retemper.training.callback import Callback
from retemper.training.callbacks import Record
from retemper.training.loop import Training
from retemper.training.plan import Rows, outputs_in_chunks
from retemper.training.planning import callbacks_of
from retemper.training.plateau import OnPlateauState
from retemper.training.precision import compute_dtype
from retemper.training.schedules import ENTRIES as SCHEDULES
from retemper.training.stack import Layout, Member

NO_DROPOUT = (Member(0, 1e-2, weight_decay=0.1), Member(1, 3e-2))


def _quiet(share: float, text: str) -> None:
    return None


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_gradients_are_the_large_batchs(
    plan_for: Any, train: Any, task_arrays: Any, classes: int, parts: int
) -> None:
    data = task_arrays(classes, (0.3, 1.0, 4.0) if classes else None)
    assert data.train.weight.std() > 0.1
    rows = []
    for steps in (1, parts):
        options = {"batch_size": 128, "accumulate_steps": steps, "optimizer": "momentum"}
        plan = plan_for(data, torch.float64, training=options, members=NO_DROPOUT, epochs=5)
        rows.append(train(plan)[0].stack.buffers["parameters"])
    torch.testing.assert_close(rows[1], rows[0], rtol=0, atol=1e-12)
    assert not torch.equal(rows[1], rows[0]), "nothing was accumulated"


@pytest.mark.parametrize("parts", [1, 3])
def test_a_batch_of_zero_weights_moves_nothing_but_the_decay(plan_for: Any, train: Any, parts: int) -> None:
    plan = plan_for(training={"batch_size": 75, "accumulate_steps": parts, "optimizer": "sgd"}, epochs=1)
    rows = plan.train
    plan = replace(plan, train=Rows(rows.x, rows.codes, rows.y, torch.zeros_like(rows.weight), rows.count))
    training, fits = train(plan)
    assert all(torch.isfinite(fit.row).all() for fit in fits)
    assert training.losses.tolist() == [[0.0] * 3] * 2


def test_resampled_a_member_has_the_same_bits_alone(plan_for: Any, train: Any) -> None:
    options = {"loss": {"name": "cross_entropy", "resampling": "sqrt"}}
    _, both = train(plan_for(training=options, members=NO_DROPOUT, epochs=2))
    _, alone = train(plan_for(training=options, members=NO_DROPOUT[1:], epochs=2))
    _, plain = train(plan_for(training={"loss": "cross_entropy"}, members=NO_DROPOUT, epochs=2))
    assert torch.equal(alone[0].row, both[1].row)
    assert not torch.equal(plain[1].row, both[1].row), "nothing was resampled"


class Rates(Callback):
    """Notes the rates of every step."""

    def __init__(self) -> None:
        self.values: list[list[float]] = []

    def on_step_end(self, training: Training) -> None:
        self.values.append(training.last_rates())


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "on_plateau"])
def test_rates_follow_the_schedule(plan_for: Any, name: str) -> None:
    schedule = {"name": name, "warmup_fraction": 0.2}
    plan, rates = plan_for(training={"schedule": schedule}, epochs=3), Rates()
    Training(plan, [*callbacks_of(plan, _quiet, None, None), rates]).run()
    factors = plan.options.schedule.options.factors(15, 5)
    expected = factors[:, None] * [member.learning_rate for member in plan.members]
    np.testing.assert_allclose(rates.values, expected, rtol=1e-6)


def test_given_rates_take_the_place_of_rate_and_schedule(plan_for: Any) -> None:
    given = np.geomspace(1e-4, 1e-1, 10)
    plan, rates = plan_for(epochs=2, rates=tuple(given)), Rates()
    Training(plan, [*callbacks_of(plan, _quiet, None, None), rates]).run()
    np.testing.assert_allclose(rates.values, np.repeat(given[:, None], 3, 1), rtol=1e-6)


def test_on_plateau_lowers_the_rate_of_who_stalls(plan_for: Any, train: Any) -> None:
    members = (Member(0, 1e-3), Member(1, 3.0))
    schedule = {"name": "on_plateau", "gamma": 0.1, "patience_epochs": 1}
    plan = plan_for(training={"schedule": schedule, "optimizer": "sgd"}, members=members, epochs=12)
    steady, wild = (fit.history for fit in train(plan)[1])
    assert {row["learning_rate"] for row in steady} == {steady[0]["learning_rate"]}
    assert wild[-1]["learning_rate"] < 0.5
    state, factor = OnPlateauState(plan.options.schedule.options), 1.0
    for row in wild:
        assert row["learning_rate"] == pytest.approx(3.0 * factor)
        factor = state.update(row["val_loss"])


@pytest.mark.parametrize(("judge", "column"), [("plain", "val_loss"), ("calibrated", "val_loss_calibrated")])
def test_early_stopping_keeps_the_best_epoch(plan_for: Any, train: Any, judge: str, column: str) -> None:
    plan = plan_for(training={"patience_epochs": 3, "judge": judge}, epochs=60)
    training, fits = train(plan)
    assert len(training.stack) == 0 and training.epoch < 60
    for fit in fits:
        losses = [row[column] for row in fit.history]
        assert len(losses) == fit.epochs == fit.best_epoch + 3
        assert fit.val_loss == min(losses) == losses[fit.best_epoch - 1]


def test_the_kept_head_is_as_sure_as_validation_asks(plan_for: Any, train: Any) -> None:
    """The kept parameters, used as they are, have the loss they were judged by; no scale is better with doubt."""
    data = plan_for(epochs=25, training={"judge": "calibrated"})
    _, fits = train(data)
    rows = torch.stack([fit.row for fit in fits])
    outputs = torch.cat(
        list(outputs_in_chunks(data.network, Layout(data.network).views(rows), data.validation)), 1
    )
    y, weight = data.validation.y, data.validation.weight

    def loss(scale: float, smoothing: float = 0.0) -> Any:
        rows = data.loss.rows(outputs * scale, y, smoothing=smoothing)
        return ((rows * weight).sum(1) / weight.sum()).numpy()

    np.testing.assert_allclose(loss(1.0), [fit.val_loss for fit in fits], rtol=1e-4)
    classes = max(2, data.network.head.outputs)
    doubt = classes / (classes - 1) / (data.validation.count + 2)
    for scale in (1 / 1.44, 1.44):
        assert (loss(scale, doubt) > loss(1.0, doubt)).all()


class Poison(Callback):
    """Makes a member's parameters NaN before its third epoch."""

    def on_epoch_start(self, training: Training) -> None:
        if training.epoch == 2:
            training.stack.buffers["parameters"][0] = float("nan")


def test_a_network_that_is_lost_keeps_its_last_good_epoch(plan_for: Any) -> None:
    plan = plan_for(training={"patience_epochs": 4}, epochs=10)
    fit, other, _ = Training(plan, [Poison(), *callbacks_of(plan, _quiet, None, None)]).run()
    assert fit.best_epoch <= 2 and torch.isfinite(fit.row).all() and np.isfinite(fit.val_loss)
    assert fit.epochs == 3 and np.isnan(fit.history[-1]["val_loss"])  # it leaves the stack at once
    assert other.best_epoch > 2


def test_without_validation_rows_the_last_epoch_counts(plan_for: Any, train: Any) -> None:
    training, fits = train(replace(plan_for(epochs=3), validation=None))
    for slot, fit in enumerate(fits):
        assert fit.best_epoch == fit.epochs == 3 and np.isnan(fit.val_loss)
        assert torch.equal(fit.row, training.stack.buffers["parameters"][slot])


def test_a_deadline_of_units_stops_at_that_step(plan_for: Any) -> None:
    plan = plan_for(epochs=4)
    callbacks = callbacks_of(plan, _quiet, None, None)
    training = Training(plan, callbacks, Deadline("test", None, 13))
    fits = training.run()
    assert (training.step, training.epoch, training.over) == (13, 3, True)
    assert [row["step"] for row in fits[0].history] == [5, 10, 13]
    assert training.losses.shape == (3, 3)


def test_signals_of_an_epoch_cut_short_are_its_own(plan_for: Any) -> None:
    plan = plan_for(training={"batch_size": 4}, epochs=3)
    callbacks = callbacks_of(plan, _quiet, None, None)
    Training(plan, callbacks, Deadline("test", None, 39)).run()
    record = next(callback for callback in callbacks if isinstance(callback, Record))
    whole, short = record.rows[3]
    assert set(short) == set(whole) >= {"gradient_norm", "update_ratio", "weight_norm"}
    assert short["weight_norm"] != whole["weight_norm"]
    weights = {own.name: own.shape for own in plan.network.parameters if own.decays}
    assert {name.removeprefix("gradient_rms.") for name in short if "." in name} == {
        *weights,
        *(f"update_ratio.{name}" for name in weights),
    }
    norms = [short[f"gradient_rms.{name}"] * (a * b) ** 0.5 for name, (a, b) in weights.items()]
    assert 0 < math.hypot(*norms) <= short["gradient_norm"] * (1 + 1e-6)


@pytest.mark.parametrize("name", ["linear", "mlp", "residual_mlp"])
def test_mixed_precision_trains_in_bfloat16_and_keeps_float32(plan_for: Any, train: Any, name: str) -> None:
    model = {"name": name, "periodic_frequencies": 2}
    plan = plan_for(training={"mixed_precision": "on"}, epochs=10, members=NO_DROPOUT, model=model)
    training, fits = train(plan)
    assert training.compute_dtype == torch.bfloat16
    assert {buffer.dtype for buffer in training.stack.buffers.values()} == {torch.float32}
    for fit in fits:
        assert fit.row.dtype == torch.float32
        assert fit.history[-1]["train_loss"] < 0.8 * fit.history[0]["train_loss"]


@pytest.mark.parametrize(
    ("model", "rate"),
    [({"name": "linear"}, 0.1), ({"name": "ft_transformer", "depth": 1, "heads": 1, "dropout": 0}, 0.003)],
)
def test_places_that_bfloat16_takes_for_one_are_told_apart(
    plan_for: Any, train: Any, model: Any, rate: float
) -> None:
    y = np.arange(96) % 2
    dense = np.stack([np.zeros(96), np.where(y, 40.12, 40.0)], 1).astype(np.float32)
    assert len(torch.from_numpy(dense[:, 1]).bfloat16().unique()) == 1
    rows = SplitArrays(dense, np.zeros((96, 0), dtype=np.int16), y, np.ones(96, dtype=np.float32))
    shape = InputShape(2, 1, bins=(48,))
    data = TaskArrays("classification", 2, shape, (0.5, 0.5), None, rows, rows)
    members = (Member(0, rate),)
    plan = plan_for(data, training={"mixed_precision": "on"}, epochs=60, members=members, model=model)
    fit = train(plan)[1][0]
    assert min(row["val_loss"] for row in fit.history) < 0.5


def test_mixed_precision_where_the_device_has_none() -> None:
    with pytest.raises(InputError) as caught:
        compute_dtype("on", torch.device("mps"), torch.float32)
    assert caught.value.code == "no_mixed_precision" and caught.value.exit_code == 2
    assert compute_dtype("auto", torch.device("mps"), torch.float32) == torch.float32
    assert compute_dtype("on", torch.device("cpu"), torch.float32) == torch.bfloat16
    assert compute_dtype("off", torch.device("cpu"), torch.float32) == torch.float32
