"""A study of 10,000 trials: what asking, keeping, storing, going on and telling cost beside the training.

    python benchmarks/study_size.py [--trials 10000] [--folds 5] [--epochs 30]

The evaluator is made up, so that what is left is the search's own. Processor seconds of this process; memory is the
largest that the process took.
"""

from __future__ import annotations

import argparse
import math
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from retemper.core import seeds
from retemper.core.aside import Aside
from retemper.search.fidelities import Extent, full, halving
from retemper.search.journal import Journal
from retemper.search.samplers.quasi_random import Sampler
from retemper.search.space import Interval, Space, Words
from retemper.search.storage import opened
from retemper.search.stored_trials import StoredTrials
from retemper.search.study import Study
from retemper.search.trials import Evaluation, Order, ranked

SPACE = Space(
    {
        "training.optimizer.learning_rate": Interval(1e-4, 1e-1, log=True),
        "training.optimizer.weight_decay": Interval(1e-5, 1e-1, log=True),
        "training.batch_size": Words((32, 64, 128)),
        "model.width": Interval(16, 256, log=True, integer=True),
        "model.dropout": Interval(0.0, 0.5),
    }
)


class MadeUp:
    """Curves that fall towards a level that the setting decides."""

    def evaluate(self, orders: Sequence[Order]) -> Iterator[list[Evaluation]]:
        """All at once."""
        yield [self._of(order) for order in orders]

    def recall(self, evaluations: Sequence[Evaluation]) -> None:
        """Nothing is kept."""

    def _of(self, order: Order) -> Evaluation:
        rate = math.log10(order.values["training.optimizer.learning_rate"])
        level = 0.3 + 0.1 * (rate + 2.5) ** 2 + 0.2 * (order.values["model.dropout"] - 0.1) ** 2
        curves = {}
        for fold in order.folds:
            noise = seeds.generator(0, "made-up curve", order.trial, fold).normal(
                scale=0.01, size=order.epochs
            )
            curves[fold] = tuple(float(level + 0.5 / (k + 1) + own) for k, own in enumerate(noise))
        return Evaluation(
            order,
            losses={fold: min(curve) for fold, curve in curves.items()},
            curves=curves,
            trained_epochs=order.epochs * len(order.folds),
            seconds=0.1,
            places={
                fold: f"search.mlp.0-{order.epochs}.{order.trial // 64:08x}.{fold % 2}"
                for fold in order.folds
            },
        )


@contextmanager
def timed(what: str, trials: int) -> Iterator[None]:
    """Print the processor seconds of a block, for all trials and for one."""
    before = time.process_time()
    yield
    seconds = time.process_time() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<34} {seconds:8.2f} s {1000 * seconds / trials:8.3f} ms a trial {memory:8.0f} MB")


def main() -> None:
    """Search, store, and go on from the journal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    extent = Extent(given.epochs, tuple(range(given.folds)), 64)
    fidelities = {"full": full, "halving": halving}
    for name, fidelity in fidelities.items():
        folder = Path(tempfile.mkdtemp())
        plan = fidelity.Options()
        with timed(f"{name}: the settings alone", given.trials):
            Sampler(SPACE, 0, given.trials).ask(given.trials)
        with timed(f"{name}: the evaluations alone", given.trials):
            (made,) = MadeUp().evaluate(
                [
                    Order(k, p, given.epochs, extent.folds)
                    for k, p in enumerate(Sampler(SPACE, 0, given.trials).ask(given.trials))
                ]
            )
            del made
        for what in ("search, stored as it goes", "resume from the journal"):
            with timed(f"{name}: {what}", given.trials), Aside() as aside:
                stored = StoredTrials(
                    partial(opened, folder / "trials.db", "search", SPACE),
                    aside,
                    (extent.epochs, len(extent.folds)),
                )
                journal = Journal(folder / "trials.jsonl")
                study = Study(Sampler(SPACE, 0, given.trials), MadeUp(), journal, stored.take)
                trials = ranked(study.run(fidelity.plan(plan, study, extent)))
                begun = time.process_time()
                stored.finish(trials).result()
                print(f"  the last writing to the database {time.process_time() - begun:21.2f} s")
        sizes = [f"{file.name} {file.stat().st_size / 1e6:.1f} MB" for file in sorted(folder.iterdir())]
        print(" ", ", ".join(sizes), f"best {trials[0].loss:.4f}")


if __name__ == "__main__":
    main()
