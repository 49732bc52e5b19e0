"""Intervals of repeated cross-validation: repeats of the same rows are no new rows."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from retemper.evaluation.intervals import scores
from retemper.evaluation.nested_scores import Repeat, nested_scores


def repeat(rows=200, seed=0, weight=None):
    draw = np.random.default_rng(seed)
    y = draw.normal(size=rows)
    return Repeat(np.arange(rows), y, y + 0.5 * draw.normal(size=rows), weight)


def test_repeats_take_away_the_luck_of_the_deal_and_nothing_else():
    once, many = (nested_scores("regression", [repeat()] * k, 5)["rmse"] for k in (1, 100))
    assert many.value == pytest.approx(once.value)
    widths = [np.log(own.high / own.low) for own in (once, many)]
    assert widths[0] / widths[1] == pytest.approx(np.sqrt((1 + 1.25) / (0.01 + 1.25)), rel=0.03)


def test_intervals_are_wider_than_those_of_a_fixed_model():
    own = repeat()
    plain = scores("regression", own.y, own.outputs, group=own.rows)["rmse"]
    found = nested_scores("regression", [own], 5)["rmse"]
    assert np.log(found.high / found.value) == pytest.approx(np.log(plain.high / plain.value) * 1.5, rel=1e-3)
    assert found.low < plain.low


def test_rows_of_a_group_vary_together():
    draw = np.random.default_rng(3)
    group = np.repeat(np.arange(20), 10)
    y = np.zeros(200)
    one = Repeat(np.arange(200), y, np.repeat(draw.normal(size=20), 10))
    apart, together = (nested_scores("regression", [one], 5, group=own)["rmse"] for own in (None, group))
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_weights_and_thresholds_count():
    y, p = np.array([0, 1] * 50), np.tile([[0.7, 0.3], [0.6, 0.4]], (50, 1))
    weight = np.where(y == 1, 3.0, 1.0)
    plain = Repeat(np.arange(100), y, p)
    assert nested_scores("classification", [plain], 5)["accuracy"].value == 0.5
    weighed = Repeat(np.arange(100), y, p, weight, called=np.ones(100, dtype=np.int64))
    found = nested_scores("classification", [weighed], 5)["accuracy"]
    assert found.value == 0.75 and 0 <= found.low < 0.75 < found.high <= 1


def chosen(random, x, y):
    """Of bags of trees the one that does best on inner folds: a choice, and a model that hangs on its rows."""
    inner, found = random.permutation(len(y)) % 3, {}
    for depth in (1, 2, 4, 6):
        seed, trees, held = int(random.integers(1 << 30)), [], []
        for fold in range(3):
            without = inner != fold
            tree = DecisionTreeRegressor(
                max_depth=depth, min_samples_leaf=2, max_features=0.5, random_state=seed
            )
            trees.append(tree.fit(x[without], y[without]))
            held.append((y[~without] - tree.predict(x[~without])) ** 2)
        found[float(np.concatenate(held).mean())] = trees
    best = found[min(found)]
    return lambda rows: np.mean([tree.predict(rows) for tree in best], axis=0)


def test_intervals_hold_what_a_choice_made_anew_scores():
    def draw(random, rows):
        x = random.normal(size=(rows, 5))
        return x, np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.3 * random.normal(size=rows)

    held = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        x, y = draw(random, 100)
        unseen, truth = draw(random, 3000)
        score = float(np.sqrt(np.mean((chosen(random, x, y)(unseen) - truth) ** 2)))
        outer, outputs = random.permutation(100) % 5, np.zeros(100)
        for fold in range(5):
            without = outer != fold
            outputs[~without] = chosen(random, x[without], y[without])(x[~without])
        found = nested_scores("regression", [Repeat(np.arange(100), y, outputs)], 5, 200, seed)["rmse"]
        held.append(found.low <= score <= found.high)
    assert np.mean(held) >= 0.95, "as wide as the rows alone ask for, .9"
