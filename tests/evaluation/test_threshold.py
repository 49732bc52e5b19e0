"""Thresholds against brute force and theory, and curves of precision and recall against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, precision_score

from retemper.core.seeds import generator
from retemper.evaluation.precision_recall import average_precision, precision_recall
from retemper.evaluation.threshold import Rule, best_cut, choose_threshold, outcome


def calibrated(seed, rows, rare=1.0):
    """Probabilities that mean what they say."""
    random = generator(seed, "calibrated")
    p = random.beta(0.6, 0.6 + rare, rows)
    return random.random(rows) < p, p


@pytest.mark.parametrize("goal", ["accuracy", "balanced_accuracy", "f1"])
def test_the_best_cut_is_the_best_of_all(goal):
    y, p = calibrated(1, 60)
    p = p.round(2)  # ties
    own = {
        "accuracy": lambda called: np.mean(called == y),
        "balanced_accuracy": lambda called: balanced_accuracy_score(y, called),
        "f1": lambda called: f1_score(y, called),
    }[goal]
    best = max(own(p >= t) for t in [*np.unique(p), 1.1])
    assert own(p >= best_cut(y, p, Rule(goal))) == pytest.approx(best)
    assert outcome(y, p >= best_cut(y, p, Rule(goal)), Rule(goal))[goal] == pytest.approx(best)


@pytest.mark.parametrize(("false_positive", "false_negative"), [(1, 1), (9, 1), (1, 4)])
def test_costs_bring_elkans_threshold(false_positive, false_negative):
    rule = Rule("cost", false_positive=false_positive, false_negative=false_negative)
    y, p = calibrated(2, 4000)
    found = choose_threshold(y, p, rule, 0)
    theory = false_positive / (false_positive + false_negative)
    assert found.value == pytest.approx(theory, abs=0.06) and found.low <= theory <= found.high
    assert (found.gain_low > 0) == (false_positive != false_negative)
    new, q = calibrated(3, 20_000)
    costs = [outcome(new, q >= t, rule)["cost"] for t in (found.value, theory, 0.5)]
    assert costs[0] <= 1.02 * costs[1] and costs[0] <= costs[2] * 1.02


def test_f1_gains_on_new_rows_where_a_class_is_rare():
    gains = []
    for seed in range(5):
        y, p = calibrated(seed, 800, rare=8.0)
        found = choose_threshold(y, p, Rule("f1"), seed)
        new, q = calibrated(seed + 50, 20_000, rare=8.0)
        gains.append(f1_score(new, q >= found.value) - f1_score(new, q >= 0.5))
        assert found.gain_low < gains[-1] < found.gain_high
    assert np.mean(gains) > 0.08


def test_a_demanded_precision_holds_on_new_rows():
    kept, values = [], []
    for seed in range(10):
        y, p = calibrated(seed, 600)
        found = choose_threshold(y, p, Rule("recall_at_precision", precision=0.9), seed)
        new, q = calibrated(seed + 50, 20_000)
        values.append(precision_score(new, q >= found.value))
        kept.append(values[-1] >= 0.9)
        assert found.low <= found.value <= found.high
    assert np.mean(kept) >= 0.6 and np.mean(values) < 0.95  # kept, and not by calling nobody


def test_a_precision_that_no_cut_has_is_none():
    random = generator(0, "noise")
    y, p = random.random(300) < 0.2, random.random(300)
    assert choose_threshold(y, p, Rule("recall_at_precision", precision=0.95), 0).value is None


def test_weights_count_as_repeated_rows():
    y, p = calibrated(4, 80)
    weight = np.arange(80) % 3 + 1
    again = np.repeat(np.arange(80), weight)
    for rule in (Rule("f1"), Rule("cost", false_negative=3.0)):
        assert best_cut(y, p, rule, weight.astype(float)) == best_cut(y[again], p[again], rule)
        assert outcome(y, p > 0.4, rule, weight) == pytest.approx(outcome(y[again], p[again] > 0.4, rule))


def test_average_precision_is_scikit_learns():
    y, p = calibrated(5, 120)
    p, weight = p.round(1), np.arange(120) % 4 + 0.5
    assert average_precision(y, p, 100).value == pytest.approx(average_precision_score(y, p))
    own = average_precision(y, p, 100, weight=weight).value
    assert own == pytest.approx(average_precision_score(y, p, sample_weight=weight))


def test_average_precision_covers_the_truth():
    truth = average_precision_score(*calibrated(1, 400_000, rare=4.0))
    held = []
    for seed in range(200):
        score = average_precision(*calibrated(seed + 10, 250, rare=4.0), 200, seed)
        held.append(score.low <= truth <= score.high)
    assert 0.92 <= np.mean(held) <= 0.985


def test_curves_of_each_class():
    random = generator(6, "curves")
    p = random.dirichlet([1, 1, 1], 500)
    y = (p.cumsum(1) < random.random((500, 1))).sum(1).clip(0, 2)
    y[y == 2] = 0
    found = precision_recall(p, y, ["a", "b", "c"], 100)
    assert list(found) == ["a", "b"]  # no row of c
    for name, k in (("a", 0), ("b", 1)):
        own = found[name]
        assert own["share"] == np.mean(y == k)
        assert len(own["recall"]) == len(own["precision"]) == len(own["threshold"]) <= 100
        middle = len(own["recall"]) // 2
        called = p[:, k] >= own["threshold"][middle]
        assert own["precision"][middle] == pytest.approx(np.mean(y[called] == k))
        assert np.all(np.diff(own["recall"]) <= 0)
