"""How many processes train does not change the result."""

import json


def without_times(value):
    """Plain data without what a clock measured."""
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items() if key not in ("seconds", "workers")}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def history(done):
    """The curves of each file; processes append to one in the order that they come."""
    return {path.name: sorted(path.read_text().splitlines()) for path in (done.path / "history").iterdir()}


def test_one_worker_and_two_give_the_same_bits(tmp_path, run_all, tables):
    changes = {"procedure.folds": 3, "procedure.members": 6, "model.dropout": 0.1}
    one, two = (
        run_all(tmp_path / f"{workers}", tables.two_classes(200), "y", {**changes, "workers": workers})
        for workers in (1, 2)
    )
    assert one.step("overfit_sample")["verdict"] == "pass"
    assert one.weights == two.weights
    assert json.dumps(without_times(one.result)) == json.dumps(without_times(two.result))
    assert history(one) == history(two)
    dealt = {path.name for path in (two.path / "checkpoints" / "jobs").iterdir()}
    assert {"overfit_sample.0", "overfit_sample.1"} <= dealt and "overfit_sample" not in dealt
