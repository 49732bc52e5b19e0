"""GridSearch and RandomSearch give scikit-learn's own results, to the bit, and scikit-learn's manners."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, RandomizedSearchCV, ShuffleSplit

from retemper import GridSearch, NetClassifier, NetRegressor, RandomSearch
from retemper.core.errors import InputError

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(180, 6))
Y = np.where(X[:, 0] + 0.5 * DRAWS.normal(size=180) > 0, "yes", "no")
VALUE = X[:, 0] ** 2 + X[:, 1]


def same(ours, theirs) -> None:
    assert set(ours.cv_results_) == set(theirs.cv_results_)
    for name, column in theirs.cv_results_.items():
        if "time" not in name:
            assert list(ours.cv_results_[name]) == list(column), name
    assert ours.best_params_ == theirs.best_params_ and ours.best_score_ == theirs.best_score_
    assert np.array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_scores_as_scikit_learns_grid_search(workers: int) -> None:
    grid = {"learning_rate": [0.01, 0.001], "hidden_units": [12, 20, (8, 8)], "early_stopping": [True, False]}
    net = NetClassifier(epochs=4, dropout=0.1)
    same(GridSearch(net, grid, cv=3, n_jobs=workers).fit(X, Y), GridSearchCV(net, grid, cv=3).fit(X, Y))


@pytest.mark.parametrize(
    "grid",
    [
        {"optimizer": ["sgd", "momentum", "adam"], "schedule": ["constant", "cosine"]},
        {"batch_size": [16, 32, 500], "weight_decay": [0.0, 0.1]},
        [{"random_state": [0, 1]}, {"dropout": [0.0, 0.3], "hidden_units": [40]}],
        {"recipe": [None, {"model.activation": "tanh", "training.optimizer.beta1": 0.8}]},
        {"model.activation": ["relu", "tanh"], "prepare.bins": [np.int64(4), 16]},
    ],
)
def test_whatever_is_searched(grid) -> None:
    net = NetRegressor(epochs=3, hidden_units=16)
    same(GridSearch(net, grid, cv=3).fit(X, VALUE), GridSearchCV(net, grid, cv=3).fit(X, VALUE))


def test_frames_weights_groups_metrics_and_training_scores() -> None:
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(kind=np.where(X[:, 2] > 0, "u", "v"))
    frame.loc[::7, "a"] = np.nan
    weight, groups = DRAWS.uniform(0.5, 2, 180), np.arange(180) // 10
    options = {
        "scoring": ["accuracy", "neg_log_loss"],
        "refit": "neg_log_loss",
        "cv": GroupKFold(3),
        "return_train_score": True,
    }
    net, grid = NetClassifier(epochs=3, hidden_units=8), {"learning_rate": [0.01, 0.1]}
    ours = GridSearch(net, grid, **options).fit(frame, Y, groups=groups, sample_weight=weight)
    theirs = GridSearchCV(net, grid, **options).fit(frame, Y, groups=groups, sample_weight=weight)
    for name, column in theirs.cv_results_.items():
        if "time" not in name:
            assert list(ours.cv_results_[name]) == list(column), name
    assert ours.best_index_ == theirs.best_index_ and set(ours.scorer_) == set(theirs.scorer_)
    assert list(ours.feature_names_in_) == list(theirs.feature_names_in_)


def test_random_search() -> None:
    space = {"learning_rate": loguniform(1e-4, 1e-1), "hidden_units": [8, 24]}
    options = {"n_iter": 5, "cv": ShuffleSplit(2, random_state=0), "random_state": 3}
    net = NetClassifier(epochs=3)
    same(RandomSearch(net, space, **options).fit(X, Y), RandomizedSearchCV(net, space, **options).fit(X, Y))


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_a_candidate_that_fails_is_marked_and_the_rest_goes_on() -> None:
    grid = {"optimizer": ["adam", "adamm"]}
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4.*adamm"):
        search = GridSearch(NetClassifier(epochs=2), grid, cv=2).fit(X, Y)
    assert np.isnan(search.cv_results_["mean_test_score"][1]) and search.best_params_ == {"optimizer": "adam"}
    with pytest.raises(InputError, match="adamm"):
        GridSearch(NetClassifier(epochs=2), grid, cv=2, error_score="raise").fit(X, Y)
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        GridSearch(NetClassifier(epochs=2), {"optimizer": ["adamm"]}, cv=2).fit(X, Y)


def test_a_network_that_is_lost_takes_no_other_along() -> None:
    grid = {"learning_rate": [0.01, 1e30], "optimizer": ["sgd"]}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        search = GridSearch(NetRegressor(epochs=3), grid, cv=2).fit(X, VALUE)
    assert any("did not stay finite" in str(each.message) for each in said)
    alone = GridSearch(NetRegressor(epochs=3), {**grid, "learning_rate": [0.01]}, cv=2).fit(X, VALUE)
    assert search.cv_results_["mean_test_score"][0] == alone.best_score_


def test_other_estimators_are_sent_on() -> None:
    with pytest.raises(ValueError, match="Only NetClassifier and NetRegressor"):
        GridSearch(LogisticRegression(), {"C": [1.0]}).fit(X, Y)


def test_a_fold_of_one_class_is_marked_and_the_rest_goes_on() -> None:
    y = np.sort(Y)
    grid, cv = {"learning_rate": [0.01, 0.001]}, KFold(2)
    net = NetClassifier(epochs=3)
    one_class = np.array(["no"] * 90 + ["yes"] * 90)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="one class"):
            GridSearch(net, grid, cv=cv).fit(X, one_class)
        three = KFold(3)
        ours = GridSearch(net, grid, cv=three, error_score=-1.0).fit(
            X, np.r_[["no"] * 60, y[60:120], ["no"] * 60]
        )
        theirs = GridSearchCV(net, grid, cv=three, error_score=-1.0).fit(
            X, np.r_[["no"] * 60, y[60:120], ["no"] * 60]
        )
    assert list(ours.cv_results_["mean_test_score"]) == list(theirs.cv_results_["mean_test_score"])
