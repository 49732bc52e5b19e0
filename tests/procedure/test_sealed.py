"""The test rows are sealed: whatever they hold, everything before ``test_once`` is the same to the last bit."""

import polars as pl
import pytest

from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.split import split


def trained_files(done):
    """What training left on the disk: arrays, every network with its outputs, curves, the bundle's weights."""
    kept = ["checkpoints/arrays/*.npy", "checkpoints/jobs/*/done.safetensors", "history/*.jsonl"]
    files = [path for pattern in kept for path in done.path.glob(pattern)]
    assert len(files) > 12
    return {str(path.relative_to(done.path)): _content(path) for path in files} | {"weights": done.weights}


def _content(path):
    if path.suffix != ".safetensors":
        return path.read_bytes()
    from safetensors import safe_open

    with safe_open(path, "np") as file:  # the header tells the seconds it took
        return {name: file.get_tensor(name).tobytes() for name in ("rows", "outputs", "losses")}


def assert_same_until_the_test(clean, poisoned):
    assert trained_files(clean) == trained_files(poisoned)
    for left, right in zip(clean.result["steps"][:-1], poisoned.result["steps"][:-1], strict=True):
        assert {**left, "seconds": 0} == {**right, "seconds": 0}
    for name in ("findings", "search", "recipe"):
        assert clean.result[name] == poisoned.result[name]
    assert clean.result["metrics"]["validation"] == poisoned.result["metrics"]["validation"]
    assert clean.result["metrics"]["test"] != poisoned.result["metrics"]["test"]


def test_an_own_test_file_is_not_looked_at(tmp_path, run_all, tables):
    frame, test = tables.two_classes(), tables.two_classes(60, seed=1)
    absurd = test.with_columns(
        size=pl.lit(1e9) + pl.int_range(60) * 1e7,
        age=pl.col("age") * -1e6,
        city=pl.lit("nowhere"),
        y=pl.Series(["no", "no", "yes"] * 20),
    )
    runs = [run_all(tmp_path / str(k), frame, "y", test=own) for k, own in enumerate((test, absurd))]
    assert_same_until_the_test(*runs)


@pytest.mark.parametrize("time", [None, "day"])
def test_rows_set_aside_are_not_looked_at(tmp_path, run_all, tables, recipe_of, slow, time):
    changes = {"procedure.skip": slow, "data.time": time, "procedure.remedy_rounds": 1}
    frame, recipe = tables.prices(), recipe_of("price", changes)
    table = read(frame, "price")
    rows = split(table, infer(table, recipe.data), recipe.split, recipe.seed).open_test()
    sealed = pl.int_range(frame.height).is_in(rows.tolist())
    absurd = frame.with_columns(
        x=pl.when(sealed).then(pl.col("x") * 1e6).otherwise("x"),
        price=pl.when(sealed).then(-1e5 * pl.col("price")).otherwise("price"),
    )
    runs = [run_all(tmp_path / str(k), own, "price", changes) for k, own in enumerate((frame, absurd))]
    assert_same_until_the_test(*runs)
