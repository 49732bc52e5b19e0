"""Split-MNIST: retemper.retrain task by task, beside Avalanche's replay, GDumb and DER.

    python benchmarks/split_mnist.py run mnist_5k.npz [--seeds 5] [--batch 64] [--strategies auto replay] >> ours.jsonl
    python benchmarks/split_mnist.py table ours.jsonl peers.jsonl

The first task trains one perceptron by a fixed recipe; each further one is a call of `retrain` with the model in force,
the task's rows, and nothing but the 500 rows that the model itself keeps; accuracy, which is scored, decides. Peers:
`split_mnist_peers.py`. Steps are those that the network in force has made, a task; `retrain` also trains networks that
judge it (and of which the mean may serve): they are in its seconds and its multiply-adds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from split_mnist_tasks import BATCH, MEMORY, RATE, SCENARIOS, STEPS, WIDTH, Stream, epochs_of, stream

import retemper
from retemper.core.recipe import build
from retemper.procedure.single import fit_single
from retemper.training.loop import Training

TARGET = "digit"
STUDENT_T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
"""Two-sided 95 % of Student's t by the number of seeds."""


def frame(own: Stream, rows: NDArray[np.int64]) -> pl.DataFrame:
    """A table of pixels and labels."""
    columns = {f"pixel_{k}": own.x[rows, k] for k in range(own.x.shape[1])}
    return pl.DataFrame({**columns, TARGET: [str(label) for label in own.y[rows]]})


class Steps:
    """Counts the steps of every training, made here in one process."""

    def __init__(self) -> None:
        self.made: list[int] = []
        run = Training.run

        def counted(training: Training) -> Any:
            fits = run(training)
            self.made.append(training.step)
            return fits

        Training.run = counted  # type: ignore[method-assign,assignment]

    def longest(self) -> int:
        """Of the trainings since this was asked: a race runs shortly, the network in force at length."""
        made, self.made = self.made, []
        return max(made)


def recipe(seed: int, rows: int, given: argparse.Namespace) -> Any:
    """The peers' network and optimizer."""
    return build(
        {
            "data.target": TARGET,
            "data.task": "classification",
            "prepare.number_embedding": "none",
            "prepare.scaling": "none",
            "model.width": WIDTH,
            "model.depth": 2,
            "model.activation": "relu",
            "model.dropout": 0.0,
            "training.optimizer": {"name": "adam", "learning_rate": RATE},
            "training.epochs": epochs_of(rows, given.batch, given.steps),
            "training.batch_size": given.batch,
            "training.patience_epochs": 0,
            "seed": seed,
        }
    )


def run(own: Stream, strategy: str, seed: int, counted: Steps, given: argparse.Namespace) -> dict[str, Any]:
    """All tasks in turn."""
    began = time.process_time()
    first, *others = own.tasks
    begun = frame(own, first)
    model = fit_single(begun, recipe(seed, len(first), given))
    old: pl.DataFrame | None = begun
    steps = [counted.longest()]
    budget = {} if given.budget is None else {"budget": given.budget}
    promoted, spent, chosen = 0, 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        for number, rows in enumerate(others):
            done = retemper.retrain(
                model,
                frame(own, rows),
                old=old,
                out=Path(folder) / str(number),
                strategy=strategy,
                keep_old=MEMORY,
                seed=seed,
                set={"workers": 1, "metric": "accuracy"},
                **budget,
            )
            steps.append(counted.longest())
            model, old = done.model, None
            promoted += done.promoted
            spent += done.decision["compute"]["spent"]
            chosen.append(done.decision["strategy"])
    called = model.predict(frame(own, own.test))
    return {
        "score": own.score(np.asarray(called)),
        "steps": float(np.mean(steps)),
        "seconds": time.process_time() - began,
        "promoted": promoted,
        "chosen": chosen,
        "multiply_adds": spent,
        "networks": len(model.parts),
    }


def measure(given: argparse.Namespace) -> None:
    """A JSON line a run."""
    counted = Steps()
    for scenario in given.scenarios:
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            own = stream(given.source, scenario, seed)
            for name in given.strategies:
                row = {"scenario": scenario, "batch": given.batch, "seed": seed, "who": f"retemper {name}"}
                print(json.dumps(row | run(own, name, seed, counted, given)), flush=True)


def table(given: argparse.Namespace) -> None:
    """Mean accuracy on all digits at the end with its interval over the seeds, and processor seconds."""
    runs: dict[tuple[str, int], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for source in given.sources:
        for line in source.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            runs[row["scenario"], row["batch"]][row["who"]].append(row)
    print("| scenario | rows a step | who | accuracy | 95 % | seeds | steps a task | processor s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for (scenario, batch), by_who in sorted(runs.items()):
        for who, rows in sorted(by_who.items()):
            scores = np.array([row["score"] for row in rows])
            half = (
                STUDENT_T[len(scores)] * scores.std(ddof=1) / len(scores) ** 0.5
                if len(scores) > 1
                else np.nan
            )
            steps, seconds = (np.mean([row[key] for row in rows]) for key in ("steps", "seconds"))
            figures = f"{scores.mean():.4f} | ± {half:.4f} | {len(scores)} | {steps:.0f} | {seconds:.1f}"
            print(f"| {scenario} | {batch} | {who} | {figures} |")


def main() -> None:
    """Run ours, or print what was run."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = words.add_subparsers(required=True)
    runs = verbs.add_parser("run")
    runs.add_argument("source", type=Path)
    runs.add_argument("--seeds", type=int, default=5)
    runs.add_argument("--first-seed", type=int, default=0)
    runs.add_argument("--batch", type=int, default=BATCH, help="rows of a step at most")
    runs.add_argument("--steps", type=int, default=STEPS, help="of the first task")
    runs.add_argument("--budget", type=float, help="none: what retrain allows by itself")
    runs.add_argument("--scenarios", nargs="+", default=list(SCENARIOS))
    runs.add_argument("--strategies", nargs="+", default=["auto", "replay", "der_plus_plus"])
    runs.set_defaults(do=measure)
    tables = verbs.add_parser("table")
    tables.add_argument("sources", type=Path, nargs="+")
    tables.set_defaults(do=table)
    given = words.parse_args()
    given.do(given)


if __name__ == "__main__":
    main()
