"""The doctor beside Keras's own fit, on PyTorch; skipped where Keras is not installed."""

import importlib.util
import os
import warnings

import numpy as np
import pytest

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)
os.environ["KERAS_BACKEND"] = "torch"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras

    from retemper.api.callbacks.keras import KerasDoctor

pytestmark = pytest.mark.filterwarnings("ignore")
X = np.random.default_rng(0).normal(size=(384, 4)).astype(np.float32)
Y = (X[:, :1] + X[:, 1:2] > 0).astype(np.float32)
TRAIN, HELD_OUT = (X[:256], Y[:256]), (X[256:], Y[256:])


@pytest.fixture(autouse=True)
def plain_precision():
    yield
    keras.mixed_precision.set_dtype_policy("float32")


def fitted(doctor, head="sigmoid", optimizer=None, frozen=False):
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(16, activation="relu", trainable=not frozen)
    model = keras.Sequential(
        [keras.Input((4,)), hidden, keras.layers.Dense(1, activation=head, dtype="float32")]
    )
    model.compile(optimizer or keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    callbacks = [doctor] if doctor else []
    model.fit(*TRAIN, epochs=6, batch_size=32, validation_data=HELD_OUT, verbose=0, callbacks=callbacks)
    return model


def test_a_fault_is_named_first_and_told_at_the_end(capsys):
    doctor = KerasDoctor(train_data=TRAIN, val_data=HELD_OUT)
    fitted(doctor, "softmax")
    assert doctor.findings()[0].code == "single_unit_softmax" and doctor.findings()[0].severity == "error"
    assert "single_unit_softmax" in capsys.readouterr().out


def test_a_healthy_training_raises_nothing_and_keeps_its_bits():
    doctor = KerasDoctor(train_data=TRAIN, val_data=HELD_OUT, quiet=True)
    watched, alone = fitted(doctor), fitted(None)
    assert not [own for own in doctor.findings() if own.severity != "advice"]
    for mine, other in zip(watched.get_weights(), alone.get_weights(), strict=True):
        assert np.array_equal(mine, other)
    assert "compute_loss" not in vars(watched)
    assert not {"apply", "scale_loss"} & set(vars(watched.optimizer))


def test_network_loss_rows_and_curves_are_found_without_a_word():
    doctor = KerasDoctor(quiet=True)
    fitted(doctor)
    case = doctor.doctor.case()
    assert case.loss.wants == "probabilities" and case.data.rows == 32
    assert len(case.history["val_loss"]) == 6 and case.signals.taken == 48
    assert case.optimizer.name == "adam" and case.optimizer.learning_rate == pytest.approx(0.01)
    assert (case.signals.gradients > 0).all() and (case.signals.updates > 0).all()


def test_accumulated_batches_make_one_step():
    doctor = KerasDoctor(quiet=True)
    fitted(doctor, optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=4))
    assert doctor.doctor.case().signals.taken == 12


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_watched(policy):
    keras.mixed_precision.set_dtype_policy(policy)
    doctor = KerasDoctor(quiet=True)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    fitted(doctor, optimizer=scaled if policy == "mixed_float16" else keras.optimizers.SGD(0.1))
    signals = doctor.doctor.case().signals
    assert signals.taken > 40 and (signals.losses < 2).all()
    assert np.nanmax(signals.gradients) < 10 and not signals.non_finite[1]


def test_frozen_layers_are_no_signals():
    doctor = KerasDoctor(quiet=True)
    fitted(doctor, frozen=True)
    case = doctor.doctor.case()
    assert len(case.network.frozen) == 2 and len(case.signals.names) == 1
