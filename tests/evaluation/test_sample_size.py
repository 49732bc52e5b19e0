"""Learning curves: the law is found, its interval covers, and nonsense is not drawn further."""

import numpy as np
import pytest

from retemper.evaluation.sample_size import _moves, fit, sample_size_curve

ROWS = [1000, 2000, 4000, 8000]
SIMULATIONS = 60


def curve(law, seed=0, held_out=800, spread=0.004, draws=3):
    """Row losses of networks whose mean loss follows a + b·(n/8000)^−c."""
    a, b, c = law
    draw = np.random.default_rng(seed)
    common = draw.exponential(size=held_out)
    losses = []
    for rows in ROWS:
        mean = a + b * (rows / ROWS[-1]) ** -c
        own = mean * common + 0.05 * draw.normal(size=(draws, held_out))
        losses.append(own + spread * draw.normal(size=(draws, 1)))
    return sample_size_curve(ROWS, losses, np.ones(held_out), resamples=200, seed=seed)


def test_the_law_is_found_where_there_is_no_noise():
    shares = np.array(ROWS) / ROWS[-1]
    wanted = [(0.3, 0.2, 0.4), (0.0, 0.5, 0.2), (1.0, 0.05, 1.0)]
    law = fit(shares, np.array([a + b * shares**-c for a, b, c in wanted]))
    for k, (a, b, c) in enumerate(wanted):
        assert law.at(2.0)[k, 0] == pytest.approx(a + b * 2**-c, rel=5e-3)
    rising = fit(shares, np.array([[0.1, 0.2, 0.3, 0.4]]))
    assert rising.b[0] == 0 and rising.a[0] == pytest.approx(0.25)


@pytest.mark.parametrize("law", [(0.3, 0.2, 0.5), (0.1, 0.4, 0.2), (0.5, 0.02, 1.0)])
def test_the_gain_of_twice_the_rows_is_covered(law):
    truth = law[1] * (1 - 2 ** -law[2])
    found = [curve(law, seed) for seed in range(SIMULATIONS)]
    # The held-out rows scale the losses: the truth is that of rows like these.
    hits = sum(own.gain.low <= truth <= own.gain.high for own in found)
    assert hits / SIMULATIONS >= 0.85, hits


def bent(seed):
    """A curve that falls faster and faster over log n, as networks that find the pattern late draw it."""
    draw = np.random.default_rng(seed)
    common = draw.exponential(size=800)
    common /= common.mean()
    steps = zip((0.95, 0.88, 0.76, 0.60), (0.010, 0.008, 0.006, 0.004), strict=True)
    losses = [mean * common + spread * draw.normal(size=(3, 1)) for mean, spread in steps]
    return sample_size_curve(ROWS, losses, np.ones(800), resamples=200, seed=seed)


def test_a_curve_that_bends_down_may_go_on_as_steeply():
    for seed in range(10):
        gain = bent(seed).gain
        assert gain.low < 0.16 < gain.high and gain.low <= gain.value <= gain.high


def test_what_all_sizes_of_a_draw_share_does_not_blur_the_steps():
    draw = np.random.default_rng(3)
    alike, alone = (draw.normal(size=(40, *shape)) for shape in ((1, 4), (4, 4)))
    moves = [_moves(np.array([[0.6], [0.5], [0.45], [0.4]]) + 0.01 * one, 400, 0) for one in (*alike, *alone)]
    steps = np.array([np.diff(own, axis=1).std() for own in moves])
    assert np.median(steps[:40]) < 0.85 * np.median(steps[40:])
    points = np.array([own.std() for own in moves])
    assert np.median(points[:40]) > 0.7 * np.median(points[40:])


def test_steep_curves_ask_for_data_and_flat_ones_do_not():
    steep, flat = curve((0.3, 0.2, 0.5)), curve((0.5, 0.0005, 1.0), spread=0.0005)
    assert steep.answer == "yes" and "More data would help" in steep.why
    assert flat.answer == "no" and "hardly" in flat.why
    assert steep.doubled.value == pytest.approx(steep.points[-1].value - steep.gain.value, rel=0.05)
    assert steep.floor.low <= steep.floor.value <= steep.floor.high
    noisy = curve((0.5, 0.01, 0.5), spread=0.03)
    assert noisy.answer == "can't tell"


def test_right_answers_are_given_where_answers_are_given():
    cases = {"yes": (0.3, 0.2, 0.5), "no": (0.5, 0.0005, 1.0)}
    for right, law in cases.items():
        answers = [curve(law, seed, spread=0.001).answer for seed in range(20)]
        assert answers.count(right) >= 15 and set(answers) <= {right, "can't tell"}


def shaped(means):
    draw = np.random.default_rng(0)
    common = draw.exponential(size=500)
    losses = [mean * common + 0.001 * draw.normal(size=(3, 1)) for mean in means]
    return sample_size_curve(ROWS, losses, np.ones(500), resamples=200)


def test_a_curve_that_rises_or_bends_is_not_drawn_further():
    rising, bent = shaped([0.5, 0.4, 0.4, 0.5]), shaped([0.6, 0.6, 0.3, 0.3])
    assert rising.answer == bent.answer == "can't tell"
    assert "higher with all rows" in rising.why and "power law" in bent.why


def test_squared_errors_become_rmse():
    draw = np.random.default_rng(0)
    losses = [(draw.normal(size=(3, 4000)) * (1 + 500 / rows)) ** 2 for rows in ROWS]
    found = sample_size_curve(ROWS, losses, np.ones(4000), root=True, resamples=200)
    assert [own.value for own in found.points] == pytest.approx([1.5, 1.25, 1.125, 1.0625], abs=0.03)
