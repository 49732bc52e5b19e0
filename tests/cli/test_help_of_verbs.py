"""The help of each verb comes before anything heavy is imported, and the program's own help goes before a verb."""

import subprocess
import sys

import pytest

from retemper.cli import main

HEAVY = ("torch", "sklearn", "polars", "numpy", "pydantic", "rich")


@pytest.mark.parametrize("verb", main.VERBS)
def test_the_help_of_a_verb_imports_nothing_heavy(verb):
    code = f"""
import sys
from retemper.cli.main import run
code = run([{verb!r}, "--help"])
print(code, [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, last = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    assert first.startswith(f"Usage: retemper {verb} ") and last == "0 []"


@pytest.mark.parametrize("words", [(), ("--help",), ("--help", "train")])
def test_the_programs_own_help(retemper, words):
    answer = retemper(*words)
    assert answer.code == 0 and answer.out.startswith("Usage: retemper [OPTIONS] COMMAND")
    assert all(f"  {verb}  " in answer.out for verb in main.VERBS)
    assert answer.out.count("--help") == 1
