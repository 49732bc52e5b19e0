"""What the search for treatments looks at."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.data.propose import Proposal, propose
from retemper.procedure import prepare, treat


@pytest.mark.parametrize("target", ["price", "dear"])
def test_of_many_rows_a_sample_is_loaded_and_the_proposals_are_those_of_all(
    bench: Any, monkeypatch: Any, target: str
) -> None:
    draw = np.random.default_rng(0)
    a, b = draw.uniform(1, 9, (2, 32_000)).round(4)
    goal = a / b if target == "price" else np.where(a > b, "yes", "no")
    book, state = bench(pl.DataFrame({"a": a, "b": b, target: goal}), target)
    assert len(state.splits.train) > treat.MOST_ROWS
    seen: list[tuple[int, list[str]]] = []

    def spy(frame: pl.DataFrame, schema: Any, y: Any, *rest: Any) -> list[Any]:
        seen.append((frame.height, [own.name for own in propose(frame, schema, y, *rest)]))
        return []

    monkeypatch.setattr(treat, "propose", spy)
    treat.run(book.book, state)
    rows, cells = state.splits.train, state.table.frame[state.splits.train]
    y = state.ready[2].train.y
    y = y if target == "dear" else state.ready[1].unscale(y.astype(float))
    whole = propose(cells, state.schema, y, state.findings, state.recipe.prepare)
    assert seen == [(treat.MOST_ROWS, [own.name for own in whole])]
    assert whole and len(rows) == cells.height


def test_of_many_rows_few_are_prepared_for_the_races_and_all_for_what_is_kept(
    bench: Any, monkeypatch: Any
) -> None:
    draw = np.random.default_rng(0)
    a, b = draw.uniform(1, 9, (2, 3000)).round(4)
    y = np.where(a > b, "yes", "no")
    y[7:10] = "rare"
    book, state = bench(pl.DataFrame({"a": a, "b": b, "y": y}))
    prepared: list[tuple[str, int]] = []

    def spy(frame: Any, schema: Any, recipe: Any, train: Any, *rest: Any) -> Any:
        prepared.append((rest[-1].name, len(train)))
        return prepare.prepare(frame, schema, recipe, train, *rest)

    proposal = Proposal("pairs of numbers", "", {"prepare.constructed": ["ratio"]})
    monkeypatch.setattr(prepare, "FIT_ROWS", 500)
    monkeypatch.setattr(treat, "FEW_VALIDATION_ROWS", 1)
    monkeypatch.setattr(treat, "propose", lambda *rest: [proposal])
    monkeypatch.setattr(treat, "prepare", spy)
    monkeypatch.setattr(treat, "_judge", lambda *rest: treat._record(proposal, "kept") | {"gain": 1.0})
    found, told = treat.run(book.book, state)
    few = dict(prepared)["arrays.0"]
    assert 500 <= few <= 503
    assert prepared == [("arrays.0", few), ("arrays.1", few), ("arrays.3", len(state.splits.train))]
    assert found.splits is state.splits and len(found.ready[2].train.y) == len(state.splits.train)
    assert found.recipe.prepare.constructed == ["ratio"] and told[0]["verdict"] == "kept"


@pytest.mark.parametrize(("joint", "goal_gain", "in_force"), [(0.9, 0.0, "joint"), (0.1, -0.01, "weights")])
def test_a_goal_judges_what_joins_it_and_not_the_loss_that_it_gives_up(
    monkeypatch, joint, goal_gain, in_force
):
    def raced(name: str, loss: float) -> Any:
        arrays = SimpleNamespace(shape=name)
        return SimpleNamespace(state=SimpleNamespace(ready=(0, 0, arrays)), bag=SimpleNamespace(loss=loss))

    weights = Proposal("weights", "", {"training.loss.class_weights": "balanced"})
    ranks = Proposal("ranks", "", {"prepare.scaling": "quantile"})
    kept = [(0.02, weights, raced("weights", 0.6)), (0.001, ranks, raced("ranks", 0.3))]
    state: Any = SimpleNamespace(recipe=SimpleNamespace(with_changes=lambda changes: changes))
    book: Any = SimpleNamespace(pace=SimpleNamespace(shape=None))
    monkeypatch.setattr(treat, "_few", lambda state: state)
    monkeypatch.setattr(treat, "_race", lambda book, few, entrants: [raced("joint", joint)])
    monkeypatch.setattr(treat, "_goal_gain", lambda base, own: (goal_gain, 0.0, 0.0))
    told = [{"name": own.name, "verdict": "kept"} for _, own, _ in kept]
    _, told = treat._together(book, state, kept, told)
    assert book.pace.shape == in_force
    assert [own["verdict"] for own in told] == ["kept", "kept" if in_force == "joint" else "reverted"]
