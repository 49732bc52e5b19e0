"""Our metrics against scikit-learn's, with and without sample weights."""

import numpy as np
import pytest
from sklearn import metrics as reference

from retemper.core.errors import InputError
from retemper.evaluation.metrics import main_metric, metrics, row_losses

RANDOM = np.random.default_rng(0)


def predictions(rows: int, classes: int, decimals: int = 12):
    p = RANDOM.dirichlet(np.ones(classes), rows)
    y = (p.cumsum(axis=1) < RANDOM.random((rows, 1))).sum(axis=1)
    # Rounding makes ties for the ROC area.
    p = np.round(p, decimals) + 1e-3
    return y, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("decimals", [1, 12])
@pytest.mark.parametrize("weighted", [False, True])
def test_classification_is_scikit_learns(classes, decimals, weighted):
    y, p = predictions(400, classes, decimals)
    weight = RANDOM.exponential(size=400) if weighted else None
    top, given = p.argmax(axis=1), {"sample_weight": weight}
    macro = {"average": "macro", "zero_division": 0, **given}
    ranked = (
        reference.roc_auc_score(y, p[:, 1], **given)
        if classes == 2
        else reference.roc_auc_score(y, p, multi_class="ovr", average="macro", **given)
    )
    expected = {
        "accuracy": reference.accuracy_score(y, top, **given),
        "balanced_accuracy": reference.balanced_accuracy_score(y, top, **given),
        "precision_macro": reference.precision_score(y, top, **macro),
        "recall_macro": reference.recall_score(y, top, **macro),
        "f1_macro": reference.f1_score(y, top, **macro),
        "log_loss": reference.log_loss(y, p, labels=range(classes), **given),
        "roc_auc": ranked,
    }
    found = metrics("classification", y, p, weight)
    assert found.pop("ece") >= 0
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_regression_is_scikit_learns(weighted):
    y = RANDOM.normal(1e4, 1, size=300)
    values = y + RANDOM.normal(size=300)
    weight = RANDOM.exponential(size=300) if weighted else None
    expected = {
        "rmse": reference.root_mean_squared_error(y, values, sample_weight=weight),
        "mae": reference.mean_absolute_error(y, values, sample_weight=weight),
        "r2": reference.r2_score(y, values, sample_weight=weight),
    }
    assert metrics("regression", y, values, weight) == pytest.approx(expected, abs=1e-10)


def test_an_absent_class_leaves_the_roc_area_out():
    y, p = predictions(200, 3)
    y[y == 2] = 0
    found = metrics("classification", y, p)
    top = p.argmax(axis=1)
    assert "roc_auc" not in found
    assert found["f1_macro"] == pytest.approx(reference.f1_score(y, top, average="macro"))
    # scikit-learn warns of the predicted class that never occurs and leaves it out, as we do.
    with pytest.warns(UserWarning, match="y_pred contains classes"):
        assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(y, top))


def test_a_constant_target_leaves_r2_out():
    assert set(metrics("regression", [0.1] * 7, np.arange(7.0))) == {"rmse", "mae"}


def test_ece_by_hand():
    # Bins of 1/15: .95 (two rows, one right) and .55 (one row, right).
    found = metrics("classification", [0, 1, 0], [[0.95, 0.05], [0.95, 0.05], [0.55, 0.45]])
    assert found["ece"] == pytest.approx((abs(1 - 2 * 0.95) + abs(1 - 0.55)) / 3)


def test_row_losses_average_to_the_main_metric():
    y, p = predictions(100, 4)
    assert row_losses("classification", y, p).mean() == pytest.approx(
        metrics("classification", y, p)["log_loss"]
    )
    values = RANDOM.normal(size=100)
    squared = row_losses("regression", y, values)
    assert np.sqrt(squared.mean()) == pytest.approx(metrics("regression", y, values)["rmse"])
    assert (main_metric("classification"), main_metric("regression")) == ("log_loss", "rmse")


def test_a_sure_mistake_costs_36_and_not_infinity():
    assert row_losses("classification", [1], [[1.0, 0.0]])[0] == pytest.approx(36.04, abs=0.01)


@pytest.mark.parametrize(
    ("task", "y", "prediction", "weight", "rule"),
    [
        ("regression", [], [], None, "no rows"),
        ("regression", [1.0], [1.0, 2.0], None, "must be"),
        ("regression", [1.0], [float("nan")], None, "finite"),
        ("classification", [0, 1], [[0.5, 0.5]], None, "must be"),
        ("classification", [2], [[0.5, 0.5]], None, "from 0 to 1"),
        ("classification", [0], [[0.5, 0.1]], None, "sum to 1"),
        ("classification", [0], [[0.5, 0.5]], [-1.0], "0 or more"),
        ("classification", [0], [[0.5, 0.5]], [1.0, 1.0], "one weight a row"),
    ],
)
def test_what_can_not_be_scored_is_said(task, y, prediction, weight, rule):
    with pytest.raises(InputError, match=rule):
        metrics(task, y, prediction, weight)
