"""Repairs of real buggy programs: how much of the way from the bug to the fix `retemper.repair` goes by itself.

    python benchmarks/repair.py --programs PATH/programs.json [--seeds 1] [--budget 10] [ids …]

For each program that does harm: the improvement ratio (repaired − buggy) / (fixed − buggy), cut to [0, 1], on held-out
rows that the repair never sees; what it cost in runs of the original; and whether it came out worse than the original.
The fixed programs are repaired too: they should stay as good as they are.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from doctor_programs import LOSSES, Program, described, network_of, rows_of
from doctor_training import TASKS as TASKS_OF
from doctor_training import run, score_of

import retemper

NOTHING = 0.005
"""Scores no further apart than this are alike."""
HARM = 0.03
OPTIMIZERS = {"adam": "adam", "rmsprop": "rmsprop", "sgd": "sgd"}


def recipe_of(program: Program) -> dict[str, Any]:
    """The program's training as dotted paths."""
    given = program.optimizer
    name = OPTIMIZERS[given["name"]]
    optimizer: dict[str, Any] = {"name": name, "learning_rate": given["lr"]}
    if given.get("momentum"):
        optimizer |= {
            "name": "nesterov" if given.get("nesterov") else "momentum",
            "momentum": given["momentum"],
        }
    if name == "adam":
        optimizer["epsilon"] = given.get("eps", 1e-7)
    if name == "rmsprop":
        optimizer |= {"alpha": 0.9, "epsilon": 1e-7}
    return {
        "training.optimizer": optimizer,
        "training.epochs": program.epochs,
        "training.batch_size": program.batch_size,
        "training.l2": 2 * program.odd.get("penalty", 0.0),
    }


def repaired(program: Program, seed: int, budget: float) -> tuple[float, Any]:
    """Score on held-out rows after the repair, and what came of it."""
    rows = rows_of(program, seed)
    loss_of = LOSSES[program.loss]
    sign = -1.0 if program.odd.get("ascent") else 1.0
    done = retemper.repair(
        lambda: network_of(program, rows.x),
        recipe_of(program),
        (rows.x, rows.y),
        loss=lambda outputs, y: sign * loss_of(outputs, y),
        task=TASKS_OF.get(program.task, "classification"),
        budget=budget,
        seed=seed,
    )
    with torch.no_grad():
        return score_of(program, done.model(rows.held_x), rows.truth), done


def measured(program: Program, mended: Program, seed: int, budget: float) -> Mapping[str, Any]:
    """One program with one seed."""
    buggy, fixed = run(program, seed, watched=False), run(mended, seed, watched=False)
    began = time.process_time()
    score, done = repaired(program, seed, budget)
    seconds = time.process_time() - began
    way = fixed.score - buggy.score
    ratio = float(np.clip((score - buggy.score) / way, 0, 1)) if way > NOTHING else float("nan")
    return {
        "program": program.name,
        "buggy": buggy.score,
        "fixed": fixed.score,
        "repaired": score,
        "ratio": ratio,
        "runs": done.runs,
        "seconds": seconds,
        "times": seconds / max(buggy.seconds, 1e-9),
        "kept": " + ".join(done.kept) or "nothing",
        "findings": [each.code for each in done.findings if each.severity != "advice"],
        "message": done.message,
        "harm": way > HARM,
        "worse": score < buggy.score - NOTHING,
    }


def main() -> None:
    """Print a line a program, and the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", type=float, default=10.0)
    parser.add_argument("--healthy", action="store_true", help="repair the fixed programs instead")
    parser.add_argument(
        "--most-seconds", type=float, default=30.0, help="leave out programs whose training takes longer"
    )
    parser.add_argument("ids", nargs="*")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # of shapes that are stretched: some programs' very fault
    torch.set_num_threads(1)
    entries = json.loads(given.programs.read_text())["models"]
    lines = []
    for entry in entries:
        if (
            not entry.get("measured")
            or not entry["fixed_overrides"]
            or (given.ids and entry["id"] not in given.ids)
        ):
            continue
        if entry["measured"]["buggy_seconds"] > given.most_seconds:
            continue
        program, mended = described(entry, {})
        for seed in range(given.seeds):
            lines.append(measured(mended if given.healthy else program, mended, seed, given.budget))
            print(
                "{program:32} {buggy:6.2f} -> {repaired:6.2f} of {fixed:6.2f}  ratio {ratio:4.2f}  {runs:5.1f} runs "
                "{seconds:5.1f} s {times:6.1f}x  {kept}  {findings} {message}".format(**lines[-1]),
                flush=True,
            )
    summary(lines)


def summary(lines: list[Mapping[str, Any]]) -> None:
    """Means over the programs that do harm."""
    ratios = np.array([line["ratio"] for line in lines if line["harm"]])
    half = 1.96 * ratios.std(ddof=1) / np.sqrt(len(ratios)) if len(ratios) > 1 else float("nan")
    print(f"mean improvement ratio {ratios.mean():.3f} ± {half:.3f} of {len(ratios)}")
    runs = [line["runs"] for line in lines]
    print(f"runs of the original: median {np.median(runs):.1f}, most {max(runs):.1f}")
    print(f"worse than the original: {sum(own['worse'] for own in lines)} of {len(lines)}")


if __name__ == "__main__":
    main()
