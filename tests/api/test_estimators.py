"""scikit-learn's manners."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from retemper import InputError, NetClassifier, NetRegressor

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(160, 3))
LABEL = np.where(X[:, 0] + X[:, 1] > 0, "up", "down")
PRICE = 100 + 5 * X[:, 0] - 3 * X[:, 1]
FAST = {"epochs": 15, "learning_rate": 0.01}


def test_learns_classes():
    net = NetClassifier(**FAST).fit(X, LABEL)
    assert net.score(X, LABEL) > 0.9
    assert net.classes_.tolist() == ["down", "up"]
    assert net.n_features_in_ == 3
    probability = net.predict_proba(X)
    assert probability.shape == (160, 2) and np.allclose(probability.sum(axis=1), 1)
    assert np.array_equal(net.classes_[probability.argmax(axis=1)], net.predict(X))


def test_learns_numbers_in_their_own_units():
    net = NetRegressor(**FAST, hidden_units=(32, 32)).fit(X, PRICE)
    assert net.score(X, PRICE) > 0.9
    assert abs(net.predict(X).mean() - 100) < 2


def test_many_classes_keep_their_order():
    y = np.digitize(X[:, 0], np.linspace(-1.5, 1.5, 11))
    net = NetClassifier(epochs=40, learning_rate=0.02).fit(X, y)
    assert net.classes_.tolist() == sorted(set(y.tolist()))
    assert net.score(X, y) > 0.5


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_with_text_and_gaps(frame):
    colour = [None if i % 9 == 0 else str(c) for i, c in enumerate(DRAWS.choice(["red", "blue"], 160))]
    rows = frame({"size": X[:, 0], "colour": colour})
    net = NetClassifier(**FAST).fit(rows, LABEL)
    assert net.feature_names_in_.tolist() == ["size", "colour"]
    assert net.predict(rows).shape == (160,)
    with pytest.raises(ValueError, match="feature names"):
        net.predict(frame({"size": X[:, 0], "shade": colour}))


def test_clone_and_search_and_pipelines_work():
    net = NetClassifier(**FAST)
    copy = clone(net.fit(X, LABEL))
    assert copy.get_params() == net.get_params()
    assert not hasattr(copy, "classes_")
    assert is_classifier(net) and is_regressor(NetRegressor())
    search = GridSearchCV(net, {"hidden_units": [8, (8, 8)]}, cv=2).fit(X, LABEL)
    assert search.best_score_ > 0.7
    assert cross_val_score(make_pipeline(StandardScaler(), NetRegressor(**FAST)), X, PRICE, cv=2).min() > 0.5


def test_the_seed_fixes_the_result():
    first, second = (NetClassifier(**FAST, random_state=3).fit(X, LABEL).predict_proba(X) for _ in range(2))
    other = NetClassifier(**FAST, random_state=4).fit(X, LABEL).predict_proba(X)
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_weights_move_the_fit():
    y = np.tile(["a", "b"], 80)
    weight = np.where(y == "a", 9.0, 1.0)
    net = NetClassifier(**FAST).fit(np.zeros_like(X) + DRAWS.normal(size=X.shape), y, sample_weight=weight)
    assert (net.predict(X) == "a").mean() > 0.8


def test_every_option_reaches_the_recipe():
    given = {
        "hidden_units": (5, 6), "learning_rate": 0.3, "batch_size": 7, "epochs": 8, "optimizer": "sgd",
        "weight_decay": 0.4, "dropout": 0.2, "schedule": "linear", "early_stopping": False, "random_state": 9,
    }  # fmt: skip
    recipe = NetClassifier(**given)._recipe("classification")
    assert recipe.get("model.widths") == [5, 6]
    assert recipe.get("model.dropout") == 0.2
    assert recipe.get("training.optimizer.name") == "sgd"
    assert recipe.get("training.optimizer.learning_rate") == 0.3
    assert recipe.get("training.optimizer.weight_decay") == 0.4
    assert recipe.get("training.schedule.name") == "linear"
    assert [recipe.get(f"training.{k}") for k in ("batch_size", "epochs", "patience_epochs")] == [7, 8, 0]
    assert recipe.seed == 9


def test_mistakes():
    with pytest.raises(InputError, match="did you mean"):
        NetClassifier(optimizer="adamv").fit(X, LABEL)
    with pytest.raises(InputError):
        NetClassifier(learning_rate=-1).fit(X, LABEL)
    with pytest.raises(NotFittedError):
        NetClassifier().predict(X)
    with pytest.raises(ValueError, match="features"):
        NetClassifier(**FAST).fit(X, LABEL).predict(X[:, :2])
