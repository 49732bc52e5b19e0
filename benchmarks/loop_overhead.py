"""The loop's cost: retemper with one network (M = 1) against the shortest hand-written PyTorch loop.

MLP 64-256-256-10 with ReLU, batches of 256 of 25,600 rows, AdamW at a constant rate, one thread, whole
trainings timed from the making of the network to its last step. Runs are interleaved; a ratio is the median
of the rounds' own ratios (retemper / hand-written). Targets, against PyTorch's fused AdamW: 1.03, and 1.08
with all signals recorded and written to disk. PyTorch's default AdamW stands beside for comparison.

usage: python benchmarks/loop_overhead.py [--rounds 15] [--epochs 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import hand_written
import stacked
import torch
from measuring import interleaved, met, print_table, ratio, spread

from retemper.training.stack import Member

WIDTHS = (64, 256, 256, 10)
BATCH = 256
ROWS = 25_600


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="the loop against a hand-written one")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    x, y = stacked.table(ROWS, WIDTHS[0], WIDTHS[-1])
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    plan = stacked.plan_for(WIDTHS, x, y, BATCH, asked.epochs, [Member(0, 1e-3, 0.01)])
    with tempfile.TemporaryDirectory() as folder:
        history = Path(folder) / "history.jsonl"
        seconds = interleaved(
            {
                "PyTorch, fused AdamW": lambda: hand_written.train(
                    WIDTHS, tx, ty, BATCH, asked.epochs, fused=True
                ),
                "retemper": lambda: stacked.train(plan),
                "retemper, all signals": lambda: stacked.train(plan, signals=True, history=history),
                "PyTorch, default AdamW": lambda: hand_written.train(
                    WIDTHS, tx, ty, BATCH, asked.epochs, fused=False
                ),
            },
            asked.rounds,
        )
    mark = seconds["PyTorch, fused AdamW"]
    steps = asked.epochs * -(-ROWS // BATCH)
    targets = {"retemper": 1.03, "retemper, all signals": 1.08}
    rows = []
    for name, taken in seconds.items():
        value = ratio(taken, mark)
        verdict = met(value, at_most=targets[name]) if name in targets else ""
        per_step = statistics.median(taken) / steps * 1e3
        rows.append((name, f"{per_step:.3f}", f"{value:.3f}", spread(taken, mark), verdict))
    print_table(
        f"Loop, MLP 64-256-256-10, batch {BATCH}, one thread, {asked.rounds} rounds of {steps} steps",
        ("loop", "ms a step", "ratio", "middle half", "target"),
        rows,
    )


if __name__ == "__main__":
    main()
