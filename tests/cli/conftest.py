"""The command line, called in this process, and documents held against the contract's schemas."""

import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import numpy as np
import polars as pl
import pytest

from retemper.cli.main import run

CONTRACT = Path(__file__).parents[1] / "contract"
TINY = {
    "search.trials": 4,
    "training.epochs": 3,
    "procedure.members": 2,
    "procedure.nested_rows": 0,
    "procedure.skip": "[overfit_sample]",
}


@dataclass
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def document(self, schema):
        """Standard output as the one JSON document that it must be, valid by the contract's schema."""
        document = json.loads(self.out)
        jsonschema.validate(document, json.loads((CONTRACT / f"{schema}.schema.json").read_text()))
        return document


@pytest.fixture
def retemper(capsys):
    """``retemper("check", path, "--json")`` → its Answer."""

    def call(*words):
        capsys.readouterr()
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


def small_table(rows=240, seed=0):
    """Numbers, a category with gaps, and two classes that depend on both."""
    draws = np.random.default_rng(seed)
    size, colour = draws.normal(size=rows), draws.choice(["red", "green", "blue"], rows)
    label = np.where(size + (colour == "red") + draws.normal(scale=0.5, size=rows) > 0.3, "yes", "no")
    shade = [None if gap else str(c) for gap, c in zip(draws.random(rows) < 0.1, colour, strict=True)]
    return pl.DataFrame({"size": size, "age": draws.integers(18, 90, rows), "colour": shade, "label": label})


@pytest.fixture
def table(tmp_path):
    """A small CSV file with the target ``label``."""
    path = tmp_path / "table.csv"
    small_table().write_csv(path)
    return path


@pytest.fixture(scope="session")
def tiny():
    """Options that make a training as short as it can be."""
    return [word for path, value in TINY.items() for word in ("--set", f"{path}={value}")]


@pytest.fixture(scope="session")
def trained(tmp_path_factory, tiny):
    """The folder of a finished run on the small table; beside it, ``shown``, what the command printed."""
    place = tmp_path_factory.mktemp("trained")
    small_table().write_csv(place / "table.csv")
    (place / "recipe.yaml").write_text("training: {epochs: 4, batch_size: 33}\nsearch: {trials: 5}\n")
    words = ["train", place / "table.csv", "--target", "label", "--out", place / "run", "--preset", "quick"]
    with (place / "shown").open("w") as shown, redirect_stdout(shown):
        code = run([str(word) for word in [*words, "--recipe", place / "recipe.yaml", *tiny]])
    assert code == 0
    return place / "run"
