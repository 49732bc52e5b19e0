"""What stops a retraining says in which of the two files, and where."""

from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from retemper.api.retrain_inputs import before_of
from retemper.core.errors import InputError
from retemper.retraining.options import RetrainOptions


def text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.all().cast(pl.String))


@pytest.mark.parametrize("which", ["new", "old"])
@pytest.mark.parametrize(
    ("target", "column", "cell", "code"),
    [
        ("classes", "p", "abc", "not_a_number"),
        ("classes", "q", "inf", "infinite_value"),
        ("numbers", "y", "oops", "not_a_number"),
    ],
)
def test_a_cell_that_can_not_be_read_is_told_with_file_and_row(
    made: ModuleType, tmp_path: Path, which: str, target: str, column: str, cell: str, code: str
) -> None:
    files = {}
    for name in ("new", "old"):
        frame = text(made.table(target, 40, 3 if name == "new" else 5))
        if name == which:
            frame[6, column] = cell
        files[name] = tmp_path / f"{name}.csv"
        frame.write_csv(files[name])
    with pytest.raises(InputError) as caught:
        before_of(made.champion(target, 2), files["new"], files["old"], RetrainOptions())
    assert caught.value.code == code
    assert caught.value.where == {"file": str(files[which]), "column": column, "row": 7}


def test_columns_that_are_gone_are_all_named(made: ModuleType, tmp_path: Path) -> None:
    made.table("classes", 40, 3).rename({"p": "P", "q": "Q"}).write_csv(tmp_path / "new.csv")
    with pytest.raises(InputError) as caught:
        before_of(made.champion("classes", 2), tmp_path / "new.csv", None, RetrainOptions())
    error = caught.value
    assert error.code == "column_gone" and error.where == {"file": str(tmp_path / "new.csv"), "column": "p"}
    assert "columns 'p', 'q'" in error.message


def test_a_date_that_is_none_is_told_with_file_and_row(made: ModuleType, tmp_path: Path) -> None:
    import retemper

    day = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 3, 30), eager=True).cast(pl.String)[:80]
    frame = made.table("classes", 80, 3).with_columns(day=day)
    model = (
        retemper.NetClassifier(hidden_units=4, epochs=1, random_state=0)
        .fit(frame.drop("y").to_pandas(), frame["y"].to_numpy())
        .model_
    )
    frame[3, "day"] = "soon"
    frame.rename({"y": model.target}).write_csv(tmp_path / "new.csv")
    with pytest.raises(InputError) as caught:
        before_of(model, tmp_path / "new.csv", None, RetrainOptions())
    assert caught.value.code == "not_a_date"
    assert caught.value.where == {"file": str(tmp_path / "new.csv"), "column": "day", "row": 4}
