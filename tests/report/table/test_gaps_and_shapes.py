"""Missing cells and distributions: counted against the arrays they come from."""

import numpy as np
import pytest

from retemper.report.table.cells import Cells
from retemper.report.table.gaps import missing_together, target_where_missing, where_missing
from retemper.report.table.shapes import shape, told_of

ROWS = 1200


def with_gaps(name, gaps, kind="number"):
    return Cells(name, kind, np.where(gaps, np.nan, np.arange(float(ROWS))))


def test_gaps_are_placed_in_blocks_of_rows():
    late = np.arange(ROWS) >= 900
    found = where_missing(
        [
            with_gaps("late", late),
            with_gaps("whole", np.zeros(ROWS, bool)),
            with_gaps("all", np.ones(ROWS, bool)),
        ]
    )
    assert [own["name"] for own in found["columns"]] == ["all", "late"] and found["of"] == 2
    assert found["blocks"] == 60
    assert found["columns"][1]["blocks"] == [0.0] * 45 + [1.0] * 15
    assert found["columns"][1]["share"] == 0.25
    assert where_missing([])["columns"] == []


def test_gaps_that_come_together_are_paired():
    random = np.random.default_rng(0)
    one = random.random(ROWS) < 0.2
    columns = [
        with_gaps("a", one),
        with_gaps("b", one | (random.random(ROWS) < 0.02)),
        with_gaps("c", random.random(ROWS) < 0.2),
    ]
    (pair,) = missing_together(columns)
    assert {pair["one"], pair["other"]} == {"a", "b"} and pair["strength"] > 0.9
    assert pair["rows"] == one.sum()
    assert missing_together([with_gaps("a", one), with_gaps("all", np.ones(ROWS, bool))]) == []


def test_the_target_is_told_where_a_cell_is_missing():
    gap = np.arange(ROWS) % 3 == 0
    classes = Cells("y", "category", np.where(gap, 1.0, (np.arange(ROWS) % 2).astype(float)), ("no", "yes"))
    (found,) = target_where_missing([with_gaps("x", gap), with_gaps("few", np.arange(ROWS) < 5)], classes)
    assert (found["name"], found["class"], found["missing"]["value"]) == ("x", "yes", 1.0)
    assert found["present"]["low"] < 0.5 < found["present"]["high"]
    number = Cells("y", "number", np.where(gap, 5.0, 1.0) + np.arange(ROWS) % 2)
    (found,) = target_where_missing([with_gaps("x", gap)], number)
    assert found["class"] is None and found["missing"]["value"] == pytest.approx(5.5)
    assert target_where_missing([with_gaps("x", gap)], None) == []


def test_of_many_classes_the_one_that_differs_most_is_told():
    gap = np.arange(ROWS) < 400
    codes = np.where(gap, 2.0, np.arange(ROWS) % 2)
    (found,) = target_where_missing([with_gaps("x", gap)], Cells("y", "category", codes, ("a", "b", "c")))
    assert found["class"] == "c"


def test_far_values_do_not_flatten_a_histogram_and_are_counted():
    values = np.append(np.random.default_rng(1).normal(size=ROWS), [1e6, 1e6, -1e5])
    found = shape(Cells("x", "number", values))
    assert (found["below"], found["above"]) == (1, 2) and (found["least"], found["most"]) == (-1e5, 1e6)
    assert sum(found["counts"]) == ROWS and np.count_nonzero(found["counts"]) > 10
    assert found["counts"][0] and found["counts"][-1], "the picture ends where the near values end"


def test_few_whole_numbers_have_a_bin_each():
    found = shape(Cells("x", "number", np.repeat([1.0, 2.0, 4.0], [5, 3, 2])))
    assert found["counts"] == [5, 3, 0, 2] and found["below"] == found["above"] == 0


@pytest.mark.parametrize("kind", ["identifier", "constant"])
def test_there_is_nothing_to_draw_of_keys_constants_and_empty_columns(kind):
    assert shape(Cells("x", kind, np.zeros(10))) is None
    assert shape(Cells("x", "number", np.full(10, np.nan))) is None
    assert sum(shape(Cells("x", "number", np.full(10, 7.0)))["counts"]) == 10


def test_the_target_runs_along_a_column():
    x = np.repeat([0.0, 1.0, 2.0], [100, 100, 5])
    y = Cells("y", "category", np.repeat([0.0, 1.0, 0.0], [100, 100, 5]), ("no", "yes"))
    assert shape(Cells("x", "number", x), y)["along"] == [0.0, 1.0, None], "five rows are too few to tell"
    assert told_of(y) == "share of yes"
    value = Cells("v", "number", 3 * x)
    assert shape(Cells("k", "category", x, ("a", "b", "c")), value)["along"] == [0.0, 3.0, None]
    assert told_of(value) == "mean of v"
    many = Cells("m", "category", x, ("a", "b", "c"))
    assert told_of(many) is None and shape(Cells("x", "number", x), many)["along"] is None
