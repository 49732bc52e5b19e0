"""BayesSearch: scikit-learn's manners, and a sampler that learns from batch to batch."""

import warnings

import numpy as np
import pytest
from scipy.stats import loguniform, norm, randint, uniform
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from retemper import BayesSearch, NetClassifier, NetRegressor
from retemper.core.errors import InputError

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(150, 4))
Y = np.where(X[:, 0] + 0.3 * DRAWS.normal(size=150) > 0, "yes", "no")
VALUE = X[:, 0] ** 2 + X[:, 1]
RATE = {"low": 1e-5, "high": 1.0, "log": True}
SPACE = {
    "learning_rate": RATE,
    "hidden_units": {"low": 4, "high": 16, "integer": True},
    "schedule": ["constant", "cosine"],
}
NET = NetClassifier(epochs=3)


@pytest.mark.parametrize("sampler", ["tpe", "bayes"])
def test_the_seed_fixes_the_search_and_nothing_leaves_the_space(sampler: str) -> None:
    options = {"n_iter": 12, "batch": 5, "cv": 2, "n_jobs": 1, "sampler": sampler}
    first, again, other = (
        BayesSearch(NET, SPACE, random_state=seed, **options).fit(X, Y) for seed in (3, 3, 4)
    )
    assert first.cv_results_["params"] == again.cv_results_["params"] != other.cv_results_["params"]
    assert list(first.cv_results_["mean_test_score"]) == list(again.cv_results_["mean_test_score"])
    for params in first.cv_results_["params"]:
        assert 1e-5 <= params["learning_rate"] <= 1 and params["schedule"] in SPACE["schedule"]
        assert isinstance(params["hidden_units"], int) and 4 <= params["hidden_units"] <= 16


def test_results_are_those_of_scikit_learns_search_over_the_same_settings() -> None:
    search = BayesSearch(NET, SPACE, n_iter=12, batch=5, cv=2, n_jobs=1, return_train_score=True).fit(X, Y)
    settings = [{name: [value] for name, value in params.items()} for params in search.cv_results_["params"]]
    theirs = GridSearchCV(NET, settings, cv=2, return_train_score=True).fit(X, Y)
    assert set(search.cv_results_) == set(theirs.cv_results_)
    for name, column in theirs.cv_results_.items():
        if "time" not in name:
            assert list(search.cv_results_[name]) == list(column), name
    assert search.best_params_ == theirs.best_params_ and search.best_score_ == theirs.best_score_
    assert np.array_equal(search.predict(X), theirs.predict(X))


def test_distributions_of_scipys_are_ranges() -> None:
    theirs = {
        "learning_rate": loguniform(1e-4, 1e-1),
        "dropout": uniform(0.1, 0.3),
        "hidden_units": randint(4, 17),
    }
    ours = {
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "dropout": {"low": 0.1, "high": 0.4},
        "hidden_units": {"low": 4, "high": 16, "integer": True},
    }
    one, other = (
        BayesSearch(NET, space, n_iter=4, cv=2, n_jobs=1, refit=False).fit(X, Y) for space in (theirs, ours)
    )
    assert one.cv_results_["params"] == other.cv_results_["params"]


def test_a_seed_may_be_drawn() -> None:
    options = {"n_iter": 2, "cv": 2, "n_jobs": 1, "refit": False}
    one, same, other = (
        BayesSearch(NET, SPACE, random_state=state, **options).fit(X, Y).cv_results_["params"]
        for state in (np.random.RandomState(0), np.random.RandomState(0), None)
    )
    assert one == same != other


def test_it_learns() -> None:
    """After its random start it stays with rates that train; those that do nothing or diverge are left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are lost
        search = BayesSearch(
            NetRegressor(epochs=4, optimizer="sgd"),
            {"learning_rate": {"low": 1e-6, "high": 1e3, "log": True}},
            n_iter=40, batch=10, cv=2, n_jobs=1, scoring="neg_mean_squared_error", refit=False,
        ).fit(X, VALUE)  # fmt: skip
    rates = np.array([params["learning_rate"] for params in search.cv_results_["params"]])
    good = (rates > 1e-3) & (rates < 3)
    assert good[:10].mean() < 0.45 < 0.65 < good[20:].mean()
    scores = np.nan_to_num(search.cv_results_["mean_test_score"], nan=-np.inf)
    assert np.median(scores[20:]) > np.median(scores[:10])


def test_a_small_space_is_spent() -> None:
    search = BayesSearch(
        NET, {"hidden_units": [8, 16], "dropout": [0.0, 0.2]}, n_iter=20, batch=3, cv=2, n_jobs=1
    )
    params = search.fit(X, Y).cv_results_["params"]
    assert len(params) == 4 == len({str(each) for each in params})


def test_of_several_metrics_the_one_of_refit_counts() -> None:
    options = {"n_iter": 4, "cv": 2, "n_jobs": 1, "scoring": ["accuracy", "neg_log_loss"]}
    search = BayesSearch(NET, SPACE, refit="neg_log_loss", **options).fit(X, Y)
    assert search.best_index_ == np.argmax(search.cv_results_["mean_test_neg_log_loss"])
    with pytest.raises(InputError, match="names none of them"):
        BayesSearch(NET, SPACE, refit=False, **options).fit(X, Y)


def test_it_is_an_estimator_of_scikit_learns() -> None:
    search = BayesSearch(NET, SPACE, n_iter=3, cv=2, n_jobs=1)
    assert clone(search).get_params()["n_iter"] == 3
    assert cross_val_score(search, X, Y, cv=2).mean() > 0.4


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"learning_rate": norm(0, 1)}, "norm is no range to search in"),
        ({"learning_rat": [1, 2]}, "did you mean learning_rate"),
        ({"learning_rate": {"low": 1, "hihg": 2}}, "a range has low and high"),
        ({"learning_rate": {"low": 2, "high": 1}}, "low <= high must hold"),
        ({"learning_rate": {"low": 0, "high": 1, "log": True}}, "low > 0 must hold"),
        ({"learning_rate": {"low": "a", "high": 1}}, "learning_rate: "),
        ({"learning_rate": 0.1}, "a list of values or a range is needed"),
        ({"optimizer": "adam"}, "a list of values or a range is needed"),
        ({"optimizer": []}, "at least one value"),
        ({}, "it is empty"),
    ],
)
def test_a_space_that_is_none(space, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        BayesSearch(NET, space, cv=2).fit(X, Y)
    assert caught.value.code == "bad_space"


@pytest.mark.parametrize(
    "option",
    [{"n_iter": 0}, {"batch": 1.5}, {"random_state": -1}, {"random_state": 0.5}, {"sampler": "grid"}],
)
def test_options_that_are_none(option) -> None:
    with pytest.raises(InputError, match=next(iter(option))):
        BayesSearch(NET, SPACE, cv=2, **option).fit(X, Y)
