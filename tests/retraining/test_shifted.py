"""A few numbers after the outputs: the right ones, and in the last layer whatever the head."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp, softmax
from sklearn.linear_model import LogisticRegression

from retemper.retraining import shifted
from retemper.retraining.shifted import PRIOR_ROWS, Shift, fit_classes, fit_values

from .made import champion, table

CHAMPIONS = {
    "classes": ("classes", {}),
    "one output": ("one output", {}),
    "values": ("numbers", {}),
    "copies": ("classes", {"model__name": "tabm", "model__copies": 3}),
    "copies of one output": ("one output", {"model__name": "tabm", "model__copies": 3}),
    "deep": ("classes", {"model__depth": 2}),
}


@pytest.mark.parametrize("name", CHAMPIONS)
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_last_layer_holds_the_shift(name: str, temperature: float) -> None:
    target, recipe = CHAMPIONS[name]
    # Values have no temperature.
    model = replace(champion(target, 1, **recipe), temperature=1.0 if target == "numbers" else temperature)
    rows = table(target, 60, 3)
    said = model.outputs(rows)
    if target == "numbers":
        found = Shift(1.3, np.array([0.7])).of(model).outputs(rows)
        codec = model.target_codec
        np.testing.assert_allclose(codec.scale(found), 1.3 * codec.scale(said) + 0.7, atol=1e-5)
        return
    shift = np.linspace(-0.5, 0.8, said.shape[1])
    found = Shift(1.3, shift).of(model).outputs(rows)
    if name.startswith("copies"):
        # Of copies each is shifted, and their mean is over probabilities: near, and in the same direction.
        wanted = softmax(1.3 * np.log(said) + shift, axis=1)
        assert np.abs(found - wanted).max() < 0.1 < np.abs(wanted - said).max()
        return
    np.testing.assert_allclose(found, softmax(1.3 * np.log(said) + shift, axis=1), atol=1e-5)


def test_all_networks_are_shifted() -> None:
    model, rows = champion("classes", 3), table("classes", 60, 3)
    both = Shift(1.0, np.array([0.0, 5.0, 0.0])).of(model)
    for before, after in zip(model.parts, both.parts, strict=True):
        alone = [
            replace(model, parts=(replace(part, weight=1.0),)).outputs(rows)[:, 1] for part in (before, after)
        ]
        assert (alone[1] > alone[0]).all()


def test_two_classes_by_logistic_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the prior rows the fit is Platt's: one coefficient on the log odds, and one intercept."""
    monkeypatch.setattr(shifted, "PRIOR_ROWS", 1e-9)
    draw = np.random.default_rng(0)
    odds = draw.normal(size=2000)
    y = (draw.random(2000) < 1 / (1 + np.exp(-(0.5 * odds - 1)))).astype(int)
    p = 1 / (1 + np.exp(-odds))
    weight = draw.uniform(0.5, 1.5, 2000)
    found = fit_classes(np.stack([1 - p, p], axis=1), y, weight)
    reference = LogisticRegression(C=1e12, tol=1e-10).fit(odds[:, None], y, weight)
    assert found.scale == pytest.approx(float(reference.coef_[0, 0]), abs=2e-3)
    assert found.shift[1] - found.shift[0] == pytest.approx(float(reference.intercept_[0]), abs=2e-3)


def test_many_classes_by_a_minimum_in_every_direction() -> None:
    draw = np.random.default_rng(1)
    p = draw.dirichlet(np.ones(4), 500)
    y, weight = draw.integers(4, size=500), draw.uniform(0.5, 2, 500)
    found = fit_classes(p, y, weight)

    def loss(log_scale: float, shift: np.ndarray) -> float:
        z = np.exp(log_scale) * np.log(p) + shift
        own = -(z[np.arange(500), y] - logsumexp(z, axis=1))
        return float(weight @ own + PRIOR_ROWS / 2 * (log_scale**2 + shift @ shift))

    here = loss(np.log(found.scale), found.shift)
    for _ in range(20):
        step = 0.02 * draw.normal(size=5)
        assert loss(np.log(found.scale) + step[0], found.shift + step[1:]) > here


def test_the_shares_of_the_classes_have_changed() -> None:
    """A pure prior shift is undone by the logarithm of the shares' ratio (Saerens et al. 2002)."""
    draw = np.random.default_rng(2)
    y = (draw.random(20_000) < 0.8).astype(int)
    x = draw.normal(2 * y - 1, 1.5)
    even = 1 / (1 + np.exp(-2 * x / 1.5**2))
    found = fit_classes(np.stack([1 - even, even], axis=1), y, np.ones(len(y)))
    assert found.shift[1] - found.shift[0] == pytest.approx(np.log(0.8 / 0.2), abs=0.08)
    assert found.scale == pytest.approx(1, abs=0.05)


def test_a_line_by_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shifted, "PRIOR_ROWS", 0.0)
    draw = np.random.default_rng(3)
    values, weight = draw.normal(size=300), draw.uniform(0.5, 2, 300)
    y = 1.7 * values - 0.4 + 0.3 * draw.normal(size=300)
    found = fit_values(values, y, weight)
    slope, intercept = np.polyfit(values, y, 1, w=np.sqrt(weight))
    assert found.scale == pytest.approx(slope) and found.shift[0] == pytest.approx(intercept)


def test_few_rows_shift_little_and_none_not_at_all() -> None:
    p, y = np.tile([0.5, 0.5], (3, 1)), np.ones(3, dtype=int)
    found = fit_classes(p, y, np.ones(3))
    assert 0 < found.shift[1] - found.shift[0] < 0.5
    line = fit_values(np.array([0.0, 1.0]), np.array([5.0, 6.0]), np.ones(2))
    assert 0 < line.shift[0] < 2.5


def test_values_that_are_all_the_same_are_shifted_alone() -> None:
    found = fit_values(np.full(400, 2.0), np.full(400, 3.0), np.ones(400))
    assert found.scale * 2 + found.shift[0] == pytest.approx(3, abs=0.05)
    assert found.scale > 0


def test_sure_and_wrong_words_stay_finite() -> None:
    p = np.tile([1.0, 0.0], (50, 1))
    found = fit_classes(p, np.ones(50, dtype=int), np.ones(50))
    assert np.isfinite(found.scale) and np.isfinite(found.shift).all() and found.scale < 1
