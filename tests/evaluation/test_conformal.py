"""Conformal intervals and sets: coverage, width, what they refuse, and the way to JSON and back."""

import json

import numpy as np
import pytest

from retemper.core.errors import InputError
from retemper.core.seeds import generator
from retemper.evaluation.conformal import (
    Intervals,
    Quantiles,
    class_scores,
    coverage_score,
    fit_intervals,
    prediction_sets,
)
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import Difficulty, features_of, fit_difficulty, kinds_for
from retemper.evaluation.threshold import Threshold


def uneven(seed, rows):
    """Residuals whose size depends on an input; networks whose spread knows half of it."""
    random = generator(seed, "uneven")
    x = random.uniform(size=(rows, 3))
    scale = 0.2 + 2 * x[:, 0] ** 2
    spread = scale * np.exp(0.5 * random.normal(size=rows))
    return scale * random.standard_t(5, rows), features_of(x, 3 * x[:, 1], spread)


def test_intervals_cover_as_asked_and_follow_the_difficulty():
    inside, widths = [], []
    for seed in range(5):
        residual, features = uneven(seed, 300)
        found, tried = fit_intervals(residual, features, 0.9, seed)
        new, unseen = uneven(seed + 100, 2000)
        ends = found(np.zeros(2000), unseen, 0.9)
        inside.append(np.mean((ends[:, 0] <= new) & (new <= ends[:, 1])))
        widths.append((tried[found.difficulty.kind]["width"], tried["constant"]["width"]))
        # A richer estimate must be 1 % narrower.
        assert widths[-1][0] <= min(own["width"] for own in tried.values()) / 0.99
    assert 0.88 <= np.mean(inside) <= 0.93
    assert np.mean([chosen / plain for chosen, plain in widths]) < 0.95


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_every_coverage_comes_from_one_fit(coverage):
    hits = []
    for seed in range(20):
        residual, features = uneven(seed, 300)
        found, _ = fit_intervals(residual, features, 0.9, seed, kinds=("constant", "spread"))
        new, unseen = uneven(seed + 100, 1000)
        hits.append(np.mean(np.abs(new) <= found(np.zeros(1000), unseen, coverage)[:, 1]))
    assert coverage - 0.01 <= np.mean(hits) <= coverage + 0.025


def test_a_plain_difficulty_is_enough_where_all_rows_are_alike():
    random = generator(0, "alike")
    features = features_of(random.normal(size=(400, 3)), random.normal(size=400), random.uniform(size=400))
    found, tried = fit_intervals(random.normal(size=400), features, 0.9, 0)
    assert found.difficulty.kind == "constant" and set(tried) == {"constant", "spread", "boosted"}


def test_what_the_rows_allow():
    residual, features = uneven(0, 300)
    assert kinds_for(features, residual) == ("constant", "spread", "boosted")
    assert kinds_for(features[:100], residual[:100]) == ("constant", "spread")
    assert kinds_for(features[:30], residual[:30]) == ("constant",)
    assert kinds_for(features, residual * (np.arange(300) > 200)) == ("constant",)
    features[:, 1] = 0
    assert kinds_for(features[:100], residual[:100]) == ("constant",)


def test_wide_tables_take_the_telling_columns():
    random = generator(3, "wide")
    x = random.normal(size=(600, 300)).astype(np.float32)
    features = features_of(x, np.zeros(600), np.zeros(600))
    residual = random.normal(size=600) * np.exp(x[:, 211])
    found = fit_difficulty("boosted", features, residual, 0)
    used = {column for tree in found.trees for column in tree.feature} - {-1}
    assert 213 in used and len(used) <= 66
    assert np.corrcoef(np.log(found(features)), x[:, 211])[0, 1] > 0.8


def test_trees_as_plain_numbers_are_scikit_learns_own():
    from sklearn.ensemble import GradientBoostingRegressor

    from retemper.evaluation.difficulty import _plain

    random = generator(1, "trees")
    x = random.normal(size=(200, 4)).astype(np.float32)
    model = GradientBoostingRegressor(n_estimators=5, init="zero", random_state=0).fit(x, x[:, 0] * x[:, 1])
    trees = [_plain(own.tree_, np.arange(4)) for own in model.estimators_[:, 0]]
    assert sum(tree(x) for tree in trees) == pytest.approx(model.predict(x))


def test_weights_count_as_repeated_rows():
    random = generator(2, "weights")
    scores, weight = random.uniform(size=50), random.integers(1, 4, 50)
    weighted, repeated = Quantiles.of(scores, weight), Quantiles.of(np.repeat(scores, weight))
    for coverage in (0.3, 0.5, 0.9):
        ranks = [np.searchsorted(np.sort(scores), q.at(coverage)) for q in (weighted, repeated)]
        assert abs(ranks[0] - ranks[1]) <= 1


def test_many_scores_are_thinned_on_the_safe_side():
    scores = generator(0, "many").exponential(size=30_000)
    found = Quantiles.of(scores)
    assert len(found.scores) == 2000
    for coverage in (0.1, 0.77, 0.9, 0.999):
        exact = np.sort(scores)[int(np.ceil(30_001 * coverage)) - 1]
        assert exact <= found.at(coverage) <= np.quantile(scores, min(1, coverage + 0.001))


@pytest.mark.parametrize(
    ("coverage", "code"), [(0, "bad_coverage"), (1, "bad_coverage"), (0.99, "coverage_too_high")]
)
def test_a_coverage_that_can_not_be_had(coverage, code):
    with pytest.raises(InputError) as caught:
        Quantiles.of(np.arange(30.0)).at(coverage)
    assert caught.value.code == code


def test_sets_cover_and_hold_the_likeliest():
    random = generator(0, "sets")

    def draw(rows):
        p = random.dirichlet([0.5, 0.5, 0.5, 0.5], rows)
        y = (p.cumsum(1) < random.random((rows, 1))).sum(1).clip(0, 3)
        return p, y

    p, y = draw(500)
    found = Quantiles.of(class_scores(p, y))
    new, truth = draw(20_000)
    inside = prediction_sets(new, found, 0.9)
    assert 0.87 < inside[np.arange(20_000), truth].mean() < 0.94
    assert inside[np.arange(20_000), new.argmax(1)].all() and inside.sum(1).mean() < 3.2


def test_coverage_is_told_with_its_exact_interval():
    assert coverage_score(np.ones(10, bool)).low == pytest.approx(0.025**0.1)
    assert coverage_score(np.zeros(10, bool)).high == pytest.approx(1 - 0.025**0.1)


def test_a_decision_comes_back_from_json_to_the_same_bits():
    residual, features = uneven(0, 300)
    fitted = Intervals(Quantiles.of(np.abs(residual)), fit_difficulty("boosted", features, residual, 0))
    for decision in (
        Decision(),
        Decision(Threshold(1, 0.123456789), Quantiles.of(np.abs(residual)), None, 0.8),
        Decision(intervals=fitted),
        Decision(intervals=Intervals(fitted.quantiles, Difficulty("spread", 0.1))),
    ):
        again = Decision.from_json(json.loads(json.dumps(decision.to_json(), allow_nan=False)))
        assert again == decision
        if decision.intervals is not None:
            ends = [own.intervals(residual, features, 0.9) for own in (decision, again)]
            assert np.array_equal(*ends)
