"""Tables on disk: the same cells, found again by content, rebuilt when damaged."""

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from retemper.core.recipe import build
from retemper.data import columns, parts
from retemper.data.frame import FrameOnDisk
from retemper.data.read import append, read
from retemper.data.schema import infer
from retemper.data.split import split
from retemper.procedure import prepare as preparing
from retemper.procedure.prepare import prepare
from retemper.training import arrays

ROWS = 400


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(parts, "LARGE_BYTES", 0)
    monkeypatch.setattr(columns, "PART_ROWS", 64)
    monkeypatch.setattr(parts, "PART_ROWS", 64)
    monkeypatch.setattr(parts, "WINDOW_BYTES", 0)
    monkeypatch.setenv("RETEMPER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def frame() -> pl.DataFrame:
    random = np.random.default_rng(0)
    numbers = pl.Series(random.normal(size=ROWS)).round(3)
    words = pl.Series([f"w{k}" for k in random.integers(0, 9, ROWS)])
    late = pl.Series([None] * 300 + list(range(ROWS - 300)), dtype=pl.Int64)
    mixed = pl.Series([float(k) if k < 390 else k + 0.5 for k in range(ROWS)])
    return pl.DataFrame(
        {"n": numbers, "w": words, "late": late, "mixed": mixed, "y": (numbers > 0).cast(pl.Int64)}
    )


def _written(frame: pl.DataFrame, folder: Path, kind: str) -> Path:
    folder.mkdir()
    for k in range(2):
        half = frame.slice(k * 200, 200)
        (half.write_csv if kind == "csv" else half.write_parquet)(folder / f"{k}.{kind}")  # type: ignore[operator]
    return folder


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_same_cells(large: Path, frame: pl.DataFrame, tmp_path: Path, kind: str) -> None:
    found = read(_written(frame, tmp_path / "data", kind)).frame
    assert isinstance(found, FrameOnDisk) and found.shape == frame.shape and len(found._parts) >= 2
    assert found.collect().equals(frame)
    assert found["late"].equals(frame["late"])
    rows = np.array([399, 3, 3, 70, 0])
    assert found[rows].equals(frame[rows])
    assert found[rows[:0]].equals(frame[rows[:0]])
    assert found.head(100)["w"].equals(frame["w"].head(100)) and found.head(100).height == 100
    assert sum(cells.height for _, cells in found.windows()) == ROWS
    for one, other in ((found, frame), (found.head(150), frame.head(150)), (found.only(["w", "n"]), frame)):
        for first, count in ((0, 5), (60, 100), (149, 300), (399, 1), (0, 0)):
            assert one.slice(first, count).equals(other.select(one.columns).slice(first, count))
    assert found.null_count().equals(frame.null_count())
    with pytest.raises(AttributeError):
        found.no_such_thing  # noqa: B018


def test_prepared_as_in_memory(
    large: Path, frame: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "WINDOW_ROWS", 50)
    recipe = build({"data": {"target": "y"}})
    table = read(_written(frame, tmp_path / "data", "csv"))
    memory = read(frame)
    schema = infer(table, recipe.data)
    assert schema == infer(memory, recipe.data)
    splits = split(table, schema, recipe.split, 0)
    found = prepare(table.frame, schema, recipe, splits.train, splits.validation, tmp_path / "arrays").arrays
    monkeypatch.setattr(preparing, "WINDOW_ROWS", 1000)
    expected = prepare(memory.frame, schema, recipe, splits.train, splits.validation).arrays
    assert found.train.mapped is not None and found.prior == expected.prior
    for name in arrays.FIELDS:
        for one, other in ((found.train, expected.train), (found.validation, expected.validation)):
            assert np.array_equal(getattr(one, name), getattr(other, name))


def test_each_part_is_read_once_by_close_rows(
    large: Path, frame: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "WINDOW_ROWS", 32)
    recipe = build({"data": {"target": "y"}})
    table = read(_written(frame, tmp_path / "data", "parquet"))
    schema = infer(table, recipe.data)
    splits = split(table, schema, recipe.split, 0)
    counts = []
    own = FrameOnDisk._read
    monkeypatch.setattr(FrameOnDisk, "_read", lambda *place: counts.append(place[3]) or own(*place))
    prepare(table.frame, schema, recipe, splits.train, splits.train[:0], tmp_path / "arrays")
    # Once for the rows to fit on, once for the target, once in windows.
    assert len(counts) > 20 and sum(counts) <= 3 * ROWS


def test_found_by_content_and_rebuilt_when_damaged(
    large: Path, frame: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    finish = columns.Store.finish
    monkeypatch.setattr(
        columns.Store, "finish", lambda store, schema: built.append(1) or finish(store, schema)
    )
    data = _written(frame, tmp_path / "data", "csv")
    read(data)
    read(data.rename(tmp_path / "elsewhere"))
    assert len(built) == 1
    (entry,) = large.iterdir()
    for damage in (_cut, _flip, _half_meta, _without_a_part):
        damage(entry)
        assert read(tmp_path / "elsewhere").frame.collect().equals(frame)
    assert len(built) == 5
    with (tmp_path / "elsewhere" / "1.csv").open("a") as file:
        file.write("1,w1,1,1.5,0\n")
    assert read(tmp_path / "elsewhere").frame.height == ROWS + 1
    assert not list(large.glob("*.tmp"))


def _cut(entry: Path) -> None:
    part = entry / "00000.arrow"
    part.write_bytes(part.read_bytes()[:-100])


def _flip(entry: Path) -> None:
    part = entry / "00001.arrow"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 255
    part.write_bytes(bytes(content))


def _half_meta(entry: Path) -> None:
    (entry / "meta.json").write_text('{"version": 1, "par')


def _without_a_part(entry: Path) -> None:
    (entry / "00001.arrow").unlink()


def test_only_the_tables_used_last_are_kept(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "KEPT_TABLES", 2)
    for k in range(4):
        pl.DataFrame({"a": [k, k + 1]}).write_csv(tmp_path / f"{k}.csv")
        read(tmp_path / f"{k}.csv")
    assert len(list(large.iterdir())) == 2


def test_what_a_killed_process_left_goes_after_a_day(large: Path, tmp_path: Path) -> None:
    for name, days in (("old.1.tmp", 2), ("young.2.tmp", 0)):
        (large / name).mkdir(parents=True)
        (large / name / "00000.arrow").write_bytes(b"half a table")
        for path in (large / name / "00000.arrow", large / name):
            then = path.stat().st_mtime - days * 86_400
            os.utime(path, (then, then))
    pl.DataFrame({"a": [1, 2]}).write_csv(tmp_path / "a.csv")
    read(tmp_path / "a.csv")
    assert [path.name for path in large.glob("*.tmp")] == ["young.2.tmp"]


@pytest.mark.parametrize("part_rows", [1, 64])
@pytest.mark.parametrize("cells", [[datetime(2020, 1, 1, 3), None], [True, None], ["x", None], [7, None]])
def test_a_part_without_cells_takes_the_type_of_the_others(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_rows: int, cells: list[object]
) -> None:
    monkeypatch.setattr(columns, "PART_ROWS", part_rows)
    monkeypatch.setattr(parts, "PART_ROWS", part_rows)
    data = tmp_path / "data"
    data.mkdir()
    pl.DataFrame({"a": pl.Series([None, None], dtype=pl.Null), "b": [1, 2]}).write_parquet(data / "0.parquet")
    pl.DataFrame({"a": cells, "b": [3, 4]}).write_parquet(data / "1.parquet")
    found = read(data).frame.collect()
    assert found["a"].to_list() == [None, None, *cells]
    monkeypatch.setattr(parts, "LARGE_BYTES", 1 << 30)
    assert read(data).frame.equals(found)


def test_own_test_rows_below_a_table_on_disk(
    large: Path, frame: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = read(_written(frame, tmp_path / "data", "csv"))
    other = frame[:7].with_columns(late=pl.lit(0.5), y=pl.lit(2)).select(frame.columns[::-1])
    joined = append(main, read(other)).frame
    expected = append(read(frame), read(other)).frame
    assert isinstance(joined, FrameOnDisk) and joined.height == ROWS + 7
    assert joined.collect().equals(expected) and dict(joined.schema) == dict(expected.schema)
    assert joined["late"].equals(expected["late"])
    rows = np.array([ROWS + 3, 2, ROWS - 1, 2])
    assert joined[rows].equals(expected[rows])
    assert joined.slice(ROWS - 2, 5).equals(expected.slice(ROWS - 2, 5))
    assert joined.head(ROWS - 1).collect().equals(expected.head(ROWS - 1))
    assert joined.head(3).above(expected[:2]).collect().equals(pl.concat([expected[:3], expected[:2]]))
