"""scikit-learn's manners."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
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


@pytest.mark.parametrize("labels", [[3, 10], ["no", "yes"], [False, True], [-1.0, 2.0]])
def test_labels_keep_their_type(labels):
    y = np.asarray(labels)[(X[:, 0] > 0).astype(int)]
    net = NetClassifier(**FAST).fit(X, y)
    assert net.predict(X[:1]).dtype == y.dtype
    assert net.classes_.tolist() == labels
    # The bundle that may be saved speaks the same labels.
    assert net.model_.predict(X).tolist() == net.predict(X).tolist()
    assert net.model_.classes == tuple(map(str, labels))


@pytest.mark.parametrize("net", [NetClassifier(**FAST), NetRegressor(**FAST)])
def test_order_of_rows_and_whole_weights(net):
    y = LABEL if is_classifier(net) else PRICE
    counts = DRAWS.integers(0, 4, len(X))
    order = DRAWS.permutation(counts.sum())
    weighted = clone(net).fit(X, y, sample_weight=counts).predict(X)
    repeated = clone(net).fit(X.repeat(counts, 0)[order], y.repeat(counts)[order]).predict(X)
    assert np.array_equal(weighted, repeated)
    assert not np.array_equal(
        clone(net).fit(X, PRICE > 100 if is_classifier(net) else y).predict(X), weighted
    )


def test_fractions_and_large_weights_weigh_the_loss():
    y = X[:, 0] + DRAWS.normal(size=len(X))
    fractions = NetRegressor(**FAST).fit(X, y, sample_weight=np.linspace(0.1, 2, len(X)))
    large = NetRegressor(**FAST).fit(X, y, sample_weight=np.linspace(1, 20, len(X)).round() * 1e6)
    plain = NetRegressor(**FAST).fit(X, y)
    predictions = [net.predict(X) for net in (fractions, large, plain)]
    assert not np.allclose(predictions[0], predictions[2]) and not np.allclose(predictions[1], predictions[2])


def test_a_class_without_weight_is_none():
    y = np.where(X[:, 0] > 0, "up", np.where(X[:, 1] > 0, "left", "right"))
    net = NetClassifier(**FAST).fit(X, y, sample_weight=(y != "left").astype(float))
    assert net.classes_.tolist() == ["right", "up"] and net.predict_proba(X).shape == (160, 2)


def test_copies_of_a_row_are_held_out_together(monkeypatch):
    from retemper.procedure import single_rows

    seen = []
    prepare = single_rows.prepare
    monkeypatch.setattr(single_rows, "prepare", lambda *args: seen.append(args) or prepare(*args))
    NetRegressor(epochs=1).fit(np.tile(X, (2, 1)), np.tile(PRICE, 2))
    frame, _, _, train, validation = seen[0]
    assert len(validation) == 48 and len(train) == 272
    assert frame[train].join(frame[validation], on=frame.columns, nulls_equal=True).is_empty()
    # Twelve different cells whose targets differ: a table of categories, held out row by row.
    cells = np.tile(np.arange(12.0)[:, None], (20, 1))
    NetRegressor(epochs=1).fit(cells, DRAWS.integers(0, 2, 240))
    frame, _, _, train, validation = seen[1]
    assert len(validation) == 36 and frame[train]["x0"].n_unique() == 12
    NetRegressor(epochs=1).fit(
        cells[:, :1] // 4, cells[:, 0] // 4
    )  # three different rows: too few to hold one out
    assert len(seen[2][4]) == 36


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_arrays_and_frames_change_places(frame):
    rows = frame(dict(zip("abc", X.T, strict=True)))
    fitted_on_frame = NetRegressor(**FAST).fit(rows, PRICE)
    with pytest.warns(UserWarning, match="valid feature names"):
        from_array = fitted_on_frame.predict(X)
    assert np.array_equal(from_array, fitted_on_frame.predict(rows))
    fitted_on_array = NetRegressor(**FAST).fit(X, PRICE)
    with pytest.warns(UserWarning, match="without feature names"):
        assert np.array_equal(fitted_on_array.predict(rows), from_array)


def test_pandas_types_and_new_levels():
    y = (X[:, 0] > 0).astype(int)
    rows = pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=160),
            "level": pd.Categorical(np.where(y, "high", "low")),
            "count": pd.array([None, 1, 2, 3] * 40, dtype="Int64"),
            "flag": [True, False] * 80,
        }
    )
    net = NetClassifier(**FAST).fit(rows, pd.Series(y))
    assert net.score(rows, y) > 0.95
    new = rows.head(1).assign(level="never seen")
    assert net.predict_proba(new).shape == (1, 2)


def test_pickle_and_pipelines_that_give_frames():
    net = NetClassifier(**FAST).fit(X, LABEL)
    assert np.array_equal(pickle.loads(pickle.dumps(net)).predict_proba(X), net.predict_proba(X))
    for output in ("pandas", "polars"):
        pipe = (
            make_pipeline(StandardScaler(), NetClassifier(**FAST)).set_output(transform=output).fit(X, LABEL)
        )
        assert pipe[-1].feature_names_in_.tolist() == ["x0", "x1", "x2"]
        assert pipe.score(X, LABEL) > 0.9


def test_few_rows_a_constant_target_and_single_rows_of_a_class():
    assert NetRegressor(**FAST).fit(X[:2], PRICE[:2]).predict(X).shape == (160,)
    assert np.allclose(NetRegressor(**FAST).fit(X, np.full(160, 7.0)).predict(X), 7, atol=0.1)
    y = np.where(np.arange(160) == 5, "alone", LABEL)
    assert "alone" in NetClassifier(**FAST).fit(X, y).classes_


def test_threads_are_left_as_they_were():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first = NetRegressor(**FAST).fit(X, PRICE).model_.parts[0].row
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert torch.equal(first, NetRegressor(**FAST).fit(X, PRICE).model_.parts[0].row)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden_units": ()}, "hidden_units"),
        ({"hidden_units": (4, 0)}, "hidden_units"),
        ({"hidden_units": 2.5}, "hidden_units"),
        ({"early_stopping": "no"}, "early_stopping"),
        ({"optimizer": None}, "name must be text"),
        ({"dropout": 1.0, "epochs": 0}, "2 mistakes"),
        ({"random_state": -1}, "seed"),
    ],
)
def test_wrong_options(options, words):
    with pytest.raises(InputError, match=words) as caught:
        NetRegressor(**options).fit(X, PRICE)
    assert isinstance(caught.value, ValueError)


def test_a_network_that_is_lost_is_no_model():
    """It would predict NaN for every row, without a word."""
    x = np.linspace(-1, 1, 60).reshape(-1, 1)
    for early_stopping in (True, False):
        net = NetRegressor(optimizer="sgd", learning_rate=1e30, epochs=3, early_stopping=early_stopping)
        with pytest.raises(ValueError, match="did not stay finite"):
            net.fit(x, x[:, 0])


def test_wrong_data():
    net = NetClassifier(**FAST)
    with pytest.raises(InputError, match="row 3"):
        net.fit(pd.DataFrame({"a": np.where(np.arange(160) == 2, np.inf, X[:, 0])}), LABEL)
    with pytest.raises(InputError, match="own use"):
        net.fit(pd.DataFrame({"__target__": X[:, 0]}), LABEL)
    with pytest.raises(InputError, match="one class"):
        net.fit(X, LABEL, sample_weight=LABEL == "up")
    with pytest.raises(InputError, match="varies"):
        net.fit(np.ones_like(X), LABEL)
    with pytest.raises(TypeError, match="dense"):
        net.fit(csr_array(X), LABEL)
    with pytest.raises(InputError, match="row 1 is 'x'"):
        net.fit(pd.DataFrame({"a": X[:, 0]}), LABEL).predict(pd.DataFrame({"a": ["x"]}))


def test_numpy_scalars_of_a_search():
    grid = {
        "hidden_units": np.array([4, 8]),
        "learning_rate": np.logspace(-2, -1.5, 2),
        "epochs": np.arange(3, 4),
    }
    assert (
        GridSearchCV(NetRegressor(), grid, cv=2, error_score="raise").fit(X, PRICE).best_params_["epochs"]
        == 3
    )


def test_mistakes():
    with pytest.raises(InputError, match="did you mean"):
        NetClassifier(optimizer="adamv").fit(X, LABEL)
    with pytest.raises(InputError):
        NetClassifier(learning_rate=-1).fit(X, LABEL)
    with pytest.raises(NotFittedError):
        NetClassifier().predict(X)
    with pytest.raises(ValueError, match="features"):
        NetClassifier(**FAST).fit(X, LABEL).predict(X[:, :2])
