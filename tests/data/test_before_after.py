"""What a preparation changes is counted, with what was there before and what is there after."""

from __future__ import annotations

from typing import Any

import numpy as np

from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.before_after import cleaned
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import infer

N = 400


def _changes(**options: Any) -> dict[str | None, dict[str, Any]]:
    draw = np.random.default_rng(0)
    size = draw.normal(size=N)
    size[:3] = [60, 70, -80]
    age = draw.integers(18, 80, N).astype(float)
    age[10:40] = -999
    gap = [None if k % 8 == 0 else float(k % 50) for k in range(N)]
    table = read({"size": size, "age": age, "gap": gap, "y": size + draw.normal(size=N)})
    own = PrepareOptions(**options)
    schema = infer(table, DataOptions(target="y"))
    return {one["column"]: one for one in cleaned(Preparer.fit(table.frame, schema, own), table.frame, own)}


def test_nothing_is_changed_by_default() -> None:
    assert _changes() == {}


def test_clipped_cells() -> None:
    found = _changes(outliers="clip")
    assert set(found) == {"size", "age"} and found["age"]["before"] == "-999"
    assert found["size"]["cells"] == 3 and found["size"]["before"] == "-80 to 70"
    low, high = map(float, found["size"]["after"].split(" to "))
    assert -20 < low < -4 and 4 < high < 20
    picture = found["size"]["histogram"]
    assert len(picture["edges"]) == 21 and sum(picture["before"]) == sum(picture["after"]) == N
    assert picture["before"][-1] == 1 and picture["after"][-1] == 0


def test_emptied_placeholders() -> None:
    found = _changes(placeholders="missing")
    assert list(found) == ["age"]
    assert (found["age"]["what"], found["age"]["cells"]) == ("placeholder", 30)
    assert (found["age"]["before"], found["age"]["after"]) == ("-999", "missing")
    picture = found["age"]["histogram"]
    assert picture["before"][0] == 30 and picture["after"][0] == 0 and sum(picture["after"]) == N - 30


def test_filled_gaps_of_what_was_emptied_too() -> None:
    found = _changes(placeholders="missing", missing="median")
    assert found["gap"]["what"] == "gap" and found["gap"]["cells"] == N / 8
    assert found["gap"]["before"] == "missing" and 20 <= float(found["gap"]["after"]) <= 30
    assert sum(found["gap"]["histogram"]["after"]) == N > sum(found["gap"]["histogram"]["before"])
    assert found["age"]["what"] == "gap" and found["age"]["cells"] == 30


def test_rows_that_are_left_out() -> None:
    found = _changes(outliers="isolation_forest", outlier_share=0.05)
    assert found[None]["cells"] == 20 and found[None]["after"] == "left out"
    assert "isolated" in found[None]["before"]
