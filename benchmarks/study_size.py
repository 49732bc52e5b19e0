"""A study of 10,000 trials: what naming, keeping, storing, going on and telling cost beside the training.

    python benchmarks/study_size.py [--trials 10000] [--folds 5] [--epochs 20] [--sampler NAME] [--fidelity NAME]

The evaluator is made up, so that what is left is the search's own. Every phase is a process of its own, over the
folder that the one before left. Processor seconds, all threads; memory is by how much the phase made the process grow
at most, imports left out.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from retemper.core import catalogue, seeds
from retemper.core.aside import Aside
from retemper.core.recipe import Recipe, build
from retemper.core.records import to_json
from retemper.models.layers.inputs import InputShape
from retemper.procedure.pace import Pace
from retemper.procedure.search_evidence import evidence_of, summary
from retemper.report.write import write
from retemper.search.fidelities import Extent
from retemper.search.journal import Journal
from retemper.search.samplers import batch_of
from retemper.search.space import Condition, Interval, Space, Words
from retemper.search.storage import opened
from retemper.search.stored_trials import StoredTrials
from retemper.search.study import Study
from retemper.search.trials import Evaluation, Order, Trial, ranked

OPTIMIZER = "training.optimizer.name"
SPACE = Space(
    {
        "training.optimizer.learning_rate": Interval(1e-4, 1e-1, log=True),
        OPTIMIZER: Words(("adamw", "sgd")),
        "training.optimizer.weight_decay": Interval(1e-5, 1e-1, log=True),
        "training.optimizer.momentum": Interval(0.5, 0.99),
        "training.batch_size": Words((32, 64, 128)),
        "model.width": Interval(16, 256, log=True, integer=True),
        "model.dropout": Interval(0.0, 0.5),
    },
    {"training.optimizer.momentum": Condition(OPTIMIZER, ("sgd",))},
)
PHASES = ("search", "resume", "facts", "report")


class MadeUp:
    """Curves that fall towards a level that the setting decides."""

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        """All, in stacks of 64."""
        for first in range(0, len(orders), 64):
            yield [self._of(order) for order in orders[first : first + 64]]

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        """Nothing is kept."""

    def _of(self, order: Order) -> Evaluation:
        rate = math.log10(order.values["training.optimizer.learning_rate"])
        level = 0.3 + 0.1 * (rate + 2.5) ** 2 + 0.2 * (order.values["model.dropout"] - 0.1) ** 2
        noise = seeds.generator(0, "made-up curve", order.trial).normal(
            scale=0.01, size=(len(order.folds), order.epochs)
        )
        falling = level + 0.5 / np.arange(1, order.epochs + 1) + noise
        curves = {
            fold: tuple(map(float, own)) for fold, own in zip(order.folds, falling.tolist(), strict=True)
        }
        return Evaluation(
            order,
            losses={fold: min(curve) for fold, curve in curves.items()},
            curves=curves,
            trained_epochs=order.epochs * len(order.folds),
            seconds=0.1,
            # As results name them: one text for all networks of a stack.
            places={
                fold: sys.intern(f"search.mlp.0-{order.epochs}.{order.trial // 64:08x}.{fold % 2}")
                for fold in order.folds
            },
        )


class Meter:
    """By how many megabytes the process grew at most since this was made, which is after the imports."""

    def __init__(self) -> None:
        self._first = self._most = resident_mb()

    def take(self, trials: Sequence[Trial]) -> None:
        """Some more trials are through."""
        self._most = max(self._most, resident_mb())

    @property
    def grown_mb(self) -> float:
        """Until now."""
        return max(self._most, resident_mb()) - self._first


def resident_mb() -> float:
    """Memory of this process, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def study_of(folder: Path, recipe: Recipe, meter: Meter) -> list[Trial]:
    """Search, or go on with what lies in the folder."""
    tune = recipe.tune
    extent = Extent(tune.epochs, tuple(range(tune.folds)), batch_of(tune))
    sampler = catalogue.entry("sampler", tune.sampler.name).build(tune.sampler.options, SPACE, 0, tune.trials)
    fidelity = catalogue.entry("fidelity", tune.fidelity.name)
    with Aside() as aside:
        stored = StoredTrials(
            partial(opened, folder / "trials.db", "search", SPACE), aside, (extent.epochs, len(extent.folds))
        )

        def told(trials: Sequence[Trial]) -> None:
            stored.take(trials)
            meter.take(trials)

        study = Study(sampler, MadeUp(), Journal(folder / "trials.jsonl"), told)
        trials = ranked(study.run(fidelity.plan(tune.fidelity.options, study, extent)))
        stored.finish(trials).result()
    return trials


def tell(folder: Path, recipe: Recipe, trials: list[Trial]) -> None:
    """What the step of ``tune`` leaves of the trials in result.json."""
    pace = Pace(1000, 300, 10, InputShape(64, 64))
    book: Any = SimpleNamespace(pace=pace)
    state: Any = SimpleNamespace(recipe=recipe)
    evidence = evidence_of(book, state, SPACE, trials, Journal(folder / "trials.jsonl"))
    step = {"name": "search", "verdict": "pass", "message": "", "seconds": 0.0, "evidence": evidence}
    named = {"trials": len(trials), "sampler": recipe.tune.sampler.name, "best": trials[0].values}
    result = {"task": "classification", "steps": [step], "search": named | summary(trials, evidence)}
    (folder / "result.json").write_text(json.dumps(to_json(result)))


def phase(name: str, folder: Path, recipe: Recipe) -> None:
    """Carry one phase out in this process, and print what it took."""
    few = recipe.with_changes({"tune.trials": 40})
    study_of(Path(tempfile.mkdtemp()), few, Meter())  # imports what is needed
    trials = study_of(folder, recipe, Meter()) if name == "facts" else []
    meter, began, cpu = Meter(), time.perf_counter(), time.process_time()
    if name in ("search", "resume"):
        trials = study_of(folder, recipe, meter)
    elif name == "facts":
        tell(folder, recipe, trials)
    else:
        write(folder)
    seconds, wall = time.process_time() - cpu, time.perf_counter() - began
    each = 1000 * seconds / recipe.tune.trials
    print(f"  {name:<8} {seconds:8.2f} s {wall:8.2f} s wall {each:8.3f} ms a trial {meter.grown_mb:8.0f} MB")
    if trials and name != "facts":
        bits = repr([(own.number, own.values, own.loss) for own in trials]).encode()
        print(f"           best {trials[0].loss:.4f}, {len(trials)} trials, bits {zlib.crc32(bits):08x}")


def main() -> None:
    """All phases, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--sampler", default="quasi_random")
    parser.add_argument("--fidelity", default="full")
    parser.add_argument("--phase", choices=PHASES, help="this one alone, over --folder")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.phase:
        options = ("trials", "folds", "epochs", "sampler", "fidelity")
        phase(given.phase, given.folder, build({f"tune.{name}": getattr(given, name) for name in options}))
        return
    folder = given.folder or Path(tempfile.mkdtemp())
    print(
        f"{given.trials} trials, {given.folds} folds, {given.epochs} epochs: {given.sampler}, {given.fidelity}"
    )
    for name in PHASES:
        subprocess.run([sys.executable, *sys.argv, "--phase", name, "--folder", str(folder)], check=True)
    sizes = [f"{file.name} {file.stat().st_size / 1e6:.1f} MB" for file in sorted(folder.iterdir())]
    print("  left:", ", ".join(sizes))


if __name__ == "__main__":
    main()
