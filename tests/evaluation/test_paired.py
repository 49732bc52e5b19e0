"""Paired gains: levels, intervals, and the forms they are known by."""

import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import t as student

from retemper.core.errors import InputError
from retemper.core.records import NotApplicable
from retemper.core.seeds import generator
from retemper.evaluation.metrics import metrics
from retemper.evaluation.paired import PairedMean, could_see
from retemper.evaluation.paired_metrics import METRICS, PairedRows, paired_metric, points
from retemper.evaluation.paired_shares import PairedShares


def mean_gain(draw):
    return PairedMean.of(draw.mean(), (draw - draw.mean()) / len(draw))


def scored(random, rows, classes=3):
    y = random.integers(classes, size=rows)
    outputs = []
    for skill in (0.6, 0.9):
        raw = np.exp(random.normal(size=(rows, classes)) + skill * (y[:, None] == np.arange(classes)))
        outputs.append(raw / raw.sum(1, keepdims=True))
    return y, *outputs


LAWS = {
    "normal": lambda r, s: r.normal(size=s),
    "t, 3 degrees": lambda r, s: r.standard_t(3, size=s),
    "a long tail of losses": lambda r, s: 1 - r.exponential(size=s),
    "log-normal losses": lambda r, s: np.exp(0.5) - r.lognormal(size=s),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("rows", [50, 400])
def test_a_mean_without_gain_is_proved_in_at_most_2_5_of_100(law, rows):
    draws = LAWS[law](generator(rows, law), (2000, rows))
    proved = sum(mean_gain(draw).p_above(0.0) <= 0.025 for draw in draws)
    assert proved <= 72, "an exact 2.5 % of 2,000 stays below 72 in 999 of 1,000"


def test_normal_gains_are_judged_by_students_law():
    draw = generator(0, "normal").normal(0.1, size=5000)
    gain = mean_gain(draw)
    t = draw.mean() / (draw.std(ddof=1) / np.sqrt(len(draw)))
    assert gain.p_above(0.0) == pytest.approx(student.sf(t, len(draw) - 1), rel=0.1)
    low, high = gain.ends()
    assert high - low == pytest.approx(2 * 1.96 * draw.std() / np.sqrt(5000), rel=0.02)


@pytest.mark.parametrize("law", LAWS)
def test_ends_are_where_the_tests_turn(law):
    gain = mean_gain(LAWS[law](generator(3, law), 80))
    low, high = gain.ends()
    assert gain.p_above(low) == pytest.approx(0.025) and gain.p_below(high) == pytest.approx(0.025)
    assert low < gain.value < high


def test_turning_the_models_round_turns_the_gain_round():
    draw = LAWS["log-normal losses"](generator(1, "turned"), 90)
    there, back = mean_gain(draw), mean_gain(-draw)
    assert there.p_above(0.1) == back.p_below(-0.1)
    assert there.ends() == tuple(-end for end in reversed(back.ends()))


def test_what_never_varies_and_what_is_one_row():
    assert mean_gain(np.zeros(50)).p_above(0.0) == 1
    assert mean_gain(np.ones(50)).p_above(0.0) == 0.5**50
    assert mean_gain(np.ones(1)).p_above(0.0) == 1 and mean_gain(np.ones(1)).ends() == (-np.inf, np.inf)


def test_rows_of_one_group_count_as_one():
    draw = generator(0, "grouped").normal(size=60)
    repeated = np.repeat(draw, 7)
    alone = mean_gain(draw)
    grouped = PairedMean.of(draw.mean(), (repeated - draw.mean()) / 420, np.repeat(np.arange(60), 7))
    assert grouped.error == pytest.approx(alone.error) and grouped.p_above(0.1) == pytest.approx(
        alone.p_above(0.1)
    )


@pytest.mark.parametrize("heavy", [30.0, 1000.0, 1e9, 1e300])
def test_a_row_with_most_of_the_weight_proves_nothing_by_itself(heavy):
    weight = np.r_[heavy, np.ones(99)]
    draws = generator(0, "a heavy row").normal(size=(1000, 100))
    proved = [
        PairedMean.of(value, weight / weight.sum() * (own - value), weight=weight).p_above(0.0) <= 0.025
        for own in draws
        for value in [float(np.average(own, weights=weight))]
    ]
    assert np.mean(proved) <= 0.025
    same = draws[0]
    influence = (same - same.mean()) / 100
    assert PairedMean.of(0.1, influence, weight=np.full(100, heavy)) == PairedMean.of(0.1, influence)


def test_a_group_of_most_rows_counts_as_one_with_most_of_the_weight():
    group = np.repeat(np.arange(41), [960, *[1] * 40])
    draws = generator(0, "a large group").normal(size=(1000, 41))[:, group]
    proved = [PairedMean.of(own.mean(), (own - own.mean()) / 1000, group).p_above(0.0) for own in draws]
    assert np.mean(np.array(proved) <= 0.025) <= 0.025


def test_could_see_is_seen_in_80_of_100():
    rows, seen = 400, 0
    size = could_see(mean_gain(generator(0, "size").normal(size=100_000)), 0.025) * np.sqrt(100_000 / rows)
    for k in range(500):
        seen += mean_gain(generator(k, "power").normal(size, size=rows)).p_above(0.0) <= 0.025
    assert 370 <= seen <= 430


@pytest.mark.parametrize(("gained", "lost"), [(3, 0), (12, 5), (130, 70), (0, 0), (5, 40)])
def test_shares_are_judged_as_a_coin(gained, lost):
    p = PairedShares(gained, lost, 2000).p_above(0.0)
    exact = binomtest(gained, gained + lost, alternative="greater").pvalue if gained + lost else 1.0
    more = binomtest(gained + 1, gained + lost, alternative="greater").pvalue if lost else 0.0
    assert p == pytest.approx((exact + more) / 2)


def test_the_ends_of_a_share_solve_tangos_equation():
    low, high = PairedShares(12, 2, 100).ends()
    for end, sign in ((low, 1), (high, -1)):
        b, c, n = 12, 2, 100
        middle, product = -b - c + (2 * n - b + c) * end, -c * end * (1 - end)
        lost = (np.sqrt(middle**2 - 8 * n * product) - middle) / (4 * n)
        score = (b - c - n * end) / np.sqrt(n * (2 * lost + end * (1 - end)))
        assert score == pytest.approx(1.96 * sign, abs=1e-3)


def test_intervals_of_shares_cover():
    hits = 0
    for k in range(1000):
        gained, lost, _ = generator(k, "cover").multinomial(300, [0.06, 0.03, 0.91])
        low, high = PairedShares(int(gained), int(lost), 300).ends()
        hits += low <= 0.03 <= high
    assert 932 <= hits <= 968


@pytest.mark.parametrize("metric", list(METRICS["classification"]))
def test_gains_are_the_differences_of_the_metrics(metric):
    y, first, second = scored(generator(0, metric), 300)
    weight = generator(1, metric).random(300)
    for own in (None, weight):
        before, after = (metrics("classification", y, p, own)[metric] for p in (first, second))
        gain = paired_metric(metric, PairedRows.of("classification", y, first, second, weight=own)).value
        assert gain == pytest.approx(before - after if metric in ("log_loss", "ece") else after - before)


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_gains_of_values(metric):
    y, first, second = generator(0, metric).normal(size=(3, 200))
    before, after = (metrics("regression", y, p)[metric] for p in (first, second))
    rows = PairedRows.of("regression", y, first, second)
    assert paired_metric(metric, rows).value == pytest.approx(before - after)
    assert points(metric, rows, 2.0) == pytest.approx(0.02 * before)


@pytest.mark.parametrize("metric", ["log_loss", "balanced_accuracy", "roc_auc", "ece", "rmse", "mae"])
def test_standard_errors_are_those_of_the_jackknife(metric):
    random = generator(5, metric)
    if metric in METRICS["regression"]:
        rows = PairedRows.of("regression", *random.normal(size=(3, 150)))
    else:
        rows = PairedRows.of("classification", *scored(random, 150))
    index = np.arange(150)
    left = np.array([paired_metric(metric, rows.take(index != k)).value for k in index])
    jackknife = np.sqrt(149 / 150 * ((left - left.mean()) ** 2).sum())
    assert paired_metric(metric, rows).error == pytest.approx(jackknife, rel=0.1)


def test_weights_are_copies_of_rows_for_the_gain_and_rows_without_weight_are_none():
    y, first, second = scored(generator(2, "weights"), 120)
    weight = np.repeat([0.0, 2.0], 60)
    some = PairedRows.of("classification", y, first, second, weight=weight)
    plain = PairedRows.of("classification", y[60:], first[60:], second[60:])
    for metric in METRICS["classification"]:
        found, alone = (paired_metric(metric, rows) for rows in (some, plain))
        assert found.value == pytest.approx(alone.value) and found.p_above(0.0) == pytest.approx(
            alone.p_above(0.0)
        )


def test_groups_make_accuracy_less_sure():
    y, first, second = scored(generator(3, "groups"), 100)
    alone = PairedRows.of("classification", y, first, second)
    index = np.repeat(np.arange(100), 4)
    grouped = PairedRows.of("classification", y[index], first[index], second[index], group=index)
    blind = PairedRows.of("classification", y[index], first[index], second[index])
    errors = [paired_metric("accuracy", rows).error for rows in (alone, grouped, blind)]
    assert errors[1] == pytest.approx(errors[0], rel=0.02) and errors[2] == pytest.approx(
        errors[0] / 2, rel=0.02
    )


def test_what_can_not_be_compared_is_said():
    y, first, second = scored(generator(4, "errors"), 30)
    with pytest.raises(InputError, match="one shape"):
        PairedRows.of("classification", y, first, np.column_stack([second, np.zeros(30)]))
    with pytest.raises(InputError, match="one group a row"):
        PairedRows.of("classification", y, first, second, group=[1, 2])
    rows = PairedRows.of("classification", y, first, second)
    with pytest.raises(InputError, match="did you mean accuracy"):
        paired_metric("acuracy", rows)
    with pytest.raises(NotApplicable):
        paired_metric("roc_auc", rows.take(rows.y > 0))
