"""Avalanche's replay, GDumb and DER on Split-MNIST, one JSON line a run; see `split_mnist.py`.

    python benchmarks/split_mnist_peers.py mnist_5k.npz [--seeds 5] [--batch 64] [--steps 320] >> peers.jsonl

It runs where Avalanche is installed (0.6.0 was measured), which needs PyTorch, but not retemper. Memory and network are
`split_mnist_tasks.py`'s. All make as many steps a task with as many rows each: half new and half from the memory, where
it is replayed, else all of one kind. Options that are not named here are Avalanche's defaults.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from split_mnist_tasks import BATCH, MEMORY, RATE, SCENARIOS, STEPS, WIDTH, Stream, epochs_of, stream
from torch import nn
from torch.utils.data import TensorDataset

warnings.simplefilter("ignore")
from avalanche.benchmarks import benchmark_from_datasets  # noqa: E402  # its imports warn
from avalanche.benchmarks.scenarios.task_aware import with_task_labels  # noqa: E402
from avalanche.benchmarks.utils import make_avalanche_dataset  # noqa: E402
from avalanche.benchmarks.utils.data_attribute import DataAttribute  # noqa: E402
from avalanche.benchmarks.utils.flat_data import ConstantSequence  # noqa: E402
from avalanche.training.supervised import GDumb, Replay  # noqa: E402
from avalanche.training.supervised.der import DER  # noqa: E402

STRATEGIES = {"replay": Replay, "gdumb": GDumb, "der": DER}


def network(classes: int) -> nn.Module:
    """The perceptron, drawn as PyTorch draws."""
    hidden = [nn.Linear(784, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(WIDTH, classes))


def dataset(own: Stream, rows: Any) -> Any:
    """Rows as Avalanche takes them, all with one task label: nobody is told which task a row is of."""
    pair = TensorDataset(torch.from_numpy(own.x[rows]), torch.from_numpy(own.y[rows]))
    label = DataAttribute(own.y[rows].tolist(), "targets")
    task = DataAttribute(ConstantSequence(0, len(rows)), "targets_task_labels", use_in_getitem=True)
    return make_avalanche_dataset(pair, data_attributes=[label, task])


class Steps:
    """Counts a strategy's steps."""

    def __init__(self) -> None:
        self.made = 0

    def step(self, *_: Any) -> None:
        """A hook of the optimizer."""
        self.made += 1


def run(own: Stream, name: str, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """All tasks in turn."""
    torch.manual_seed(seed)
    model = network(own.classes)
    optimizer, steps = torch.optim.Adam(model.parameters(), lr=RATE), Steps()
    optimizer.register_step_post_hook(steps.step)
    began = time.process_time()
    strategy = STRATEGIES[name](
        model=model,
        optimizer=optimizer,
        criterion=nn.CrossEntropyLoss(),
        mem_size=MEMORY,
        train_mb_size=given.batch // 2,
        eval_mb_size=1000,
        evaluator=None,
    )
    tasks = with_task_labels(
        benchmark_from_datasets(
            train=[dataset(own, rows) for rows in own.tasks], test=[dataset(own, own.test)]
        )
    )
    for number, (rows, experience) in enumerate(zip(own.tasks, tasks.train_stream, strict=True)):
        # DER and replay add as many rows from the memory to each batch as were said at the start.
        alone = name == "gdumb" or not number
        strategy.train_mb_size = given.batch if alone else given.batch // 2
        count = min(len(rows), MEMORY) if name == "gdumb" else len(rows)
        strategy.train_epochs = epochs_of(count, strategy.train_mb_size, given.steps)
        strategy.train(experience, num_workers=0)
    with torch.no_grad():
        called = strategy.model.eval()(torch.from_numpy(own.x[own.test])).argmax(1).numpy()
    taken = steps.made / len(own.tasks)
    return {"score": own.score(called), "steps": taken, "seconds": time.process_time() - began}


def main() -> None:
    """Every scenario, seed and strategy."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("source", type=Path)
    words.add_argument("--seeds", type=int, default=5)
    words.add_argument("--batch", type=int, default=BATCH)
    words.add_argument("--steps", type=int, default=STEPS)
    words.add_argument("--scenarios", nargs="+", default=list(SCENARIOS))
    words.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    given = words.parse_args()
    torch.set_num_threads(1)
    for scenario in given.scenarios:
        for seed in range(given.seeds):
            own = stream(given.source, scenario, seed)
            for name in given.strategies:
                row = {"scenario": scenario, "batch": given.batch, "seed": seed, "who": f"avalanche {name}"}
                print(json.dumps(row | run(own, name, seed, given)), flush=True)


if __name__ == "__main__":
    main()
