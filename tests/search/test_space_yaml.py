"""A space's file: whatever is in it, a person reads a sentence and never a traceback."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.search.space_file import space_of
from retemper.search.space_yaml import read

SOUND = """learning_rate: {low: 1e-4, high: 1e-1, log: true}
batch_size: [32, 64, 128]
dropout: default
optimizer: [adam, {name: nesterov, momentum: {low: 0.5, high: 0.99}}]
model: [mlp, residual_mlp]
hidden_units: [16, [64, 32]]
schedule: [{name: step, gamma: default, every_epochs: [5, 10]}, cosine]
constructed: [[], [log]]
weight_decay: {low: 1e-4, high: 0.3}
"""
WORDS = """
null ~ true -1 1e999 .nan .inf [] {} [[]] {1:2} 0x1F 2026-02-30 !!timestamp !!int &a &a_[*a] *x ' " : - ? low
name default adam sgd <<:_*x !!binary_aGk= !!set_{a} [1,[2,[3]]] {low:_{low:_1},high:_[]} {low:_1,high:_null}
{name:_[adam]} {name:_{a:_1}} {name:_null} [null] [default] [{}] [.nan,.nan] {low:_.nan,high:_.nan}
"""
BEFORE = (
    "training.",
    "model.",
    "prepare.",
    "tune.",
    "a.b.",
    "training.optimizer.sgd.",
    ".",
    "\t",
    "  ",
    "- ",
)


def mangled(draw: random.Random) -> str:
    """The sound file after one to four accidents."""
    lines = SOUND.splitlines()
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(lines))
        key, _, form = lines[place].partition(":")
        at, word = draw.randrange(len(lines[place]) + 1), draw.choice(WORDS.split()).replace("_", " ")
        known = re.findall(r"[\w.]+", lines[place]) or ["?"]
        lines[place] = draw.choice(
            [
                f"{key}: {word}",
                f"{word}:{form}",
                lines[place][:at] + word + lines[place][at:],
                lines[place][:at] + lines[place][at + 1 :],
                lines[place].replace(draw.choice(known), word, 1),
                f"{key[::-1]}:{form}",
                draw.choice(BEFORE) + lines[place],
                f"{lines[place]}\n{draw.choice(lines)}",
            ]
        )
    return "\n".join(lines)


def test_two_hundred_mangled_files_end_in_a_space_or_a_sentence(tmp_path: Path) -> None:
    file, recipe, refused = tmp_path / "space.yaml", Recipe(), 0
    for seed in range(200):
        file.write_text(mangled(random.Random(seed)))
        try:
            space_of(read(file), recipe)
        except InputError as error:
            assert error.code == "bad_space" and error.hint and len(error.message) > 20, seed
            refused += 1
    assert refused > 150, "the accidents are no accidents"


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("width: [16]\ndropout: [0.1\n", "not valid YAML", 3),
        ("width: [16]\ndropout: default\nwidth: [32]\n", "twice: width (line 3)", None),
        ("optimizer: [{name: sgd,\n  momentum: 1,\n  name: adam}]\n", "twice: name (line 3)", None),
        ("width: &a [*a]\n", "holds itself", None),
        ("width: !!timestamp x\n", "not valid YAML", None),
        ("width: 2026-02-30\n", "not valid YAML", None),
        ("- width\n", "must be a mapping", None),
        ("", "must be a mapping", None),
    ],
)
def test_mistakes_of_yaml(text: str, said: str, line: int | None, tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read(file)
    where: Any = caught.value.where
    assert caught.value.code == "bad_space" and said in caught.value.message
    assert where["file"] == str(file) and where.get("line") == line


def test_an_alias_is_no_repetition(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text("bins: &sizes [16, 32]\nwidth: *sizes\n")
    assert read(file) == {"bins": [16, 32], "width": [16, 32]}


def test_an_empty_space_is_refused_but_for_listed_settings() -> None:
    with pytest.raises(InputError, match="nothing to search") as caught:
        space_of({}, Recipe())
    assert caught.value.code == "bad_space"
    listed = Recipe().with_changes(
        {"tune.sampler": {"name": "listed", "settings": [{"training.batch_size": 32}]}}
    )
    assert not space_of({}, listed)
