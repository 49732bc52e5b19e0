"""What a run saves at its start, and what it finds again."""

import os

import polars as pl
import pytest

from retemper.api.start import SECONDS, Clock, read_tables, reopen_start, save_start
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.core.run_folder import START, RunFolder

FRAME = pl.DataFrame({"x": [float(i) for i in range(20)], "c": ["a", None] * 10, "y": ["p", "q"] * 10})


def started(run, data, test=None, limit=None, verb="train"):
    recipe = Recipe().with_changes({"data.target": "y", "training.optimizer": "sgd"})
    with RunFolder.create(run, "x") as folder:
        save_start(folder, recipe, read_tables(data, test, "y"), Clock(limit, None), verb)
    return recipe


@pytest.mark.parametrize("kind", ["csv", "parquet", "parts", "frame", "pandas"])
def test_the_same_rows_come_back(tmp_path, kind):
    data = FRAME.to_pandas() if kind == "pandas" else FRAME
    if kind == "csv":
        data = tmp_path / "t.csv"
        FRAME.write_csv(data)
    elif kind == "parquet":
        data = tmp_path / "t.parquet"
        FRAME.write_parquet(data)
    elif kind == "parts":
        data = tmp_path / "parts"
        data.mkdir()
        FRAME.head(12).write_csv(data / "a.csv")
        FRAME.tail(8).write_csv(data / "b.csv")
    recipe = started(tmp_path / "run", data, test=FRAME.head(3))
    with RunFolder.reopen(tmp_path / "run") as folder:
        start, found, tables = reopen_start(folder)
    assert found == recipe
    table, own_test_rows = tables.joined()
    assert own_test_rows == 3
    assert table.frame.equals(pl.concat([FRAME, FRAME.head(3)]))
    assert table.name == start.name


def test_a_run_may_be_moved(tmp_path):
    started(tmp_path / "run", FRAME)
    (tmp_path / "run").rename(tmp_path / "moved")
    with RunFolder.reopen(tmp_path / "moved") as folder:
        assert reopen_start(folder)[2].data.table.frame.equals(FRAME)


def test_a_relative_path_is_found_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FRAME.write_csv("t.csv")
    started("run", "t.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    with RunFolder.reopen("../run") as folder:
        assert reopen_start(folder)[2].data.table.frame.equals(FRAME)


def test_data_that_changed_is_refused_and_data_that_was_touched_is_not(tmp_path):
    path = tmp_path / "t.csv"
    FRAME.write_csv(path)
    started(tmp_path / "run", path)
    os.utime(path, (1, 1))
    with RunFolder.reopen(tmp_path / "run") as folder:
        reopen_start(folder)
        path.write_text(path.read_text().replace("19.0", "18.0"))
        with pytest.raises(InputError) as changed:
            reopen_start(folder)
        path.unlink()
        with pytest.raises(InputError) as gone:
            reopen_start(folder)
    assert (changed.value.code, gone.value.code) == ("data_changed", "no_such_file")


def test_a_new_part_is_a_change(tmp_path):
    (tmp_path / "parts").mkdir()
    FRAME.write_csv(tmp_path / "parts" / "a.csv")
    started(tmp_path / "run", tmp_path / "parts")
    FRAME.write_csv(tmp_path / "parts" / "b.csv")
    with RunFolder.reopen(tmp_path / "run") as folder, pytest.raises(InputError) as caught:
        reopen_start(folder)
    assert caught.value.code == "data_changed"


def test_the_seconds_of_killed_sessions_add_up(tmp_path):
    started(tmp_path / "run", FRAME, limit=60.0)
    for noted, used in [("10.5", 10.5), ("15.25", 15.25), ("1", 15.25), ("{", 15.25)]:
        with RunFolder.reopen(tmp_path / "run") as folder:
            (folder.path / SECONDS).write_text(noted)
            start, _, _ = reopen_start(folder)
        assert (start.clock.seconds_used, start.clock.time_limit_s) == (used, 60.0)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[]", b'{"clock": {}}'])
def test_a_damaged_start_is_told(tmp_path, damage):
    started(tmp_path / "run", FRAME)
    (tmp_path / "run" / START).write_bytes(damage)
    with RunFolder.reopen(tmp_path / "run") as folder, pytest.raises(InputError) as caught:
        reopen_start(folder)
    assert caught.value.code == "damaged_run"


@pytest.mark.parametrize("damage", ["seed: 1\n", "\xff", None])
def test_a_recipe_that_changed_is_told(tmp_path, damage):
    started(tmp_path / "run", FRAME)
    path = tmp_path / "run" / "recipe.yaml"
    path.unlink() if damage is None else path.write_text(damage, encoding="latin-1")
    with RunFolder.reopen(tmp_path / "run") as folder, pytest.raises(InputError) as caught:
        reopen_start(folder)
    assert caught.value.code == "damaged_run" and "recipe.yaml" in caught.value.message


@pytest.mark.parametrize("verb", ["train", "tune"])
def test_the_advice_names_the_command_of_the_run(tmp_path, verb):
    path, run = tmp_path / "t.csv", tmp_path / "run"
    FRAME.write_csv(path)
    started(run, path, verb=verb)
    FRAME.head(9).write_csv(path)
    with RunFolder.reopen(run) as folder, pytest.raises(InputError) as changed:
        reopen_start(folder)
    (run / "recipe.yaml").write_text("seed: 1\n")
    with RunFolder.reopen(run) as folder, pytest.raises(InputError) as damaged:
        reopen_start(folder)
    assert f"start a new run with `retemper {verb}`" in changed.value.hint
    assert f"start a new run with `retemper {verb}`" in damaged.value.hint
    (run / START).write_text("{")
    with RunFolder.reopen(run) as folder, pytest.raises(InputError) as unknown:
        reopen_start(folder)
    assert "`retemper" not in unknown.value.hint, "nobody knows which it was"
