"""A search on real networks, not all trained in full: folds apart, and in the order of arrivals."""

import json
from dataclasses import replace

import pytest

from retemper.core.budget import Budget
from retemper.procedure import search

SPACE = {"training.optimizer.learning_rate": {"low": 1e-4, "high": 0.3, "log": True}}
TUNE = {"tune.space": SPACE, "tune.folds": 3, "tune.epochs": 6, "tune.trials": 6, "tune.widenings": 0}
FIDELITIES = {
    "asha": {"name": "asha", "asynchronous": True},
    "racing": {"name": "racing", "first_folds": 2},
}


@pytest.mark.parametrize("name", FIDELITIES)
def test_a_search_comes_to_its_end(bench, tables, name):
    frame = tables.numbers_only(150, 0, lambda x, draw: x[:, 0] + 0.1 * draw.normal(size=len(x)))
    desk, state = bench(frame, changes=TUNE | {"tune.fidelity": FIDELITIES[name]})
    decisions = []
    desk.book = replace(desk.book, budget=Budget(None, 0.0, log=decisions.append))
    state, step = desk.do(search, state)
    assert step.verdict == "pass" and len(state.chosen[0][0].networks) == 3
    lines = (desk.book.folder.checkpoints / "trials.jsonl").read_text().splitlines()
    evaluations = [json.loads(line) for line in lines]
    trained = sum(own["trained_epochs"] for own in evaluations)
    assert 18 <= trained <= 6 * 3 * 6
    arrived = [made["value"] for made in decisions if made["name"].startswith("search.arrival.")]
    asked = [tuple(own["order"][key] for key in ("trial", "epochs", "folds")) for own in evaluations]
    assert json.loads(json.dumps(arrived)) == (json.loads(json.dumps(asked)) if name == "asha" else [])


def test_a_race_of_classes_is_told_by_the_rows_that_were_judged(bench, tables):
    """In its first rounds no network has held out the other folds' rows, of which there is no probability."""
    desk, state = bench(tables.two_classes(200), changes=TUNE | {"tune.fidelity": FIDELITIES["racing"]})
    state, step = desk.do(search, state)
    assert step.verdict == "pass" and step.evidence["optimism"]["loss"] > 0
