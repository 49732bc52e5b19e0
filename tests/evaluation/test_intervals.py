"""Intervals: do they cover, are they repeatable, do they fit the exact bootstrap?"""

import numpy as np
import pytest
from scipy.stats import binom, norm

from retemper.core.errors import InputError
from retemper.core.seeds import generator
from retemper.evaluation import resampling
from retemper.evaluation.intervals import paired_gain, scores
from retemper.evaluation.metrics import metrics, weighted_metrics
from retemper.evaluation.share_intervals import share_interval

SIMULATIONS, ROWS = 120, 400


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
    # The interval of ece near 0 is one-sided.
    least = {name: 0.9 if name == "ece" else 0.915 for name in hits}
    off = {name: count for name, count in hits.items() if not least[name] <= count / SIMULATIONS <= 0.99}
    assert not off


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
    assert found["accuracy"].low == pytest.approx(100 / (100 + norm.ppf(0.975) ** 2))
    assert found["accuracy"].high == 1.0
    assert 0.96 < found["roc_auc"].low < 0.98
    assert found["balanced_accuracy"].low < found["accuracy"].low


def test_no_log_loss_is_feared_that_the_probabilities_rule_out():
    """Of 20 rows one is wrong; a row can cost −log .02 at most, and a share of .3 of such rows is too many."""
    p = np.tile([0.98, 0.02], (20, 1))
    y = np.zeros(20, dtype=int)
    y[0] = 1
    found = scores("classification", y, p, 200)["log_loss"]
    assert found.value < found.high < 0.3 * -np.log(0.02)
    doubled = scores("classification", y, p, 200, group=np.arange(20), weight=np.full(20, 2.0))["log_loss"]
    assert doubled.high == pytest.approx(found.high)


def test_log_loss_of_few_rows_covers_without_endless_intervals():
    truth = metrics("classification", *classes(generator(1, "truth"), 100_000))["log_loss"]
    found = [
        scores("classification", *classes(generator(k, "few"), 12), resamples=100)["log_loss"]
        for k in range(80)
    ]
    assert np.mean([own.low <= truth <= own.high for own in found]) >= 0.9
    assert np.quantile([own.high for own in found], 0.9) < 8 * truth


def test_one_row_of_a_class_says_little_about_it():
    y = np.array([0] * 80 + [1])
    p = np.tile([0.9, 0.1], (81, 1))
    found = scores("classification", y, p, 200)
    assert found["roc_auc"].value == 0.5 and found["roc_auc"].high - found["roc_auc"].low > 0.7
    assert found["balanced_accuracy"].high > 0.9  # a recall of 0 of 1
    assert found["precision_macro"].high > 0.98  # a class that was never called


def test_binomial_intervals_cover_in_the_mean():
    hits, total = 0.0, 0
    for share in np.linspace(0.5, 0.99, 50):
        seen = np.arange(41)
        low, high = share_interval(seen / 40, np.full(41, 40.0))
        hits += binom.pmf(seen, 40, share)[(low <= share) & (share <= high)].sum()
        total += 1
    assert 0.945 < hits / total < 0.965


def test_rows_of_a_group_are_one_piece_of_evidence():
    y, p = classes(generator(4, "rows"), 60)
    once = scores("classification", y, p, 400)
    again = np.repeat(np.arange(60), 5)
    repeated = scores("classification", y[again], p[again], 400, group=again)
    alone = scores("classification", y[again], p[again], 400)
    for name in set(once) - {"ece"}:
        widths = [found[name].high - found[name].low for found in (once, repeated, alone)]
        # Small-sample terms differ: 300 rows in 60 groups are counted as 60 rows of the mean, not of the variance.
        assert widths[1] == pytest.approx(widths[0], rel=0.12), name
        assert widths[2] < 0.6 * widths[0], name
    y, v = values(generator(4, "rows"), 60)
    once = scores("regression", y, v, 400)
    repeated = scores("regression", y[again], v[again], 400, group=again)
    for name, score in once.items():
        assert (repeated[name].low, repeated[name].high) == pytest.approx((score.low, score.high)), name


def test_a_gain_on_few_rows_is_not_called_sure():
    """Without a true gain, each side is passed about once in 40 times; percentiles alone do it once in 13."""
    passed = 0
    for i in range(400):
        _, low, high = paired_gain(generator(i, "few rows").normal(size=5), np.zeros(5), 200, i)
        passed += low > 0 or high < 0
    assert 0.02 <= passed / 400 <= 0.09
    assert paired_gain([1.0], [0.5]) == (0.5, -np.inf, np.inf)
    assert paired_gain([1.0, 2.0], [0.5, 0.5], group=np.array([3, 3])) == (1.0, -np.inf, np.inf)


def test_a_gain_of_repeated_rows_is_that_of_the_rows_once():
    random = generator(8, "rows")
    before, after = random.exponential(size=(2, 60))
    again = np.repeat(np.arange(60), 5)
    once = paired_gain(before, after, 400)
    assert paired_gain(before[again], after[again], 400, group=again) == pytest.approx(once)
    _, low, high = paired_gain(before[again], after[again], 400)
    assert high - low < 0.6 * (once[2] - once[1])
    with pytest.raises(InputError, match="one group a row"):
        paired_gain(before, after, group=[1, 2])


def test_a_class_that_the_rows_lack_widens_the_means_over_classes():
    y = np.arange(60) % 2
    expected, not_expected = np.full((60, 3), 0.05), np.full((60, 3), 0.001)
    for p in (expected, not_expected):
        p[np.arange(60), y] = 1 - 2 * p[0, 2]
    found, plain = scores("classification", y, expected, 100), scores("classification", y, not_expected, 100)
    for name in ("balanced_accuracy", "precision_macro", "f1_macro"):
        assert found[name].low < 0.8 < plain[name].low, name


def test_few_rows_of_a_heavy_tail_cover_nearly_as_often():
    hits, truth = 0, np.exp(0.5)
    for i in range(150):
        error = np.exp(0.5 * generator(i, "tail").normal(size=50))  # mean square: exp(.5)
        found = scores("regression", error, np.zeros(50), 200, i)["rmse"]
        hits += found.low <= np.sqrt(truth) <= found.high
    assert 0.92 <= hits / 150 <= 0.99


def test_called_classes_change_what_depends_on_them():
    y, p = classes(generator(6, "rows"), 200)
    called = np.zeros(200, dtype=int)
    found, plain = scores("classification", y, p, 100, predicted=called), scores("classification", y, p, 100)
    assert found["accuracy"].value == np.mean(y == 0)
    assert all(found[name] == plain[name] for name in ("log_loss", "roc_auc", "ece"))
    with pytest.raises(InputError, match="classes called"):
        scores("classification", y, p, 100, predicted=called + 7)


def test_every_interval_holds_its_value():
    y, p = classes(generator(5, "rows"), 50)
    assert all(s.low <= s.value <= s.high for s in scores("classification", y, p, 100).values())


def test_weights_count_as_repeated_rows():
    y, v = values(generator(0, "rows"), 40)
    weight = np.arange(40) % 3 + 1.0
    found = scores("regression", y, v, 100, weight=weight)
    repeated = np.repeat(np.arange(40), weight.astype(int))
    assert found["rmse"].value == pytest.approx(metrics("regression", y[repeated], v[repeated])["rmse"])


def test_rows_without_weight_say_nothing():
    y, p = classes(generator(9, "rows"), 30)
    weight = np.r_[np.ones(10), np.zeros(20)]
    assert scores("classification", y, p, 100, weight=weight) == scores("classification", y[:10], p[:10], 100)
    losses = p[:, :2].T
    assert paired_gain(*losses, 100, weight=weight) == paired_gain(*losses[:, :10], 100)


def test_too_few_resamples_and_bad_losses_are_refused():
    with pytest.raises(InputError, match="resamples ≥ 100"):
        scores("regression", [1.0, 2.0], [1.0, 2.0], resamples=10)
    with pytest.raises(InputError, match="finite"):
        paired_gain([1.0, np.nan], [1.0, 1.0])
