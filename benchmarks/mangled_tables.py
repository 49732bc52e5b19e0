"""Tables that no one should have to read: plausible columns, written in any form, then damaged. A seed fixes each."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from damage import Random, damaged

TARGET = "y"
TAME = 15  # kinds of columns, of those below the first, that hold nothing infinite
ROWS = (0, 1, 9, 10, 11, 20, 30, 60, 60, 150, 150, 400)
WORDS = (
    "a", "b", "red", "Zoë", "日本", "🙂", "NA", "n/a", "?", "", " ", "null", "None", "-", "inf", "-Infinity", "nan",
    "0", "007", "1e5", "1,5", "1.000,5", "£3", "5 %", "12:30", "TRUE", "no", "=1+1", "a b c d", "x\ty", "#", "%s",
    "{}", "\\", "'", "\u200b", "\u202e", "1_000", "0x1F", "٣", "１", "1e400", "-0", "+5", ".5", "5.", "1e", "--",
    "[/x]", "<script>", "\x1b[0m",
)  # fmt: skip
DATES = (
    "2024-01-31", "31.01.2024", "01/31/2024", "1/2/24", "2024-02-30", "2024-01-31T10:00:00Z", "20240131",
    "2024-01-31 10:00:00.123456", "2024-01-31T10:00:00+14:00", "0000-00-00", "9999-12-31", "0001-01-01",
    "Jan 5, 2024", "2024-W05", "99999-01-01", "24:61", "1700000000",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A damaged source: what ``read`` is given, and in a word how it was made."""

    data: Any
    story: str


def draw(seed: int, folder: Path, wild: float = 1.0) -> Source:
    """The source of a seed; files are written below ``folder``. Less wild ones are more often fit to train on."""
    random = Random((4242, seed), wild)
    rows = int(random.choice(ROWS if random.oddly(1.0) else ROWS[-3:]))
    columns = _columns(random, rows)
    form = str(random.choice(list(FORMS), p=SHARES))
    data, how = FORMS[form](random, columns, folder)
    return Source(data, f"{form}, {rows} rows × {len(columns)} columns, {how}")


def again(seed: int, source: Source, folder: Path) -> Source:
    """The same source, damaged once more: what a model may be asked to predict."""
    random = Random((4343, seed))
    if not isinstance(source.data, Path) or source.data.is_dir():
        return source
    path = folder / f"again-{source.data.name}"
    path.write_bytes(damaged(random, source.data.read_bytes(), share=0.5)[0])
    return Source(path, "the same again, damaged")


# Columns


def _columns(random: Random, rows: int) -> dict[str, list[Any]]:
    width = int(random.choice([0, 1, 2, 3, 5, 8, 40], p=[0.02, 0.08, 0.2, 0.3, 0.25, 0.13, 0.02]))
    found: dict[str, list[Any]] = {}
    for position in range(width):
        cells = _cells(random, rows)
        if random.random() < 0.3:
            cells = [None if random.random() < 0.3 else cell for cell in cells]
        found[_name(random, position)] = cells
    if not random.oddly(0.07):
        found[TARGET] = _target(random, rows)
    return found


def _name(random: Random, position: int) -> str:
    odd = (
        "", " ", "*", "^a.*$", "y ", "Y", "x" * 5000, 'q"uote', "new\nline", "ünï", "a.b", "1", "id", "\0",
        "$", "[/red]", "[b]", "\u202e", "<b>",
    )  # fmt: skip
    return str(random.choice(odd)) if random.oddly(0.12) else f"c{position}"


def _cells(random: Random, rows: int) -> list[Any]:
    makers: tuple[Callable[[], list[Any]], ...] = (
        lambda: random.normal(size=rows).tolist(),
        lambda: random.integers(-5, 100, rows).tolist(),
        lambda: random.choice(["red", "blue", "green"], rows).tolist(),
        lambda: random.choice(WORDS, rows).tolist(),
        lambda: random.choice(DATES, rows).tolist(),
        lambda: [f"{2000 + k % 30}-{1 + k % 12:02}-{1 + k % 28:02}" for k in range(rows)],
        lambda: [int(random.choice([2**31, 2**53, 2**62, -(2**63)])) + int(k) for k in range(rows)],
        lambda: [None] * rows,
        lambda: [7] * rows,
        lambda: list(range(rows)),
        lambda: [f"u{k:x}" for k in random.integers(0, 2**40, rows)],
        lambda: random.choice([True, False], rows).tolist(),
        lambda: [" ".join(random.choice(WORDS[:6], 1 + k % 9)) for k in range(rows)],
        lambda: ["z" * int(random.choice([1, 40, 20_000]))] * rows,
        lambda: [random.choice([1, "one", None, 2.5]) for _ in range(rows)],
        lambda: [str(random.choice(DATES))] * rows,
        lambda: (10.0 ** random.uniform(-320, 308, rows) * random.choice([-1, 1], rows)).tolist(),
        lambda: random.choice([0.0, np.inf, -np.inf, np.nan, 1e308, 5e-324], rows).tolist(),
    )
    return makers[int(random.integers(len(makers) if random.oddly(1.0) else TAME))]()


def _target(random: Random, rows: int) -> list[Any]:
    makers: tuple[Callable[[], list[Any]], ...] = (
        lambda: random.choice(["no", "yes"], rows).tolist(),
        lambda: random.choice([0, 1], rows).tolist(),
        lambda: random.choice(["a", "b", "c"], rows, p=[0.9, 0.07, 0.03]).tolist(),
        lambda: random.normal(size=rows).tolist(),
        lambda: (1e90 * random.normal(size=rows)).tolist(),
        lambda: random.choice(["a"] * 30 + ["lonely", "b"], rows).tolist(),
        lambda: random.choice([1.0, 2.0, None], rows).tolist(),
        lambda: ["same"] * rows,
        lambda: [None] * rows,
        lambda: [f"k{k}" for k in range(rows)],
        lambda: _cells(random, rows),
    )
    usual = [0.2, 0.12, 0.13, 0.25, 0.03, 0.06, 0.04, 0.02, 0.02, 0.03, 0.1]
    return makers[int(random.choice(len(makers), p=usual) if random.oddly(1.0) else random.integers(4))]()


# Forms


def _csv(random: Random, columns: dict[str, list[Any]], folder: Path) -> tuple[Path, str]:
    path = folder / str(random.choice(["t.csv", "T.CSV", "t.csv.gz"], p=[0.7, 0.05, 0.25]))
    content, how = _csv_bytes(random, columns)
    if path.suffix != ".gz":
        path.write_bytes(content)
        return path, how
    packed, damage = damaged(random, gzip.compress(content, mtime=0), share=0.3)
    path.write_bytes(packed)
    return path, f"{how}, gz {damage}"


def _csv_bytes(random: Random, columns: dict[str, list[Any]]) -> tuple[bytes, str]:
    delimiter = str(random.choice([",", ";", "\t", "|", ":"], p=[0.6, 0.15, 0.1, 0.13, 0.02]))
    quoting = int(random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    end = str(random.choice(["\n", "\r\n", "\r"], p=[0.7, 0.25, 0.05]))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)
    if not random.oddly(0.05):
        writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    encoding = str(random.choice(["utf-8-sig", "utf-16", "latin-1"])) if random.oddly(0.15) else "utf-8"
    content, damage = damaged(random, text.getvalue().encode(encoding, errors="replace"), share=0.55)
    return content, f"{encoding} {delimiter!r} {end!r}, {damage}"


def _parquet(random: Random, columns: dict[str, list[Any]], folder: Path) -> tuple[Path, str]:
    frame, how = _odd_types(random, _frame(columns))
    path, content = folder / "t.parquet", io.BytesIO()
    frame.write_parquet(content)
    packed, damage = damaged(random, content.getvalue(), share=0.3)
    path.write_bytes(packed)
    return path, f"{how}, {damage}"


def _frame(columns: dict[str, list[Any]]) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(cells, strict=False) for name, cells in columns.items()})


def _odd_types(random: Random, frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    if not frame.width or not random.oddly(0.6):
        return frame, "plain types"
    name = frame.columns[int(random.integers(frame.width))]
    rows = frame.height
    odd: dict[str, Callable[[], pl.Series]] = {
        "list": lambda: pl.Series([[1, k] for k in range(rows)], dtype=pl.List(pl.Int64)),
        "struct": lambda: pl.Series([{"a": k} for k in range(rows)], dtype=pl.Struct({"a": pl.Int64})),
        "array": lambda: pl.Series([[1.0, 2.0]] * rows, dtype=pl.Array(pl.Float64, 2)),
        "binary": lambda: pl.Series([b"\xff\x00"] * rows, dtype=pl.Binary),
        "decimal": lambda: pl.Series([Decimal(k) / 8 for k in range(rows)], dtype=pl.Decimal(20, 3)),
        "categorical": lambda: pl.Series([f"l{k % 5}" for k in range(rows)], dtype=pl.Categorical),
        "time": lambda: pl.Series([k * 10**9 for k in range(rows)], dtype=pl.Int64).cast(pl.Time),
        "duration": lambda: pl.Series(range(rows), dtype=pl.Int64).cast(pl.Duration("ms")),
        "datetime": lambda: pl.Series([k * 10**9 for k in range(rows)], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
        "far date": lambda: pl.Series([(-1) ** k * 2**30 for k in range(rows)], dtype=pl.Int32).cast(pl.Date),
        "u64": lambda: pl.Series([2**64 - 1 - k for k in range(rows)], dtype=pl.UInt64),
        "f32": lambda: pl.Series(random.normal(size=rows), dtype=pl.Float32),
        "null": lambda: pl.Series([None] * rows, dtype=pl.Null),
    }  # fmt: skip
    kind = str(random.choice(list(odd)))
    return frame.with_columns(odd[kind]().alias(name)), f"{name[:9]!r} is {kind}"


def _npz(random: Random, columns: dict[str, list[Any]], folder: Path) -> tuple[Path, str]:
    rows = len(next(iter(columns.values()), []))
    shape = [(rows, 3), (rows,), (rows, 2, 2), (rows, 0), (rows, 1), ()][
        int(random.choice(6, p=[0.6, 0.1, 0.1, 0.05, 0.1, 0.05]))
    ]
    x: Any = random.normal(size=shape)
    dtype = str(
        random.choice(
            ["f8", "f4", "f2", "i8", "c16", "U5", "S5", "?", "O", "M8[s]", "m8[s]"], p=[0.4] + [0.06] * 10
        )
    )
    if dtype in {"M8[s]", "m8[s]"}:
        x = (x * 1e8).astype("i8")
    x = x.astype(dtype)
    y: Any = np.array(
        random.choice(["no", "yes"], rows) if random.random() < 0.5 else random.normal(size=rows)
    )
    arrays = {"x": x, "y": y[:, None] if random.random() < 0.1 else y}
    change = str(
        random.choice(
            ["none", "no x", "no y", "other rows", "y of two columns"], p=[0.7, 0.05, 0.1, 0.1, 0.05]
        )
    )
    if change.startswith("no "):
        del arrays[change[3:]]
    elif change == "other rows":
        arrays["y"] = y[: rows // 2]
    elif change == "y of two columns":
        arrays["y"] = random.normal(size=(rows, 2))
    path, content = folder / "t.npz", io.BytesIO()
    np.savez_compressed(content, **arrays) if random.random() < 0.5 else np.savez(content, **arrays)
    packed, damage = damaged(random, content.getvalue(), share=0.25)
    path.write_bytes(packed)
    return path, f"{dtype} {shape}, {change}, {damage}"


def _folder(random: Random, columns: dict[str, list[Any]], folder: Path) -> tuple[Path, str]:
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    stories = []
    for number in range(int(random.choice([0, 1, 2, 3]))):
        below = parts / f"part{number}"
        below.mkdir(exist_ok=True)
        wanted = columns if random.random() < 0.8 else _columns(random, len(next(iter(columns.values()), [])))
        path, how = (_csv if random.random() < 0.7 else _parquet)(random, wanted, below)
        path.rename(parts / f"{number}-{path.name}")
        below.rmdir()
        stories.append(how)
    return parts, "; ".join(stories) or "empty"


def _memory(random: Random, columns: dict[str, list[Any]], folder: Path) -> tuple[Any, str]:
    form = int(random.integers(5))
    if form == 0:
        return _odd_types(random, _frame(columns))
    if form == 1:
        return columns, "a dict of lists"
    if form == 2:
        array = np.array(list(columns.values()), dtype=object).T
        return array, f"an array of objects {array.shape}"
    if form == 3:
        y = columns.get(TARGET, [])
        x = [list(row) for row in zip(*columns.values(), strict=True)]
        return (x, y), "a pair of lists"
    import pandas as pd

    return pd.DataFrame(columns), "a pandas frame"


def _noise(random: Random, columns: dict[str, list[Any]], folder: Path) -> tuple[Path, str]:
    path = folder / str(random.choice(["t.csv", "t.csv.gz", "t.parquet", "t.npz"]))
    path.write_bytes(random.bytes(int(random.choice([0, 1, 7, 300, 5000]))))
    return path, f"noise as {path.name}"


def _misnamed(random: Random, columns: dict[str, list[Any]], folder: Path) -> tuple[Path, str]:
    path, how = _csv(random, columns, folder)
    other = folder / str(random.choice(["t.parquet", "t.npz", "t.csv", "t.csv.gz", "t.xlsx", "t"]))
    path.rename(other)
    return other, f"{how}, called {other.name}"


FORMS: dict[str, Callable[[Random, dict[str, list[Any]], Path], tuple[Any, str]]] = {
    "csv": _csv, "parquet": _parquet, "npz": _npz, "folder": _folder, "memory": _memory, "noise": _noise,
    "misnamed": _misnamed,
}  # fmt: skip
SHARES = [0.5, 0.14, 0.08, 0.08, 0.14, 0.03, 0.03]
