"""What the search for treatments looks at."""

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
