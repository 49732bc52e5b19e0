"""Rough files in a watched folder: each says in one message what is wrong with it, and the others go on."""

from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from retemper.api.watch_folder import Passed, retrain_folder
from retemper.retraining.watch import arrivals


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes to these files."""
    monkeypatch.setattr(arrivals, "PAUSE_S", 0.0)


def looked(made: ModuleType, place: Path, **settings: Any) -> Passed:
    champion = place / "champion"
    if not champion.exists():
        made.champion("classes", 2).save(champion)
    given = {"strategy": "nothing", "out": place / "run", "set": {"workers": 1}, "keep_old": 100, **settings}
    return retrain_folder(champion, place / "in", **given)


def test_each_file_says_what_is_wrong_with_it(made: ModuleType, tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    rows = made.table("classes", 40, 3)
    text = rows.with_columns(pl.all().cast(pl.String))
    wrong = text.clone()
    wrong[4, "q"] = "abc"
    files = {
        "01_good.csv": rows,
        "02_bad.csv": wrong,
        "03_gone.csv": rows.drop("p"),
        "04_one.csv": rows[:1],
        "05_typo.csv": made.table("classes", 40, 4).with_columns(y=pl.Series(["lwo", *rows["y"][1:]])),
    }
    for name, frame in files.items():
        frame.write_csv(place / name)
    (place / "06_empty.csv").touch()
    tally = looked(made, tmp_path).tally
    assert [own.decision["batch"] for own in tally.batches] == ["01_good.csv", "04_one.csv", "05_typo.csv"]
    assert {name: own["code"] for name, own in tally.failed.items()} == {
        "02_bad.csv": "not_a_number", "03_gone.csv": "column_gone", "06_empty.csv": "empty_file"
    }  # fmt: skip
    assert tally.failed["02_bad.csv"]["where"] == {"file": str(place / "02_bad.csv"), "column": "q", "row": 5}
    assert tally.failed["03_gone.csv"]["where"]["file"] == str(place / "03_gone.csv")
    one, typo = (own.decision for own in tally.batches[1:])
    assert one["drift"]["not_applicable"] == [{"code": "rows", "why": "one row shows no drift"}]
    assert [own["code"] for own in typo["findings"]] == ["rare_classes"]
    again = looked(made, tmp_path).tally
    assert not again.failed and not again.batches and again.failed_before == list(tally.failed)


def test_a_row_of_a_file_that_has_grown_is_counted_in_the_file(made: ModuleType, tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    known = made.table("classes", 300, 1)[:30]  # the champion was trained on these
    known.write_csv(place / "log.csv")
    assert len(looked(made, tmp_path).tally.batches) == 1
    more = pl.concat([known, made.table("classes", 20, 7)]).with_columns(pl.all().cast(pl.String))
    more[40, "p"] = "abc"
    more.write_csv(place / "log.csv")
    assert looked(made, tmp_path).tally.failed["log.csv"]["where"]["row"] == 41
