"""One process over the trials of before and those since: its slopes, its posterior, what it chooses."""

import math

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.gaussian_process.kernels import Matern

from retemper.search import transfer
from retemper.search.points import Points
from retemper.search.samplers import quasi_random, random
from retemper.search.space import Condition, Interval, Space, Words
from retemper.search.transfer import fitted

SPACE = Space({"rate": Interval(1e-4, 1.0, log=True), "dropout": Interval(0.0, 1.0)})


def bowl(rate, dropout=0.5):
    return lambda values: math.log10(values["rate"] / rate) ** 2 + (values["dropout"] - dropout) ** 2


def known(loss, count, seed=0):
    settings = random.build(random.Options(), SPACE, seed, count).ask(count)
    return [(values, loss(values)) for values in settings]


def candidates(count=256):
    return quasi_random.build(quasi_random.Options(), SPACE, 0, count).ask(count)


def test_the_slopes_are_those_of_the_misfit():
    draw = np.random.default_rng(0)
    x, y, task = draw.random((20, 3)), draw.normal(size=20), np.repeat([0.0, 1.0], [14, 6])
    priors = np.array([transfer.LENGTH] * 3 + [transfer.VARIANCE, transfer.CHANGE, *[transfer.NOISE] * 2])
    apart = (x[:, None] - x[None]) ** 2
    for _ in range(3):
        own = priors + draw.normal(size=len(priors)) / 2
        error = check_grad(
            *[lambda p, k=k: transfer._misfit(p, priors, apart, y, task)[k] for k in (0, 1)], own
        )
        assert error < 1e-3 * np.linalg.norm(transfer._misfit(own, priors, apart, y, task)[1])


def test_the_covariance_is_the_reference_s_and_only_new_trials_share_what_changed():
    draw = np.random.default_rng(1)
    a, b = draw.random((6, 2)), draw.random((4, 2))
    own = np.log([0.3, 2.0, 1.5, 0.4, 0.1, 0.1])
    shared = 1.5 * Matern([0.3, 2.0], nu=2.5)(a, b)
    for old, new in ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        found = transfer._covariance(own, a, b, np.full(6, old), np.full(4, new))
        np.testing.assert_allclose(found, shared * (1 + 0.4 * old * new), rtol=1e-12)


def test_what_new_trials_bear_out_leads_to_the_old_optimum_on_any_scale():
    before = known(bowl(0.01), 40)
    since = [(values, 100 - 50 / (1 + loss)) for values, loss in known(bowl(0.01), 6, seed=1)]
    asked = candidates()
    (place,) = fitted(SPACE, before, since).choose(asked, 1)
    rank = sorted(bowl(0.01)(values) for values in asked).index(bowl(0.01)(asked[place]))
    assert rank < len(asked) / 20


def test_what_new_trials_contradict_is_unlearnt():
    before, now = known(bowl(0.001, 0.2), 40), bowl(0.3, 0.8)
    asked = candidates()
    since = known(now, 5, seed=1)
    for _ in range(10):
        (place,) = fitted(SPACE, before, since).choose(asked, 1)
        since.append((asked[place], now(asked[place])))
    assert min(loss for _, loss in since[5:]) < sorted(map(now, asked))[8]


def test_a_setting_that_is_pending_counts_as_seen_with_the_loss_that_is_expected():
    posterior = fitted(SPACE, known(bowl(0.01), 20), known(bowl(0.02), 6, seed=1))
    asked = candidates(64)
    first, second = posterior.choose(asked, 2)
    x = np.vstack([posterior.x, posterior.points.of([asked[first]])])
    since = np.append(posterior.since, 1.0)
    whole = transfer._covariance(posterior.parameters, x, x, since, since)
    whole += np.diag(transfer._noise(posterior.parameters, since))
    points = posterior.points.of(asked)
    across = transfer._covariance(posterior.parameters, points, x, np.ones(64), since)
    mean = across[:, :-1] @ posterior.weights
    prior, _ = transfer._variances(posterior.parameters)
    left = prior - np.einsum("ij,ji->i", across, np.linalg.solve(whole, across.T))
    bound = mean - np.sqrt(left)
    bound[first] = np.inf
    assert second == int(bound.argmin())


def test_a_batch_is_no_crowd():
    posterior = fitted(SPACE, known(bowl(0.01), 12), known(bowl(0.01), 5, seed=1))
    asked = candidates()
    chosen = posterior.choose(asked, 8)
    rest = [values for place, values in enumerate(asked) if place != chosen[0]]
    points = Points(SPACE)

    def apart(settings):
        x = points.of(settings)
        return np.linalg.norm(x[:, None] - x[None], axis=2)[np.triu_indices(len(x), 1)].mean()

    greedy = [asked[chosen[0]]]
    for _ in range(7):
        (place,) = posterior.choose(rest, 1)
        greedy.append(rest.pop(place))
    assert len(set(chosen)) == 8
    assert apart([asked[place] for place in chosen]) > apart(greedy)


@pytest.mark.parametrize("count", [transfer.PENDING + 9, 500])
def test_large_batches_name_every_candidate_once_at_most(count):
    chosen = fitted(SPACE, known(bowl(0.01), 12), known(bowl(0.01), 5, seed=1)).choose(candidates(), count)
    assert len(chosen) == len(set(chosen)) == min(count, 256)


def test_equal_losses_and_absent_options_are_no_obstacle():
    space = Space(
        {"name": Words(("adam", "sgd")), "momentum": Interval(0.5, 0.99)},
        {"momentum": Condition("name", ("sgd",))},
    )
    before = [({"name": "adam"}, 1.0), *[({"name": "sgd", "momentum": 0.5 + k / 10}, 1.0) for k in range(4)]]
    found = fitted(space, before, [(before[1][0], 3.0), (before[0][0], 3.0)])
    assert sorted(found.choose([{"name": "adam"}, {"name": "sgd", "momentum": 0.7}], 5)) == [0, 1]
