"""Every bad input: its code, exit code 2, one JSON document with --json, three lines without."""

import gzip
from pathlib import Path

import polars as pl
import pytest

ROWS = "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(40))
HEADER = "x,z,y\n"
FILES = {
    "empty_file": b"",
    "no_rows": HEADER.encode(),
    "too_few_rows": (HEADER + "1,2,a\n").encode(),
    "one_class": (HEADER + "".join(f"{i},{i % 7},a\n" for i in range(40))).encode(),
    "missing_target": b"x,z,label\n" + ROWS.encode(),
    "duplicate_columns": b"x,y,y\n" + ROWS.encode(),
    "target_gaps": (HEADER + ROWS + "3,4,\n").encode(),
    "ragged_rows": (HEADER + ROWS + "1,2,a,9\n").encode(),
    "wrong_encoding": (HEADER + ROWS).encode() + "1,2,é\n".encode("latin-1"),
    "infinite_value": (HEADER + ROWS + "inf,1.5,a\n").encode(),
    "single_row_class": (HEADER + ROWS + "1,2,c\n").encode(),
}
VERBS = {"train": ["--out", "run"], "check": []}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("code", FILES)
def test_bad_files(retemper, tmp_path, verb, code):
    (tmp_path / "bad.csv").write_bytes(FILES[code])
    words = [verb, "bad.csv", "--target", "y", *VERBS[verb]]
    answer = retemper(*words, "--json")
    error = answer.document("error")["error"]
    assert (answer.code, error["code"]) == (2, code)
    plain = retemper(*words)
    assert (plain.code, plain.out) == (2, "")
    assert [line.split(":")[0] for line in plain.err.splitlines()] == ["error", "where", "try"]
    assert not Path("run").exists(), "the run's name must be free for the next try"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("absent.csv", None, "no_such_file"),
        ("table.xlsx", b"x", "unknown_extension"),
        ("cut.csv.gz", gzip.compress((HEADER + ROWS).encode())[:40], "unreadable_file"),
        ("cut.parquet", b"PAR1", "unreadable_file"),
        ("cut.npz", b"PK", "unreadable_file"),
    ],
)
def test_bad_containers(retemper, tmp_path, name, content, code):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    answer = retemper("train", name, "--target", "y", "--json")
    assert (answer.code, answer.document("error")["error"]["code"]) == (2, code)


def test_a_table_without_a_named_target(retemper, table):
    answer = retemper("train", table, "--json")
    error = answer.document("error")["error"]
    assert (answer.code, error["code"]) == (2, "missing_target")
    assert "label" in error["message"]


def test_a_target_close_to_a_column_gets_its_spelling(retemper, table):
    assert "label" in retemper("train", table, "--target", "lable").err


OPTIONS = {
    "no such command": (["trian", "a.csv"], "unknown_command", "train"),
    "no such option": (["train", "a.csv", "--tagret", "y"], "unknown_option", "--target"),
    "no such option of check": (["check", "a.csv", "--fail-no", "error"], "unknown_option", "--fail-on"),
    "no such program option": (["--versoin"], "unknown_option", "--version"),
    "no data": (["train"], "missing_argument", "DATA"),
    "no model": (["predict"], "bad_option", "MODEL"),
    "too many words": (["check", "a.csv", "b.csv"], "bad_option", "b.csv"),
    "a seed below 0": (["train", "a.csv", "--seed", "-1"], "bad_option", "seed"),
    "a seed that is a word": (["train", "a.csv", "--seed", "x"], "bad_option", "seed"),
    "an option without its value": (["train", "a.csv", "--seed"], "bad_option", "seed"),
    "no such level": (["check", "a.csv", "--fail-on", "eror"], "bad_option", "error"),
    "no such preset": (["train", "a.csv", "--preset", "quik"], "unknown_preset", "quick"),
    "no such recipe file": (["train", "a.csv", "--recipe", "r.yaml"], "no_such_file", "recipe"),
    "a bad time limit": (["train", "a.csv", "--time-limit", "soon"], "bad_time_limit", "soon"),
    "a time limit of 0": (["train", "a.csv", "--time-limit", "0"], "bad_time_limit", "above 0"),
    "a setting without =": (["train", "a.csv", "--set", "training.epochs"], "bad_setting", "path=value"),
    "no such recipe option": (["train", "a.csv", "--set", "training.epoch=3"], "bad_recipe", "epochs"),
    "a recipe value of the wrong type": (
        ["train", "a.csv", "--set", "training.epochs=many"],
        "bad_recipe",
        "epochs",
    ),
    "no such optimizer": (
        ["train", "a.csv", "--set", "training.optimizer=adamv"],
        "bad_recipe",
        "did you mean adam",
    ),
    "resume and data": (["train", "a.csv", "--resume", "run"], "conflicting_options", "--resume"),
    "resume of nothing": (["train", "--resume", "run"], "not_a_run", "resume"),
    "a log to replay that is absent": (["train", "a.csv", "--replay", "log.jsonl"], "no_such_file", "replay"),
    "report of nothing": (["report", "run"], "not_a_run", "run"),
    "predictions in an unknown form": (
        ["predict", "run", "a.csv", "--out", "p.xls"],
        "unknown_extension",
        "p.xls",
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_bad_options(retemper, case):
    words, code, said = OPTIONS[case]
    answer = retemper(*words, "--json")
    error = answer.document("error")["error"]
    assert (answer.code, error["code"]) == (2, code)
    assert said in error["message"] + error["try"]
    assert answer.err == ""
    plain = retemper(*words)
    assert (plain.code, plain.out) == (2, "")
    assert said in plain.err


def test_all_mistakes_of_a_recipe_at_once(retemper):
    answer = retemper("train", "a.csv", "--set", "training.epoch=3", "--set", "model.widht=3", "--json")
    message = answer.document("error")["error"]["message"]
    assert "epochs" in message and "widht" in message


def test_folders_that_cannot_be_written(retemper, table, tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    for out, code in (("file/run", "cannot_write"), ("file", "cannot_write"), ("full", "run_not_empty")):
        answer = retemper("train", table, "--target", "label", "--out", out, "--json")
        assert (answer.code, answer.document("error")["error"]["code"]) == (2, code)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"


def test_predictions_into_a_folder_that_is_absent(retemper, trained, table):
    answer = retemper("predict", trained, table, "--out", "absent/p.csv", "--json")
    assert (answer.code, answer.document("error")["error"]["code"]) == (2, "cannot_write")


def test_a_model_that_is_none(retemper, table):
    for verb in ("predict", "evaluate"):
        answer = retemper(verb, "absent", table, "--json")
        assert answer.code == 2
        answer.document("error")


def test_a_column_absent_at_prediction(retemper, trained, table, tmp_path):
    pl.read_csv(table).drop("size").write_csv("new.csv")
    for verb in ("predict", "evaluate"):
        answer = retemper(verb, trained, "new.csv", "--json")
        assert answer.code == 2
        assert "size" in answer.document("error")["error"]["message"]


def test_a_column_new_at_prediction_is_ignored(retemper, trained, table):
    pl.read_csv(table).with_columns(new=pl.lit(1)).write_csv("new.csv")
    assert retemper("predict", trained, "new.csv").out == retemper("predict", trained, table).out


def test_a_test_file_with_other_columns(retemper, table):
    pl.read_csv(table).drop("size").write_csv("test.csv")
    answer = retemper("train", table, "--target", "label", "--test", "test.csv", "--out", "run", "--json")
    assert (answer.code, answer.document("error")["error"]["code"]) == (2, "different_columns")


def test_a_class_that_the_model_does_not_know(retemper, trained, table):
    pl.read_csv(table).with_columns(label=pl.lit("perhaps")).write_csv("new.csv")
    answer = retemper("evaluate", trained, "new.csv", "--json")
    assert (answer.code, answer.document("error")["error"]["code"]) == (2, "unknown_class")
