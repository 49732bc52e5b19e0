"""Every choice of the recipe goes through a whole run, tiny as it is, and gives a model that knows something."""

import numpy as np
import pytest

SKIPPED = ["overfit_sample", "input_blind", "learning_rate_range"]
CLASSES = {
    "linear": {"model": "linear"},
    "residual_mlp": {"model": {"name": "residual_mlp", "width": 16, "depth": 1}},
    "binary_cross_entropy": {"training.loss": "binary_cross_entropy"},
    "balanced": {
        "training.loss": {"name": "cross_entropy", "class_weights": "balanced", "label_smoothing": 0.1}
    },
    "sgd": {"training.optimizer": "sgd"},
    "on_plateau": {"training.schedule": {"name": "on_plateau", "patience_epochs": 1}},
    "accumulation": {"training.accumulate_steps": 2, "training.clip_norm": 1.0, "training.l1": 1e-5},
    "one network": {"procedure.members": 1, "search.trials": 1},
}
VALUES = {
    "mae": {"training.loss": "mae"},
    "huber": {"training.loss": "huber", "training.l2": 1e-4},
    "linear": {"model": "linear"},
    "quantile scaling": {"prepare.scaling": "quantile", "prepare.target_scaling": "quantile"},
    "no embedding": {"prepare.number_embedding": "none", "prepare.scaling": "zscore"},
}


def finish(path, run_all, table, target, changes):
    changes = {"training.epochs": 12, "training.batch_size": 32, "procedure.skip": SKIPPED, **changes}
    done = run_all(path, table, target, changes)
    assert [s["name"] for s in done.result["steps"] if s["verdict"] == "fail"] == []
    return done


@pytest.mark.parametrize("choice", CLASSES)
def test_classes(tmp_path, run_all, tables, choice):
    done = finish(tmp_path / "run", run_all, tables.two_classes(), "y", CLASSES[choice])
    scores, marks = done.result["metrics"]["validation"], done.result["baselines"]
    assert scores["roc_auc"]["value"] > 0.7
    assert set(marks) == {"majority", "linear", "gradient_boosting"}
    p = done.model.predict_proba(tables.two_classes())
    assert np.allclose(p.sum(1), 1) and p.shape == (300, 2)


@pytest.mark.parametrize("choice", VALUES)
def test_values(tmp_path, run_all, tables, choice):
    done = finish(tmp_path / "run", run_all, tables.prices(), "price", VALUES[choice])
    assert done.result["metrics"]["validation"]["r2"]["value"] > 0.3
    assert 100 < np.median(done.model.predict(tables.prices())) < 500
