"""The stack's gain: 16 small MLPs as one stack against 16 hand-written PyTorch trainings one after the other.

Batches of 32, AdamW at a constant rate, one thread, whole trainings timed. Runs are interleaved; a ratio is
the median of the rounds' own ratios (hand-written / stack). Targets for 64-64-10: 6 against PyTorch's fused
AdamW, 8 against its default. A sketch of the stack reached 9.9 and 14 for 20-64-2.

usage: python benchmarks/stack_speed.py [--rounds 7] [--steps 300] [--members 16]
"""

from __future__ import annotations

import argparse
import statistics

import hand_written
import stacked
import torch
from measuring import interleaved, met, print_table, ratio, spread

from retemper.training.stack import Member

BATCH = 32
TARGETS: dict[tuple[int, ...], tuple[float, float]] = {(64, 64, 10): (6.0, 8.0), (20, 64, 2): (9.9, 14.0)}


def compare(widths: tuple[int, ...], members: int, steps: int, rounds: int) -> list[tuple[str, ...]]:
    """Rows of the table for one shape."""
    x, y = stacked.table(steps * BATCH, widths[0], widths[-1])
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    plan = stacked.plan_for(widths, x, y, BATCH, 1, [Member(k, 1e-3 * 1.1**k, 0.01) for k in range(members)])

    def one_after_the_other(fused: bool) -> None:
        for _ in range(members):
            hand_written.train(widths, tx, ty, BATCH, 1, fused=fused)

    seconds = interleaved(
        {
            "stack": lambda: stacked.train(plan),
            "fused": lambda: one_after_the_other(True),
            "default": lambda: one_after_the_other(False),
        },
        rounds,
    )
    rows: list[tuple[str, ...]] = []
    for name, target in zip(("fused", "default"), TARGETS[widths], strict=True):
        value = ratio(seconds[name], seconds["stack"])
        rows.append(
            (
                "-".join(map(str, widths)),
                f"{name} AdamW",
                f"{statistics.median(seconds[name]) / steps * 1e3:.3f}",
                f"{statistics.median(seconds['stack']) / steps * 1e3:.3f}",
                f"{value:.1f}",
                spread(seconds[name], seconds["stack"]),
                met(value, at_least=target),
            )
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="the stack against networks one after the other")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--members", type=int, default=16)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for widths in TARGETS for row in compare(widths, asked.members, asked.steps, asked.rounds)]
    print_table(
        f"{asked.members} MLPs, batch {BATCH}, one thread, {asked.rounds} rounds of {asked.steps} steps each",
        ("network", "against", "PyTorch ms", "stack ms", "times faster", "middle half", "target"),
        rows,
    )
    print("\nms: one step of all members.")


if __name__ == "__main__":
    main()
