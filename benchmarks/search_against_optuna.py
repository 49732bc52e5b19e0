"""A search by retemper.tune against Optuna's TPE and Hyperband over a hand-written PyTorch loop: time to one score.

Both sides search one space, train one kind of network (two hidden layers with ReLU, PyTorch's own start, AdamW, cosine
over all steps) on the same prepared rows in the same folds, up to the same epochs. Optuna's side is
what a careful person writes: rows in memory, no loader, the fused optimizer, all folds an epoch at a time so that the
pruner sees their mean; it may have two processes over one journal file, or two threads. The score is the mean over the
folds of the lowest validation loss so far, and counts as soon as a side knows it: Optuna's after every epoch,
retemper's when a stack comes back.

The mark of a round is the worse of the two sides' last scores, so that both reach it. Time begins with the search, when
all processes have loaded their code: imports, reading, preparation, and on retemper's side the baselines, are not
counted, nor is what comes after. Processor seconds are those of all of a side's processes, and say more than seconds
where the machine has other work. Sides take turns, each in processes of its own.

usage: python benchmarks/search_against_optuna.py TABLE.csv TARGET [TABLE TARGET ...] [--seeds 3] [--trials 60]
           [--epochs 27] [--folds 5] [--rows 2000] [--processes 2] [--threads 1] [--sampler tpe]
           [--fidelity hyperband] [--own-trials 60] [--batch 0] [--widths 16,32,64,128] [--keep FILE]

``--own-trials`` and ``--batch`` are retemper's: stacks make more trials cheap, and want many asked for at a time.

Tables of numbers alone; the columns need no missing values.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hand_written_search import BATCH, Course, better, optunas_side, space_of
from tree_memory import tree


def processor_seconds() -> float:
    """Of this process and all that it started and that still run (Linux)."""
    ticks = 0
    for each in tree(os.getpid())[1:]:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def wait_for_workers() -> None:
    """Until the children use no processor: then they have loaded their code."""
    before, used = -1.0, processor_seconds() - time.process_time()
    while used > before:
        time.sleep(1.0)
        before, used = used, processor_seconds() - time.process_time()


def retempers_side(options: argparse.Namespace) -> dict[str, Any]:
    """The course of a search by retemper.tune; its prepared rows and folds are left for the other side."""
    import optuna.storages  # noqa: F401  # imports are not counted
    import polars as pl
    import sqlalchemy.dialects.sqlite  # noqa: F401

    import retemper
    from retemper.procedure import sequence
    from retemper.procedure.cross_fitting import dealt
    from retemper.search.journal import Journal
    from retemper.training.arrays import pooled

    course: Course = []
    began: dict[str, float] = {}
    search, keep = sequence.SEARCH_ALONE["search"], Journal.add

    def timed_search(book: Any, state: Any) -> Any:
        state = dealt(state, options.folds)
        _, target, data = state.ready
        rows = pooled(data)
        if rows.codes.shape[1]:
            raise SystemExit("this table has columns of categories")
        np.savez(options.arrays, x=rows.dense, y=rows.y, fold=state.folds[0], classes=data.n_classes)
        # The other side's loss is that of the scaled target.
        unit = 1.0 if data.n_classes else float(np.diff(target.unscale(np.array([0.0, 1.0])))[0])
        wait_for_workers()
        began.update(wall=time.perf_counter(), processor=processor_seconds(), unit=unit)
        return search(book, state)

    def timed_add(journal: Any, evaluations: Any) -> Any:
        kept = keep(journal, evaluations)
        taken = time.perf_counter() - began["wall"], processor_seconds() - began["processor"]
        for own in evaluations:
            better(course, *taken, own.loss / began["unit"])
        ended.update(seconds=taken[0], processor=taken[1])
        return kept

    ended: dict[str, float] = {}
    sequence.SEARCH_ALONE["search"] = timed_search
    Journal.add = timed_add  # type: ignore[method-assign]
    table = pl.read_csv(options.tables[0], infer_schema_length=None)
    table = table.sample(min(options.rows, len(table)), shuffle=True, seed=options.seed)
    with tempfile.TemporaryDirectory() as folder:
        retemper.tune(
            table, options.tables[1], space_of(options), sampler=options.sampler, trials=options.own_trials,
            folds=options.folds, seed=options.seed, out=Path(folder) / "run", set=_as_plain(options),
        )  # fmt: skip
    return {"course": course, **ended}


def _as_plain(options: argparse.Namespace) -> dict[str, Any]:
    """The changes that make retemper's network, and its training, those of the other side."""
    return {
        "tune.fidelity": options.fidelity,
        "tune.epochs": options.epochs,
        "tune.widenings": 0,
        "tune.batch": options.batch,
        "training.batch_size": BATCH,
        "training.patience_epochs": 0,
        "training.judge": "plain",
        "training.optimizer.beta2": 0.999,
        "training.initialiser": "pytorch",
        "training.head_scale": 1.0,
        "training.output_bias": "zero",
        "model.activation": "relu",
        "prepare.number_embedding": "none",
    }


def merged(courses: Sequence[Course]) -> Course:
    """One course of several processes: the best of any so far, and the processor seconds of all by then."""
    events = sorted((*entry, number) for number, course in enumerate(courses) for entry in course)
    used = [0.0] * len(courses)
    course: Course = []
    for seconds, processor_s, score, number in events:
        used[number] = processor_s
        better(course, seconds, sum(used), score)
    return course


def measured(
    side: str, options: argparse.Namespace, table: Sequence[str], seed: int, folder: Path
) -> dict[str, Any]:
    """One side in processes of its own."""
    count = options.processes if side == "optuna" else 1
    journal = folder / "optuna.journal"
    own = {"seed": seed, "arrays": folder / "arrays.npz", "journal": journal, "side": side}
    for name in (
        "trials",
        "epochs",
        "folds",
        "rows",
        "sampler",
        "fidelity",
        "processes",
        "threads",
        "own-trials",
        "batch",
        "widths",
    ):
        own[name] = getattr(options, name.replace("-", "_"))
    words = [word for name, value in own.items() for word in (f"--{name}", str(value))]
    started = [
        subprocess.Popen(
            [sys.executable, __file__, *table, *words, "--number", str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    while side == "optuna" and not all(journal.with_suffix(f".ready{k}").exists() for k in range(count)):
        time.sleep(0.01)
        if any(process.poll() for process in started):
            break
    journal.with_suffix(".go").touch()
    found = []
    for process in started:
        out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"{side} left with {process.returncode}")
        found.append(json.loads(out.splitlines()[-1]))
    return {
        "course": merged([own["course"] for own in found]),
        "seconds": max(own["seconds"] for own in found),
        "processor": sum(own["processor"] for own in found),
    }


def reached(course: Course, mark: float) -> tuple[float, float]:
    """Seconds and processor seconds until the mark."""
    return next((seconds, processor_s) for seconds, processor_s, score in course if score <= mark)


def compared(sides: dict[str, dict[str, Any]]) -> tuple[list[str], tuple[float, float]]:
    """Cells of a row, and how many times less time and processor time retemper took to the mark."""
    one, other = sides["optuna"], sides["retemper"]
    last = one["course"][-1][2], other["course"][-1][2]
    until = [reached(own["course"], max(last)) for own in (one, other)]
    whole = [(own["seconds"], own["processor"]) for own in (one, other)]
    cells = [f"{last[0]:.4f} / {last[1]:.4f}"]
    cells += [" / ".join(f"{seconds:.1f} ({used:.1f})" for seconds, used in pair) for pair in (until, whole)]
    ratios = [(a[0] / b[0], a[1] / b[1]) for a, b in (until, whole)]
    return [*cells, *(f"{wall:.1f} ({used:.1f})" for wall, used in ratios)], ratios[0]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", metavar="TABLE.csv TARGET")
    numbers = {
        "seeds": 3,
        "trials": 60,
        "epochs": 27,
        "folds": 5,
        "rows": 2000,
        "processes": 2,
        "threads": 1,
        "own-trials": 60,
        "batch": 0,
    }
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--fidelity", default="hyperband")
    parser.add_argument("--widths", default="16,32,64,128", help="units a layer, to choose from")
    parser.add_argument("--keep", type=Path, help="courses of all rounds are added to this file")
    for name in ("side", "arrays", "journal"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    for name in ("seed", "number"):
        parser.add_argument(f"--{name}", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        print(json.dumps(retempers_side(options) if options.side == "retemper" else optunas_side(options)))
        return
    from measuring import met, print_table

    rounds = [
        (table, seed)
        for table in zip(options.tables[::2], options.tables[1::2], strict=True)
        for seed in range(options.seeds)
    ]
    rows, ratios = [], []
    for table, seed in rounds:
        with tempfile.TemporaryDirectory() as folder:
            sides = {
                side: measured(side, options, table, seed, Path(folder)) for side in ("retemper", "optuna")
            }
        if options.keep:
            kept = {"table": table[0], "seed": seed, "sampler": options.sampler, "fidelity": options.fidelity}
            with options.keep.open("a") as file:
                file.write(json.dumps(kept | sides) + "\n")
        row, own = compared(sides)
        rows.append([Path(table[0]).stem, str(seed), *row])
        ratios.append(own)
        print(*rows[-1], sep="  ", flush=True)
    print_table(
        "Seconds (processor seconds) until the same score, and of the whole search; Optuna / retemper",
        [
            "table",
            "seed",
            "last scores",
            "until the worse of them",
            "whole",
            "times less",
            "times less, whole",
        ],
        rows,
    )
    for name, own in zip(("time", "processor time"), zip(*ratios, strict=True), strict=True):
        mean = statistics.geometric_mean(own)
        print(
            f"{name}: {mean:.1f} times less (geometric mean; {min(own):.1f} to {max(own):.1f}; {met(mean, at_least=5)})"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
