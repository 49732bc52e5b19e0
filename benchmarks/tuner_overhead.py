"""What a search costs beside its trainings, where trials can't be stacked: one process, one network at a time.

retemper.tune trains its trials as single networks (``tune.engine: processes``, one worker). Beside the trainings there
is what the parent does (sampling, recipes, jobs, results, journal, storage; what comes once, before the first job and
when the database is made, counts and stands apart), and what a worker does around the loop: every job that the search
left is done once more as a worker does it, and all but making the plan and the loop itself (steps, signals, validation,
the best epoch) is outside: reading the job, the history's file, checkpoints, outputs, the result's file. Code is loaded
before. All by processor seconds, which hold on a busy machine, too, and which stand for the clock where checkpoints and
the database's writing go by it; only progress and looking for Ctrl-C still come more often there. What follows the last
trial (importance of the options, optimism, the front) stands beside.

usage: python benchmarks/tuner_overhead.py [--trials 16] [--rows 4000] [--epochs 40] [--width 256] [--sampler tpe]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna  # noqa: F401  # what a search loads once is no part of a trial
import polars as pl
from measuring import met, print_table
from search_against_optuna import processor_seconds, wait_for_workers

import retemper
from retemper.core import device
from retemper.core.budget import Deadline
from retemper.procedure import sequence
from retemper.search import stored_trials
from retemper.search.journal import Journal
from retemper.search.trials import Evaluation
from retemper.training import callbacks, carry_out, checkpoint
from retemper.training.job import Job, write_job
from retemper.training.loop import Training
from retemper.training.pool import Pool

SPACE = {
    "training.optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "training.optimizer.weight_decay": {"low": 1e-4, "high": 0.3, "log": True},
    "model.dropout": {"low": 0.0, "high": 0.5},
}


def table_of(rows: int) -> pl.DataFrame:
    """30 numbers, ten classes by a random network."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal((rows, 30))
    hidden = np.tanh(x @ draw.standard_normal((30, 32)) / 3)
    y = (hidden @ draw.standard_normal((32, 10)) + draw.gumbel(size=(rows, 10))).argmax(1)
    return pl.DataFrame({f"x{k}": x[:, k] for k in range(30)} | {"y": [f"class {own}" for own in y]})


class Stopwatch:
    """Processor seconds of the calling thread within functions, by a name."""

    def __init__(self) -> None:
        self.used: dict[str, float] = {}

    def on(self, owner: Any, method: str, name: str) -> None:
        """Time a function of a module, or a method of a class, from now on."""
        own: Callable[..., Any] = getattr(owner, method)
        self.used[name] = 0.0

        def timed(*args: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return own(*args, **options)
            finally:
                self.used[name] += time.thread_time() - began

        setattr(owner, method, timed)


def done_again(book: Any, place: Path) -> dict[str, float]:
    """Processor seconds of all jobs once more as a worker does them: the whole, and its parts."""
    device.one_thread()
    checkpoint.time = SimpleNamespace(monotonic=time.thread_time)  # type: ignore[assignment, attr-defined]
    (place / "run" / "history").mkdir(parents=True)
    watch = Stopwatch()
    folders = sorted(own.parent for own in book.pool.folder.glob("search.*/job.json"))
    whole = 0.0
    for number, folder in enumerate([folders[0], *folders]):  # the first time loads code
        job = Job.from_json(json.loads((folder / "job.json").read_text()))
        again = place / "run" / "checkpoints" / "jobs" / f"{number}"
        write_job(again, job)
        if number == 1:
            watch.on(carry_out, "plan_of", "plan")
            watch.on(Training, "run", "loop")
            watch.on(callbacks, "append_rows", "history")
            watch.on(checkpoint.Checkpoint, "on_epoch_end", "checkpoints")
        began = time.thread_time()
        carry_out.run(again, Deadline(), _nobody)
        whole += (time.thread_time() - began) * (number > 0)
    used = watch.used
    used["loop"] -= used["history"] + used["checkpoints"]
    return used | {"whole": whole}


def _nobody(fraction: float, text: str) -> None:
    """Is told."""


def measured(options: argparse.Namespace) -> dict[str, float]:
    """Processor seconds of the parent until the last trial and after it, of its worker, and of the jobs done again."""
    found: dict[str, float] = {}
    search, keep, send = sequence.SEARCH_ALONE["search"], Journal.add, Pool._send
    storing = Stopwatch()
    stored_trials.time = SimpleNamespace(monotonic=processor_seconds)  # type: ignore[assignment, attr-defined]
    storing.on(stored_trials.StoredTrials, "_write", "storage")

    def timed_send(pool: Pool, *order: Any) -> None:
        found.setdefault("first", time.process_time())
        send(pool, *order)

    def timed_add(journal: Journal, evaluations: Sequence[Evaluation]) -> Any:
        kept = keep(journal, evaluations)
        found.update(last=time.process_time(), all=processor_seconds(), storing=storing.used["storage"])
        return kept

    def timed_search(book: Any, state: Any) -> Any:
        wait_for_workers()
        parent, everybody = time.process_time(), processor_seconds()
        result = search(book, state)
        found["after"] = time.process_time() - found["last"]
        found["parent"] = found["last"] - parent
        found["before"] = found["first"] - parent
        found["worker"] = found["all"] - everybody - found["parent"]
        with tempfile.TemporaryDirectory() as folder:
            found.update(done_again(book, Path(folder)))
        return result

    sequence.SEARCH_ALONE["search"] = timed_search
    Journal.add = timed_add  # type: ignore[assignment]
    Pool._send = timed_send  # type: ignore[assignment]
    changes = {
        "workers": 1,
        "model.width": options.width,
        "training.batch_size": 128,
        "training.patience_epochs": 0,
        "prepare.number_embedding": "none",
        "tune.engine": "processes",
        "tune.epochs": options.epochs,
        "tune.widenings": 0,
    }
    with tempfile.TemporaryDirectory() as folder:
        retemper.tune(
            table_of(options.rows), "y", SPACE, sampler=options.sampler, trials=options.trials, folds=0,
            out=Path(folder) / "run", set=changes,
        )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in {"trials": 16, "rows": 4000, "epochs": 40, "width": 256}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--sampler", default="tpe")
    options = parser.parse_args()
    found = measured(options)
    parent = found["parent"] / (found["parent"] + found["worker"])
    inside = found["plan"] + found["loop"]
    worker = 1 - inside / found["whole"]
    rows = [
        ("trainings, in the worker", found["worker"], ""),
        ("parent until the last trial", found["parent"], f"{parent:.1%}"),
        ("  of it before the first job", found["before"], ""),
        ("  of it the database (every 5 s)", found["storing"], ""),
        ("  of it the rest", found["parent"] - found["before"] - found["storing"], ""),
        ("jobs done again as a worker does them", found["whole"], f"{worker:.1%}"),
        ("  of it plan and loop", inside, ""),
        ("  of it the history's file", found["history"], ""),
        ("  of it checkpoints", found["checkpoints"], ""),
        ("  of it the rest", found["whole"] - inside - found["history"] - found["checkpoints"], ""),
        ("importance, optimism, front", found["after"], ""),
    ]
    print_table(
        f"{options.trials} trials of one network each, {options.sampler}",
        ["part", "processor s", "a trial", "outside training"],
        [[name, f"{used:.2f}", f"{used / options.trials:.3f}", share] for name, used, share in rows],
    )
    both = 100 * (1 - (1 - parent) * (1 - worker))
    print(f"outside training: {both:.1f} % of the search's processor seconds ({met(both, at_most=2)})")


if __name__ == "__main__":
    main()
