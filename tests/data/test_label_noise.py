"""The noise of labels: rates read off the surest rows, blends that trust the right model, matched rows told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import check_grad

from retemper.data import label_blend
from retemper.data.additive import additive_classifier
from retemper.data.label_blend import average, blend
from retemper.data.label_noise import estimate, located, sure_errors, surest
from retemper.data.matched import matched_groups

Array = np.ndarray[Any, Any]


def _noisy(rate: float, rows: int = 6000, classes: int = 3) -> tuple[Array, Array, Array]:
    """True probabilities of clouds, labels drawn from them, and the labels after flips."""
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 4, (rows, classes))
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    right = (truth.cumsum(axis=1) > draw.random((rows, 1))).argmax(axis=1)
    wrong = draw.random(rows) < rate
    return truth, right, np.where(wrong, (right + draw.integers(1, classes, rows)) % classes, right)


def _learnt(truth: Array, rate: float) -> Array:
    """What a perfect model says that has learnt the noise too."""
    stray = rate / (truth.shape[1] - 1)
    return np.asarray((1 - rate - stray) * truth + stray)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.25])
def test_the_surest_rows_tell_the_rate(rate: float) -> None:
    truth, _, given = _noisy(rate)
    found = sure_errors(_learnt(truth, rate), given)
    assert found.rate == pytest.approx(rate, rel=0.2) and found.rows >= 300
    assert found.low < found.rate < found.high


def test_overlap_is_no_noise_where_rows_get_sure() -> None:
    truth, right, _ = _noisy(0.0)
    found = sure_errors(truth, right)
    assert found.rate < 0.02 and (truth.argmax(axis=1) != right).mean() > 0.1


def test_located_names_what_the_likelihood_alone_misses() -> None:
    truth, right, given = _noisy(0.1)
    models = _learnt(truth, 0.1)[None]
    cautious = estimate(average(models), given, 0)
    noise = located(cautious, models, given, 0)
    assert 1.3 * cautious.rate < noise.rate < 0.11 and noise.low <= 0.1 <= noise.high
    wrong, named = given != right, surest(noise.wrong)
    assert wrong[named].mean() > 0.7
    assert noise.wrong.sum() == pytest.approx(noise.rate * len(given), rel=0.1)
    assert np.allclose(noise.clean.sum(axis=1), 1)


def test_the_blend_trusts_who_knows() -> None:
    truth, right, given = _noisy(0.1)
    guess = np.random.default_rng(1).dirichlet(np.ones(3), len(given))
    models = np.stack([guess, _learnt(truth, 0.1)])

    def misses(q: Array) -> float:
        return float((q.argmax(axis=1) != right).mean())

    assert misses(blend(models, given, 0)) == pytest.approx(misses(models[1]), abs=0.005)
    assert misses(average(models)) > misses(models[1]) + 0.05


def test_the_blends_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, _, given = _noisy(0.1, 200)
    seen: list[float] = []

    def look(loss: Any, start: Array, **_: Any) -> Any:
        point = start + np.linspace(0.01, 0.05, len(start))
        seen.append(check_grad(lambda x: loss(x)[0], lambda x: loss(x)[1], point))
        return type("Found", (), {"x": start})

    monkeypatch.setattr(label_blend, "minimize", look)
    blend(np.stack([truth, truth[:, ::-1]]) * 0.9 + 0.1 / 3, given, 0)
    assert seen[0] < 1e-6


def test_many_rows_are_fitted_on_some(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, _, given = _noisy(0.1)
    whole = blend(truth[None], given, 0, 0.1)
    monkeypatch.setattr(label_blend, "FITTED_ROWS", 2000)
    part = blend(truth[None], given, 0, 0.1)
    assert not np.array_equal(whole, part) and np.abs(whole - part).max() < 0.1


def test_matched_rows_are_found_and_chance_is_not() -> None:
    draw = np.random.default_rng(0)
    strata, given = np.repeat(np.arange(60.0), 3), np.tile([1, 0, 0], 60)
    noise = draw.integers(0, 60, 180).astype(float)
    groups = matched_groups(np.stack([noise, strata, draw.normal(size=180)], axis=1), given)
    assert groups is not None and np.array_equal(groups, strata)
    assert matched_groups(np.stack([noise, strata], axis=1), draw.permutation(given)) is None
    gaps = np.where(np.arange(180) < 90, strata, np.nan)
    assert matched_groups(np.full((180, 1), np.nan), given) is None
    half = matched_groups(gaps[:, None], given)
    assert half is None or len(np.unique(half[90:])) == 90, "rows without a value match nobody"


def test_a_value_of_many_rows_is_no_matched_group() -> None:
    common = np.repeat([0.0, 1.0], [800, 200])
    given = np.concatenate([np.tile([0, 1], 400), np.zeros(200, np.int64)])
    assert matched_groups(common[:, None], given) is None
    strata = np.concatenate([np.repeat(np.arange(1.0, 101.0), 2), np.zeros(800)])
    groups = matched_groups(strata[:, None], np.tile([0, 1], 500))
    assert groups is not None and np.unique(groups, return_counts=True)[1].max() == 2


def test_the_linear_model_takes_gaps_levels_and_constants() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 2))
    x[::7, 0] = np.nan
    levels = draw.integers(0, 40, (300, 1)).astype(float)
    columns = np.concatenate([x, np.ones((300, 1)), levels], axis=1)
    y = (levels[:, 0] < 20).astype(int)
    model = additive_classifier(200, 3, 1).fit(columns[:200], y[:200])
    columns[250:, 3] = 99.0
    said = model.predict_proba(columns[200:])
    assert np.isfinite(said).all() and (said.argmax(axis=1)[:50] == y[200:250]).mean() > 0.7
