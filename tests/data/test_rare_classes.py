"""Labels of unknown classes with too few rows are set aside; all other cells stay."""

import numpy as np
import polars as pl
import pytest

from retemper.data.extend.rare_classes import rare_classes, without_rare
from retemper.data.scaling import Scaler
from retemper.data.target import Label, Target

NOTHING = pl.DataFrame()


def target(*labels: Label) -> Target:
    return Target("y", "classification", labels, (0.5,) * len(labels), Scaler.fit(np.empty((1, 0)), "none"))


@pytest.mark.parametrize("count", [1, 5, 6])
def test_a_class_of_too_few_rows_loses_its_label(count: int) -> None:
    new = pl.DataFrame({"a": range(20 + count), "y": ["no", "yes"] * 10 + ["new"] * count})
    aside = rare_classes(target("no", "yes"), new, NOTHING, 6)
    left = without_rare(new, "y", aside)
    assert aside.classes == ({"new": count} if count < 6 else {})
    assert left["y"].null_count() == aside.rows.height == (count if count < 6 else 0)
    assert left["a"].equals(new["a"]) and left[:20].equals(new[:20])
    assert aside.rows["y"].unique().to_list() == (["new"] if count < 6 else [])


def test_old_rows_of_the_class_count() -> None:
    new, old = pl.DataFrame({"y": ["no", "new", "new"]}), pl.DataFrame({"y": ["new"] * 4 + ["no"]})
    assert not rare_classes(target("no", "yes"), new, old, 6).classes
    assert rare_classes(target("no", "yes"), new, old[1:], 6).classes == {"new": 2}


def test_a_word_among_numbers_is_set_aside_and_numbers_stay_numbers() -> None:
    new = pl.DataFrame({"y": ["1", "0", "1.0", "x", None]})
    aside = rare_classes(target(0, 1), new, NOTHING, 6)
    assert aside.classes == {"x": 1} and without_rare(new, "y", aside)["y"].to_list() == [
        "1",
        "0",
        "1.0",
        None,
        None,
    ]


def test_what_has_no_classes_or_no_target_is_left_alone() -> None:
    numbers = Target("y", "regression", (), (), Scaler.fit(np.ones((1, 1)), "none"))
    new = pl.DataFrame({"y": [1.0, 2.0]})
    assert without_rare(new, "y", rare_classes(numbers, new, NOTHING, 6)) is new
    new = pl.DataFrame({"a": [1.0]})
    assert without_rare(new, "y", rare_classes(target("no", "yes"), new, NOTHING, 6)) is new


def test_many_classes_are_named_in_part() -> None:
    new = pl.DataFrame({"y": [f"word {k:02d}" for k in range(40)]})
    aside = rare_classes(target("no", "yes"), new, NOTHING, 6)
    said = aside.finding(kept=True)
    assert "40 rows" in said.message and "and 30 more" in said.message and "word 39" not in said.message
    assert len(said.evidence["classes"]) == 40 and "are kept" in said.message
    assert "--keep-old" in aside.finding(kept=False).message
