"""The program as a whole: exit codes, speed of the help, faults of our own, closed pipes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retemper.cli import main, recipe_index

HEAVY = ("torch", "sklearn", "polars", "numpy", "pydantic", "rich", "pandas")


def program(*words, **options):
    command = [sys.executable, "-c", "from retemper.cli.main import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


@pytest.mark.parametrize("call", ["import retemper", "import retemper.cli.main as m; m.run(['--help'])"])
def test_nothing_heavy_is_imported_for_import_and_help(call):
    code = f"{call}; import sys; print('HEAVY', [n for n in {HEAVY!r} if n in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("words", [["-c", "import retemper"], ["-m", "retemper.cli.main", "--help"]])
def test_import_and_help_answer_at_once(words):
    def seconds():
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.3


def test_exit_codes_of_the_process():
    assert program("--help").returncode == 0
    wrong = program("train", "--tagret", "x", "--json")
    assert wrong.returncode == 2
    assert json.loads(wrong.stdout)["error"]["code"] == "unknown_option"
    assert wrong.stderr == ""


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "retemper", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("retemper ")


def test_every_verb_has_help(retemper):
    below = {"registry": ("list", "add", "promote", "rollback")}
    for verb in main.VERBS:
        assert retemper(verb, "--help").code == 0
        for words in [(verb, own) for own in below.get(verb, ())] or [(verb,)]:
            answer = retemper(*words, "--help")
            assert answer.code == 0
            assert "--json" in answer.out and "--quiet" in answer.out, words


def test_the_help_of_train_lists_the_recipe(retemper):
    out = retemper("train", "--help").out
    assert "training.epochs=" in out and "adamw" in out


def test_the_index_behind_the_help_is_in_step_with_the_classes():
    written = Path(recipe_index.__file__).with_name(recipe_index.FILE).read_text(encoding="utf-8")
    assert json.loads(written) == recipe_index.make(), "run `make index`"


def test_a_fault_of_our_own_says_so(retemper, monkeypatch):
    def broken(*arguments):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(main, "_carried_out", broken)
    answer = retemper("check", "a.csv", "--json")
    assert answer.code == 1
    assert answer.document("error")["error"]["code"] == "internal_error"
    monkeypatch.setenv("RETEMPER_DEBUG", "1")
    assert "Traceback" in retemper("check", "a.csv").err


def test_ctrl_c_outside_of_a_run(retemper, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("retemper.api.check.check", interrupted)
    answer = retemper("check", "a.csv", "--json")
    assert answer.code == 130
    assert answer.document("error")["error"]["code"] == "interrupted"


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_reader_that_leaves_is_no_error(trained, tmp_path):
    rows = "".join(f"{i},{i % 60},red\n" for i in range(50_000))
    (tmp_path / "big.csv").write_text("size,age,colour\n" + rows)
    code = "from retemper.cli.main import main; main()"
    words = [sys.executable, "-c", code, "predict", str(trained), str(tmp_path / "big.csv")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("prediction")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
