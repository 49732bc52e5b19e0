import numpy as np
import pytest
from scipy.special import log_softmax

from retemper.evaluation.calibration import apply_temperature, fit_temperature, reliability
from retemper.evaluation.metrics import metrics

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_again(true_temperature):
    logits = RANDOM.normal(size=(20_000, 4)) * 2
    noise = RANDOM.gumbel(size=logits.shape)
    y = (logits / true_temperature + noise).argmax(axis=1)
    log_p = log_softmax(logits, axis=1)
    found = fit_temperature(log_p, y)
    assert found == pytest.approx(true_temperature, rel=0.05)
    before, after = (
        metrics("classification", y, p) for p in (np.exp(log_p), apply_temperature(log_p, found))
    )
    assert after["log_loss"] <= before["log_loss"] + 1e-9 and after["ece"] < 0.015
    assert after["accuracy"] == before["accuracy"]


def test_weights_count_as_repeated_rows():
    log_p, y = log_softmax(RANDOM.normal(size=(50, 3)), axis=1), RANDOM.integers(3, size=50)
    weight = np.arange(50) % 3
    repeated = np.repeat(np.arange(50), weight)
    whole = fit_temperature(log_p[repeated], y[repeated])
    assert fit_temperature(log_p, y, weight) == pytest.approx(whole, rel=1e-3)


@pytest.mark.parametrize("rows", [20, 200])
def test_rows_without_a_mistake_leave_room_for_one(rows):
    y = np.arange(rows) % 2
    log_p = log_softmax(np.where(y[:, None] == [0, 1], 3.0, 0.0), axis=1)
    p = apply_temperature(log_p, fit_temperature(log_p, y))
    assert 1 - p.max(axis=1) == pytest.approx(1 / (rows + 2), rel=1e-2)


def test_probabilities_of_zero_stay_finite():
    with np.errstate(divide="ignore"):
        log_p = np.log([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    temperature = fit_temperature(log_p, [0, 1, 1])
    assert temperature == pytest.approx(20.0, rel=1e-2)
    assert np.isfinite(apply_temperature(log_p, temperature)).all()


def test_reliability_counts_every_row_once_and_gives_the_ece():
    p = RANDOM.dirichlet(np.ones(3), 500)
    y = RANDOM.integers(3, size=500)
    bins = reliability(p, y)
    assert sum(b["rows"] for b in bins) == 500
    gap = sum(b["rows"] * abs(b["accuracy"] - b["confidence"]) for b in bins) / 500
    assert gap == pytest.approx(metrics("classification", y, p)["ece"])
