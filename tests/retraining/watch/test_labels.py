"""Labels in files of their own find their rows, each once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.bundle.memory.trained import Trained
from retemper.core.errors import InputError
from retemper.core.recipe_sections import DataOptions
from retemper.data.read import read
from retemper.data.schema import Schema, infer
from retemper.retraining.watch.arrivals import digest
from retemper.retraining.watch.course import Task
from retemper.retraining.watch.labels import KEYS, Rows, rows_of, save_keys, without_known
from retemper.retraining.watch.stream import Stream, Watched


def table(first: int, count: int = 30) -> pl.DataFrame:
    """Orders by number, with what they cost."""
    order = np.arange(first, first + count)
    return pl.DataFrame({"order": order, "size": np.sin(order), "price": np.cos(order)})


@pytest.fixture(scope="module")
def schema() -> Schema:
    return infer(read(table(0, 100).drop("order")), DataOptions(target="price"))


@dataclass
class Shop:
    """A stream whose batches are written by hand."""

    stream: Stream
    folder: Path
    schema: Schema

    def rows(self, frame: pl.DataFrame, name: str) -> Rows:
        """What is found when this file's turn has come; it is a batch from then on."""
        path = self.folder / name
        frame.write_csv(path)
        task = Task(path, digest(path), self.stream.draft(path), self.stream)
        found = rows_of(task, self.schema, "order")
        decision = {"promoted": False, **task.facts(False, {"unlabelled": found.unlabelled("price")})}
        (task.draft / "decision.json").write_text(json.dumps(decision))
        save_keys(found, task.draft)
        self.stream.publish(task.draft)
        return found

    def code(self, frame: pl.DataFrame, name: str) -> str:
        with pytest.raises(InputError) as caught:
            self.rows(frame, name)
        return caught.value.code


@pytest.fixture
def shop(tmp_path: Path, schema: Schema) -> Iterator[Shop]:
    (tmp_path / "files").mkdir()
    with Stream.opened(tmp_path / "run", Watched("m", "registry")) as stream:
        yield Shop(stream, tmp_path / "files", schema)


def test_a_key_that_the_model_does_not_know_is_no_feature(shop: Shop) -> None:
    whole = shop.rows(table(0), "a.csv")
    assert whole.frame.columns == ["size", "price"] and whole.keys is None and whole.unlabelled("price") == 0
    assert shop.rows(table(100).drop("price"), "b.csv").unlabelled("price") == 30


def test_labels_are_joined_to_the_rows_that_lack_them_each_once(shop: Shop) -> None:
    shop.rows(table(0).drop("price"), "a.csv")
    some_known = pl.when(pl.col("order") < 45).then(pl.col("price")).alias("price")
    shop.rows(table(30).with_columns(some_known), "b.csv")
    labels = table(0, 90).select("order", "price").reverse()
    first = shop.rows(labels.filter(pl.col("order") % 2 == 0), "c.csv")
    assert first.of == ("a.csv", "b.csv") and first.unmatched == 15 + 8  # 60 to 88; 30 to 44 had theirs
    expected = pl.concat([table(0), table(45, 15)]).filter(pl.col("order") % 2 == 0)
    np.testing.assert_allclose(first.frame["size"], expected["size"])
    np.testing.assert_allclose(first.frame["price"], expected["price"])
    second = shop.rows(labels, "d.csv")  # the even ones once more
    expected = pl.concat([table(0), table(45, 15)]).filter(pl.col("order") % 2 == 1)
    np.testing.assert_allclose(second.frame["price"], expected["price"])
    assert shop.code(labels, "e.csv") == "labels_without_rows"


def test_keys_are_the_same_however_they_are_written(shop: Shop) -> None:
    shop.rows(table(0).drop("price"), "a.csv")
    as_floats = table(0).select(pl.col("order").cast(pl.Float64), "price")
    assert shop.rows(as_floats, "b.csv").frame.height == 30


def test_the_file_with_the_features_must_lie_there_as_it_was(shop: Shop) -> None:
    labels = table(0).select("order", "price")
    assert shop.code(labels, "early.csv") == "labels_without_rows"
    shop.rows(table(0).drop("price"), "a.csv")
    (shop.folder / "a.csv").write_text("order,size\n1,2\n")
    assert shop.code(labels, "b.csv") == "labels_without_rows"
    (shop.folder / "a.csv").unlink()
    assert shop.code(labels, "b.csv") == "labels_without_rows"


def test_a_key_names_one_row_and_has_one_label(shop: Shop) -> None:
    shop.rows(table(0).drop("price"), "a.csv")
    labels = table(0).select("order", "price")
    other = labels.head(1).with_columns(price=pl.lit(7.0))
    assert shop.code(pl.concat([labels, other]), "b.csv") == "key_not_unique"
    shop.rows(table(0).with_columns(size=pl.lit(0.5)).drop("price"), "c.csv")
    assert shop.code(labels, "d.csv") == "key_not_unique"


def test_no_key_can_be_read_from_the_run(shop: Shop) -> None:
    frame = table(0).with_columns(order=pl.format("customer-{}", "order"))
    shop.rows(frame.drop("price"), "a.csv")
    shop.rows(frame.select("order", "price"), "b.csv")
    (saved,) = shop.stream.run.rglob(KEYS)
    assert b"customer" not in saved.read_bytes() and len(np.load(saved)) == 30


def test_a_file_that_changed_since_its_content_was_known_is_refused(shop: Shop) -> None:
    path = shop.folder / "a.csv"
    table(0).write_csv(path)
    task = Task(path, "0" * 64, shop.stream.draft(path), shop.stream)
    with pytest.raises(InputError) as caught:
        rows_of(task, shop.schema, None)
    assert caught.value.code == "file_changed"


def test_of_a_file_that_has_grown_the_rows_that_were_learnt_are_left_out(shop: Shop) -> None:
    learnt = Trained.drawn(0).with_rows(table(0).drop("order"), shop.schema)
    memory = SimpleNamespace(trained=learnt)
    model: Any = SimpleNamespace(memory=memory, target="price", schema=shop.schema)

    def left(frame: pl.DataFrame, name: str) -> Rows:
        path = shop.folder / name
        frame.write_csv(path)
        task = Task(path, digest(path), shop.stream.draft(path), shop.stream)
        return without_known(rows_of(task, shop.schema, "order"), task, model)

    assert (
        left(table(0), "a.csv").frame.height == 30
    )  # a first file's rows are all new, whatever the filter says
    shop.rows(table(0), "a.csv")
    grown = left(table(0, 50), "a.csv")
    np.testing.assert_allclose(grown.frame["size"], table(30, 20)["size"])
    assert grown.known == 30 and left(table(0, 50), "b.csv").known == 0
    assert left(table(0, 50).drop("price"), "a.csv").frame.height == 50  # not learnt from
    with pytest.raises(InputError) as caught:
        left(table(0).reverse(), "a.csv")
    assert caught.value.code == "no_rows"
