"""A search of a run that begins from another run's: real networks, real folders, a resume, and what may be wrong."""

import json
import shutil

import pytest

from retemper.core.errors import InputError
from retemper.procedure import search
from retemper.procedure.warm_start import SAVED
from retemper.search.earlier import read_earlier

SPACE = {
    "training.optimizer.learning_rate": {"low": 1e-5, "high": 0.3, "log": True},
    "model.dropout": {"low": 0.0, "high": 0.5},
}
TUNE = {
    "tune.space": SPACE,
    "tune.trials": 10,
    "tune.epochs": 6,
    "tune.folds": 0,
    "tune.batch": 5,
    "tune.widenings": 0,
}


def line(x, draw):
    return 3 * x[:, 0] - x[:, 1] + 0.1 * draw.normal(size=len(x))


@pytest.fixture(scope="module")
def earlier(bench, tables):
    """The folder of a search."""
    desk, state = bench(tables.numbers_only(200, 0, line), changes=TUNE)
    desk.book.folder.write_text("recipe.yaml", state.recipe.to_yaml())
    desk.do(search, state)
    return desk.book.folder.path


def searched(bench, frame, run, **changes):
    desk, state = bench(frame, changes=TUNE | {"seed": 1, "tune.warm_start": str(run)} | changes)
    return desk, state, desk.do(search, state)[1]


def trials(step):
    rows = sorted(step.evidence["trials"], key=lambda row: row["number"])
    return [(row["values"], row["loss"]) for row in rows]


def test_new_rows_of_the_same_kind_keep_the_ranking(bench, tables, earlier):
    told = read_earlier(earlier)
    best = min(told.evaluations, key=lambda own: own.loss).order.values
    before = {file: file.read_bytes() for file in earlier.rglob("*.jsonl")}
    _, _, step = searched(bench, tables.numbers_only(220, 3, line), earlier)
    found = step.evidence["warm_start"]
    assert found["kept"], found
    assert found["settings"] == 10 and found["left_out"] == 0
    assert found["p_value"] <= found["alpha"]
    assert found["reason"] in step.message
    rows = trials(step)
    assert len(rows) == 10 and rows[0][0] == best
    assert all(probe["now"] is not None for probe in found["probes"])
    assert {file: file.read_bytes() for file in earlier.rglob("*.jsonl")} == before, "read, not touched"


def test_a_killed_search_goes_on_without_the_earlier_run(bench, tables, earlier, tmp_path):
    copy = shutil.copytree(earlier, tmp_path / "copy")
    desk, state, step = searched(bench, tables.numbers_only(220, 3, line), copy)
    shutil.rmtree(copy)
    journal = desk.book.folder.checkpoints / search.JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:7]))
    _, again = desk.do(search, state)
    assert trials(again) == trials(step)
    assert again.evidence["warm_start"]["kept"] == step.evidence["warm_start"]["kept"]
    assert len(journal.read_bytes().splitlines()) == len(lines)


def test_another_space_than_the_earlier_one_leaves_out_what_does_not_fit(bench, tables, earlier):
    space = {
        "training.optimizer.learning_rate": {"low": 1e-5, "high": 0.3, "log": True},
        "model.width": [8, 16],
    }
    desk, _, step = searched(bench, tables.numbers_only(200, 3, line), earlier, **{"tune.space": space})
    found = step.evidence["warm_start"]
    assert found["left_out"] == 10 and not found["kept"] and "too few" in step.message
    assert json.loads((desk.book.folder.path / SAVED).read_text())["left_out"] == 10


def test_what_is_no_search_is_refused_in_words(tmp_path, earlier):
    with pytest.raises(InputError) as error:
        read_earlier(tmp_path / "nothing")
    assert error.value.code == "not_a_search"
    for file, content in (("checkpoints/trials.jsonl", b'{"order": 1}\n'), ("recipe.yaml", b"\xff")):
        copy = shutil.copytree(earlier, tmp_path / file.replace("/", "-"))
        (copy / file).write_bytes(content)
        with pytest.raises(InputError) as error:
            read_earlier(copy)
        assert error.value.code == "damaged_run"
