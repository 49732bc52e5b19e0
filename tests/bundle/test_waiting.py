"""Classes that wait for more rows take no places from the others for ever."""

from typing import Any

import numpy as np
import polars as pl

from retemper.bundle.memory.kept import Kept
from retemper.bundle.memory.waiting import waiting


def labelled(frame: pl.DataFrame, *labels: str) -> pl.DataFrame:
    return frame[: len(labels)].with_columns(y=pl.Series(labels))


def test_as_many_wait_as_are_known_those_with_most_rows_first(table: Any, model_for: Any) -> None:
    frame = table()
    model = model_for(frame)  # three classes
    kept = Kept(0).updated(frame, np.arange(200) < 60, 0, 60, model.schema)
    kept, aside = waiting(kept, labelled(frame, "x", "x", "typo 1"), model.target_codec)
    assert aside["y"].to_list() == ["x", "x", "typo 1"]
    for batch, word in enumerate(["typo 2", "typo 3", "typo 4", "x"], 1):
        kept = kept.updated(aside, np.ones(aside.height, dtype=bool), batch, 60, model.schema)
        kept, aside = waiting(kept, labelled(frame, word), model.target_codec)
    kept = kept.updated(aside, np.ones(aside.height, dtype=bool), 5, 60, model.schema)
    strange = [label for label in kept.labels if label not in model.classes]
    assert sorted(strange) == ["typo 3", "typo 4", "x", "x", "x"]
    assert {own.label for own in kept.strata} == {*model.classes, "typo 3", "typo 4", "x"}
    assert kept.frame["y"].to_list() == list(kept.labels) and len(kept.draw) == len(kept.batch) == len(
        kept.labels
    )
    assert Kept.from_json(kept.to_json()).frame.equals(kept.frame)


def test_many_wrong_labels_at_once_leave_the_others_their_places(table: Any, model_for: Any) -> None:
    frame = table()
    model = model_for(frame)
    kept = Kept(0).updated(frame, np.arange(200) < 60, 0, 60, model.schema)
    many = labelled(frame, *(f"word {k}" for k in range(100)))
    left, aside = waiting(kept, many, model.target_codec)
    assert left is not kept and left.frame.equals(kept.frame) and aside.height == 3


def test_values_have_no_classes_that_wait(table: Any, model_for: Any) -> None:
    frame = table(target="numbers")
    model = model_for(frame)
    kept = Kept(0, (90.0, 110.0)).updated(frame, np.arange(200) < 60, 0, 60, model.schema)
    found = waiting(kept, pl.DataFrame(), model.target_codec)
    assert found[0] is kept
