"""What a search costs beside its trainings, where trials can't be stacked: one process, one network at a time.

retemper.tune trains its trials as single networks (``tune.engine: processes``, one worker). Beside the trainings there
is what the parent does (sampling, recipes, jobs, results, journal, storage), by its share of the search's processor
seconds, and what a worker does around the loop (reading the job, checkpoints, the history's file, outputs, the result's
file): every job that the search left is done once more as a worker does it, and in turn by the loop alone (steps,
signals, validation, the best epoch; nothing written). Shares of processor seconds hold on a busy machine too. What
follows the last trial (importance of the options, optimism, the front) stands beside.

usage: python benchmarks/tuner_overhead.py [--trials 16] [--rows 4000] [--epochs 40] [--width 256] [--sampler tpe]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna.storages  # noqa: F401  # what a search loads once is no part of a trial
import polars as pl
import sqlalchemy.dialects.sqlite  # noqa: F401
from measuring import met, print_table
from search_against_optuna import processor_seconds, wait_for_workers

import retemper
from retemper.core import device
from retemper.core.budget import Deadline
from retemper.procedure import sequence
from retemper.search.journal import Journal
from retemper.search.trials import Evaluation
from retemper.training import carry_out
from retemper.training.job import Job, write_job
from retemper.training.loop import Training
from retemper.training.planning import callbacks_of, plan_of

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


def done_again(book: Any, state: Any, place: Path) -> tuple[float, float]:
    """Processor seconds of all jobs once more: by the loop alone, and as a worker does them."""
    device.one_thread()
    (place / "run" / "history").mkdir(parents=True)
    alone = whole = 0.0
    folders = sorted(own.parent for own in book.pool.folder.glob("search.*/job.json"))
    for number, folder in enumerate([folders[0], *folders]):  # the first time loads code
        job = Job.from_json(json.loads((folder / "job.json").read_text()))
        again = place / "run" / "checkpoints" / "jobs" / f"{number}"
        write_job(again, job)
        began = time.process_time()
        plan = plan_of(job, state.ready[2])
        Training(plan, callbacks_of(plan, _nobody, None, None), Deadline()).run()
        between = time.process_time()
        carry_out.run(again, Deadline(), _nobody)
        if number:
            alone += between - began
            whole += time.process_time() - between
    return alone, whole


def _nobody(fraction: float, text: str) -> None:
    """Is told."""


def measured(options: argparse.Namespace) -> dict[str, float]:
    """Processor seconds of the parent until the last trial and after it, of its worker, and of the jobs done again."""
    found: dict[str, float] = {}
    search, keep = sequence.SEARCH_ALONE["search"], Journal.add

    def timed_add(journal: Journal, evaluations: Sequence[Evaluation]) -> Any:
        kept = keep(journal, evaluations)
        found.update(last=time.process_time(), all=processor_seconds())
        return kept

    def timed_search(book: Any, state: Any) -> Any:
        wait_for_workers()
        parent, everybody = time.process_time(), processor_seconds()
        result = search(book, state)
        found["after"] = time.process_time() - found["last"]
        found["parent"] = found["last"] - parent
        found["worker"] = found["all"] - everybody - found["parent"]
        with tempfile.TemporaryDirectory() as folder:
            found["alone"], found["whole"] = done_again(book, state, Path(folder))
        return result

    sequence.SEARCH_ALONE["search"] = timed_search
    Journal.add = timed_add  # type: ignore[method-assign]
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
    worker = 1 - found["alone"] / found["whole"]
    rows = [
        ("trainings, in the worker", found["worker"], ""),
        ("parent until the last trial", found["parent"], f"{parent:.1%}"),
        ("jobs done again by the loop alone", found["alone"], ""),
        ("jobs done again as a worker does them", found["whole"], f"{worker:.1%}"),
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
