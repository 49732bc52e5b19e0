"""What the search for treatments looks at."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.data.propose import propose
from retemper.procedure import treat


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
    treat.run(getattr(book, "book", book), state)
    rows, cells = state.splits.train, state.table.frame[state.splits.train]
    y = state.ready[2].train.y
    y = y if target == "dear" else state.ready[1].unscale(y.astype(float))
    whole = propose(cells, state.schema, y, state.findings, state.recipe.prepare)
    assert seen == [(treat.MOST_ROWS, [own.name for own in whole])]
    assert whole and len(rows) == cells.height
