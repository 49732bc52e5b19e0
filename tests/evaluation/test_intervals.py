"""Intervals: do they cover, are they repeatable, do they fit the exact bootstrap?"""

import numpy as np
import pytest
from scipy.stats import binomtest

from retemper.core.errors import InputError
from retemper.core.seeds import generator
from retemper.evaluation import resampling
from retemper.evaluation.intervals import paired_gain, scores
from retemper.evaluation.metrics import metrics, weighted_metrics

SIMULATIONS, ROWS = 300, 400


def classes(random, rows, sharpness=1.6):
    """Three classes; the model is too sure of itself, so that its ece is about .1 (at 1: calibrated)."""
    x = random.normal(size=(rows, 3)) * 1.5
    cumulated = np.exp(x).cumsum(axis=1)
    y = (cumulated < random.random((rows, 1)) * cumulated[:, -1:]).sum(axis=1)
    sharp = np.exp(sharpness * x)
    return y, sharp / sharp.sum(axis=1, keepdims=True)


def calibrated(random, rows):
    return classes(random, rows, sharpness=1.0)


def values(random, rows):
    y = random.gamma(2.0, size=rows)
    return y, 0.8 * y + random.normal(size=rows) * 0.4


CASES = [("classification", classes), ("classification", calibrated), ("regression", values)]


@pytest.mark.parametrize(("task", "draw"), CASES)
def test_intervals_cover_the_truth_in_about_95_of_100(task, draw):
    truth = metrics(task, *draw(generator(1, "truth"), 400_000))
    hits = dict.fromkeys(truth, 0)
    for i in range(SIMULATIONS):
        found = scores(task, *draw(generator(i, "sample"), ROWS), resamples=200, seed=i)
        for name, score in found.items():
            hits[name] += score.low <= truth[name] <= score.high
    # The binomial noise of 300 simulations, and that of 200 resamples, are in these bounds.
    assert all(0.91 <= count / SIMULATIONS <= 0.99 for count in hits.values()), hits


def test_paired_gains_cover_the_truth():
    hits = 0
    for i in range(SIMULATIONS):
        random = generator(i, "pairs")
        noise = random.normal(size=ROWS)
        before, after = noise**2, (0.9 * noise + 0.2 * random.normal(size=ROWS)) ** 2
        gain, low, high = paired_gain(before, after, 200, i, root=True)
        assert low < gain < high
        hits += low <= 1 - np.sqrt(0.81 + 0.04) <= high
    assert 0.91 <= hits / SIMULATIONS <= 0.99


def test_a_resample_is_scored_as_its_rows_would_be():
    y, p = classes(generator(0, "rows"), 60)
    counts = next(resampling.draws(60, 100, seed=3))
    assert np.all(counts.sum(axis=0) == 60)
    drawn = np.repeat(np.arange(60), counts[:, 7].astype(int))
    weighted = weighted_metrics("classification", y, p)(counts)
    assert {name: found[7] for name, found in weighted.items()} == pytest.approx(
        metrics("classification", y[drawn], p[drawn])
    )


def test_the_seed_alone_fixes_the_interval(monkeypatch):
    y, p = classes(generator(0, "rows"), 200)
    first = scores("classification", y, p, 300, seed=1)
    assert scores("classification", y, p, 300, seed=1) == first
    assert scores("classification", y, p, 300, seed=2) != first
    monkeypatch.setattr(resampling, "CHUNK_CELLS", 5_000)  # more chunks, the same numbers
    chunked = scores("classification", y, p, 300, seed=1)
    assert chunked["log_loss"].low == pytest.approx(first["log_loss"].low)


def test_no_mistake_in_100_rows_is_no_proof_of_perfection():
    y = np.arange(100) % 2
    p = np.where(y[:, None] == [0, 1], 0.9, 0.1)
    found = scores("classification", y, p, 100)
    exact = binomtest(100, 100).proportion_ci(0.95).low
    assert found["accuracy"].low == pytest.approx(exact) and found["accuracy"].high == 1.0
    assert found["roc_auc"].low < found["accuracy"].low  # 50 rows a class are less evidence


def test_an_interval_that_can_not_be_had_is_none():
    y = np.array([0] * 80 + [1])  # the one row of class 1 is missing in a third of the resamples
    p = np.tile([0.9, 0.1], (81, 1))
    found = scores("classification", y, p, 200)
    assert found["roc_auc"].value == 0.5 and found["roc_auc"].low is None
    assert found["accuracy"].low is not None


def test_every_interval_holds_its_value():
    y, p = classes(generator(5, "rows"), 50)
    assert all(s.low <= s.value <= s.high for s in scores("classification", y, p, 100).values())


def test_weights_count_as_repeated_rows():
    y, v = values(generator(0, "rows"), 40)
    weight = np.arange(40) % 3 + 1.0
    found = scores("regression", y, v, 100, weight=weight)
    repeated = np.repeat(np.arange(40), weight.astype(int))
    assert found["rmse"].value == pytest.approx(metrics("regression", y[repeated], v[repeated])["rmse"])


def test_too_few_resamples_and_bad_losses_are_refused():
    with pytest.raises(InputError, match="resamples ≥ 100"):
        scores("regression", [1.0, 2.0], [1.0, 2.0], resamples=10)
    with pytest.raises(InputError, match="finite"):
        paired_gain([1.0, np.nan], [1.0, 1.0])
