"""Mangled tables: every one must end in a result or a clean error (InputError), never anything else.

Each seed makes a table, damages it, and checks it, by Python and by the command line; one in ten is trained on with
a tiny recipe, and the model predicts a table damaged anew. A fault is any other exception, any warning, control
characters for a terminal, gaps among predictions, and a refused run that a reader may take for a whole one; each is
printed with its seed. Trainings run in this process, without workers.

usage: python benchmarks/fuzz_tables.py [--tables 2000] [--first 0] [--train-every 10]
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from damage import Random
from mangled_tables import TARGET, Source, again, draw
from measuring import print_table

import retemper
from retemper.cli.main import run
from retemper.core.budget import Deadline
from retemper.core.recipe_sections import DataOptions
from retemper.procedure import sequence
from retemper.training import carry_out
from retemper.training.job import Job, JobResult, Tell, write_job

TINY = {
    "search.trials": 2, "search.coarse_epochs": 1, "search.widths": [16], "training.epochs": 2,
    "training.batch_size": 64, "procedure.members": 1, "procedure.bootstrap": 100, "workers": 1,
    "procedure.skip": ["overfit_sample", "learning_rate_range", "search_refine", "read_curves"],
}  # fmt: skip
WILD = {False: 1.0, True: 0.3}
"""How wild the odd seeds are, and the even ones, which more often come through to the end."""


@dataclass(frozen=True)
class Outcome:
    """How a seed ended: ``checked``, ``trained``, ``refused: <code>`` or ``FAULT``, and what tells more."""

    seed: int
    end: str
    story: str
    trace: str = ""


class InProcess:
    """Stands in for the pool of worker processes: the same jobs, done here."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder

    def run(self, jobs: Sequence[Job], deadlines: Sequence[Deadline], tell: Tell, *_: Any) -> list[JobResult]:
        """Do the jobs in turn."""
        for job in jobs:
            write_job(self.folder / job.name, job)
        folders = [(self.folder / job.name).resolve() for job in jobs]
        return [carry_out.run(*pair, tell) for pair in zip(folders, deadlines, strict=True)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        carry_out._load.cache_clear()


def fuzz(seed: int, train: bool) -> Outcome:
    """One table, from its making to its end."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    source = draw(seed, folder, wild=WILD[train or seed % 2 == 0])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return Outcome(seed, _end(seed, source, folder if train else None), source.story)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of Polars is no Exception
        name = f"FAULT: {type(error).__name__}"
        return Outcome(seed, name, source.story, _short(traceback.format_exc()))
    finally:
        shutil.rmtree(folder)


def _short(trace: str) -> str:
    return "\n".join(line[:300] for line in trace.splitlines())


def _end(seed: int, source: Source, folder: Path | None) -> str:
    try:
        return _check(seed, source) if folder is None else _train(seed, source, folder)
    except retemper.InputError as error:
        return f"refused: {_worded(error)}"


def _worded(error: retemper.InputError) -> str:
    """The error's code, its words being fit for a person."""
    said = f"{error.message} {error.hint}"
    assert len(error.message) >= 10 and error.hint, f"too few words: {said}"
    assert len(str(error)) < 5000, f"{len(str(error))} characters: {str(error)[:300]}…"
    assert str(error).isprintable(), f"control characters: {str(error)[:300]!r}"
    return error.code


def _check(seed: int, source: Source) -> str:
    random = Random((4444, seed))
    target = None if random.oddly(0.2) else TARGET
    roles = {role: "c0" for role in ("weight", "group", "time") if random.oddly(0.06)}
    checked = retemper.check(source.data, target, DataOptions(**roles, clean=not random.oddly(0.2)))
    assert all(finding.message for finding in checked.findings)
    if isinstance(source.data, Path):
        _told(source.data, target)
    return "checked"


def _told(path: Path, target: str | None) -> None:
    """The command line finds words for it, and JSON."""
    words = ["check", str(path), *(["--target", target] if target else [])]
    for options in ([], ["--json"]):
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = run([*words, *options])
        said = out.getvalue() + err.getvalue()
        assert code in {0, 2}, f"exit code {code}: {said}"
        assert said.replace("\n", "").isprintable(), f"control characters: {said[:3000]!r}"
    json.loads(out.getvalue())


def _train(seed: int, source: Source, folder: Path) -> str:
    out = folder / "run"
    try:
        done = retemper.train(source.data, TARGET, preset="quick", set=TINY, seed=0, out=out)
    except retemper.InputError:
        assert not (out / "result.json").exists(), "a refused run left a result"
        _refused(retemper.load, out)
        raise
    assert np.isfinite([score.value for score in done.metrics.values()]).all(), done.metrics
    assert (out / "report.html").stat().st_size > 0
    _predict(done.model, source.data, "the rows of the training")
    try:
        _predict(done.model, again(seed, source, folder).data, "damaged rows")
    except retemper.InputError as error:
        return f"trained, prediction refused: {_worded(error)}"
    return "trained and predicted"


def _predict(model: Any, data: Any, which: str) -> None:
    predicted = retemper.predict(model, data)
    assert predicted.null_count().sum_horizontal().item() == 0, f"predictions of {which} have gaps"
    numbers = predicted.select(name for name, kind in predicted.schema.items() if kind.is_float())
    assert np.isfinite(numbers.to_numpy()).all(), f"predictions of {which} are not finite"


def _refused(call: Any, *given: Any) -> None:
    try:
        call(*given)
    except retemper.InputError:
        return
    raise AssertionError(f"{call.__name__} took a run that never ended")


def main() -> None:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(description="mangled tables")
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--train-every", type=int, default=10, help="one in so many is trained on; 0: none")
    options = parser.parse_args()
    sequence.Pool = InProcess  # type: ignore[misc,assignment]
    every = options.train_every
    outcomes = []
    for seed in range(options.first, options.first + options.tables):
        outcomes.append(fuzz(seed, train=bool(every) and seed % every == 0))
        if outcomes[-1].trace:
            print(f"seed {seed}: {outcomes[-1].story}\n{outcomes[-1].trace}", flush=True)
    counts = Counter(outcome.end for outcome in outcomes)
    print_table(f"{options.tables} mangled tables", ("end", "tables"), counts.most_common())
    raise SystemExit(any(outcome.trace for outcome in outcomes))


if __name__ == "__main__":
    main()
