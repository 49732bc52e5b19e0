"""Retraining over streams: what it costs, and how wrong the model in force is on the block that comes next.

A model is trained on the first 30 % of a stream (`retemper.train` with a small search and no clock). Then, block by
block, the model in force is scored on the block, and afterwards may learn from it. Every tenth row is kept from all
methods; after each promotion the kept rows of the past say whether anything was forgotten.

- *retemper*: `retrain(model, block, old=everything before)`; *kept_rows*: no old rows but 1,000 that the bundle keeps.
- *from_scratch*: `retrain(…, strategy="from_scratch")`, the challenger taken whatever the gate says.
- *train*: `retemper.train` on everything so far, as the first time.
- *fine_tune*: `retrain(…, strategy="fine_tune")`, the challenger always taken.
- *evidently*: the model of *train* at the last block at which Evidently's default drift preset found half of the
  columns drifted against the rows that the model was trained on (--evidently: a Python that has it).
- *never*: the first model stays.

Compute is counted twice: processor seconds of the calls (children included; loading, tests and reports too), and
multiply-adds of the trainings. Results of finished methods are kept in --keep and not made again.

usage: python benchmarks/retrain_streams.py --data FOLDER --keep FOLDER [--letters FILE] [--streams a,b] [--methods a,b]
       [--evidently PYTHON] [--tag NAME] [--seed S]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from made_streams import Stream, streams
from measuring import print_table

import retemper

Record = dict[str, Any]
KEEP_OLD = 1000
TRAINED: Any = {
    "preset": "quick",
    "set": {
        "procedure.nested_rows": 0, "procedure.understand": False, "procedure.folds": 0, "procedure.remedy_rounds": 0,
        "search.challengers": [], "search.trials": 4, "training.epochs": 30,
    },
}  # fmt: skip
"""No clock, so that a busy machine changes nothing."""
TENTH = 10


@dataclass(frozen=True)
class Walk:
    """A stream cut into blocks, with a place for its models."""

    stream: Stream
    place: Path
    seed: int = 0

    def _rows(self, first: int, last: int, probes: bool) -> pl.DataFrame:
        frame = self.stream.frame[first:last]
        return frame.filter((pl.int_range(first, last, eager=True) % TENTH == TENTH - 1) == probes)

    def before(self, k: int) -> pl.DataFrame:
        """All rows before block k that may be learnt from."""
        return self._rows(0, self.stream.edges()[k], False)

    def block(self, k: int) -> pl.DataFrame:
        """The rows of block k."""
        edges = self.stream.edges()
        return self._rows(edges[k], edges[k + 1], False)

    def probes(self, k: int) -> pl.DataFrame:
        """Rows before block k that nobody ever learns from."""
        return self._rows(0, self.stream.edges()[k], True)

    def trained(self, k: int) -> tuple[Path, Record]:
        """`retemper.train` on everything before block k, made once."""
        folder, noted = self.place / f"train_{k}", self.place / f"train_{k}.json"
        if noted.exists():
            return folder, json.loads(noted.read_text())
        shutil.rmtree(folder, ignore_errors=True)
        began = spent()
        run = retemper.train(
            self.before(k), self.stream.target, **TRAINED, seed=self.seed, keep_old=KEEP_OLD, out=folder
        )
        record = {"cpu": spent() - began, "work": run.model.memory.work.multiply_adds}
        noted.write_text(json.dumps(record))
        return folder, record


def spent() -> float:
    """Processor seconds of this process and its finished children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def scores(model: Path, rows: pl.DataFrame) -> dict[str, float]:
    found = retemper.evaluate(model, rows, resamples=100)["metrics"]["test"]
    return {name: found[name].value for name in ("rmse", "accuracy", "log_loss") if name in found}


def retrained(
    always: bool, with_old: bool, **settings: Any
) -> Callable[[Walk, str, int, Path], tuple[Path, Record]]:
    """A method that calls `retemper.retrain` after each block."""

    def step(walk: Walk, name: str, k: int, model: Path) -> tuple[Path, Record]:
        folder = walk.place / f"{name}_{k}"
        shutil.rmtree(folder, ignore_errors=True)
        old = walk.before(k) if with_old else None
        began = spent()
        run = retemper.retrain(
            model, walk.block(k), old=old, out=folder, seed=100 * walk.seed + k, **settings
        )
        cpu, told = spent() - began, run.decision
        taken = run.promoted or (always and (folder / "challenger").exists())
        best: dict[str, float] = {}
        for own in told["candidates"]:
            metric = "rmse" if "rmse" in own["new"] else "log_loss"
            called = own["strategy"] + ("*" if "challenger" in own["note"] else "")
            best[called] = min(best.get(called, np.inf), round(own["new"][metric]["value"], 4))
        record = {
            "cpu": cpu, "work": told.get("compute", {}).get("spent", 0.0), "promoted": taken,
            "scratch_work": told.get("compute", {}).get("from_scratch", 0.0), "strategy": told["strategy"],
            "candidates": best, "drift": told["drift"]["detected"], "kinds": told["drift"].get("kinds"),
            "harm": told["harm"].get("verdict"), "why": "" if run.promoted else told["gate"]["reason"],
        }  # fmt: skip
        if not taken:
            return model, record
        return (folder if run.promoted else folder / "challenger"), record

    return step


def never(walk: Walk, name: str, k: int, model: Path) -> tuple[Path, Record]:
    """Nothing is done."""
    return model, {"cpu": 0.0, "work": 0.0, "promoted": False}


def train_anew(walk: Walk, name: str, k: int, model: Path) -> tuple[Path, Record]:
    """`retemper.train` on everything, this block too."""
    folder, record = walk.trained(k + 1)
    return folder, {**record, "promoted": True}


def evidently(python: str) -> Callable[[Walk, str, int, Path], tuple[Path, Record]]:
    """Train anew where Evidently says so."""

    def step(walk: Walk, name: str, k: int, model: Path) -> tuple[Path, Record]:
        last = int(model.name.split("_")[-1])
        inputs = [column for column in walk.stream.frame.columns if column != walk.stream.target]
        sides = [walk.place / "reference.csv", walk.place / "current.csv"]
        walk.before(last).select(inputs).write_csv(sides[0])
        walk.block(k).select(inputs).write_csv(sides[1])
        script = Path(__file__).with_name("evidently_trigger.py")
        told = subprocess.run(
            [python, script, *sides], capture_output=True, text=True, check=True
        ).stdout.split()
        if told[1] == "no":
            return model, {"cpu": 0.0, "work": 0.0, "promoted": False, "share": float(told[0])}
        folder, record = walk.trained(k + 1)
        return folder, {**record, "promoted": True, "share": float(told[0])}

    return step


def walked(
    walk: Walk, name: str, step: Callable[[Walk, str, int, Path], tuple[Path, Record]]
) -> Iterator[Record]:
    """The blocks one after the other: scored, then learnt from."""
    model, _ = walk.trained(0)
    for k in range(walk.stream.blocks):
        record: Record = {"k": k, "scores": scores(model, walk.block(k))}
        if k < walk.stream.blocks - 1:
            after, facts = step(walk, name, k, model)
            if after != model:
                sides = [scores(own, walk.probes(k)) for own in (model, after)]
                facts |= {"probes": walk.probes(k).height, "old_before": sides[0], "old_after": sides[1]}
            model = after
            record |= facts
        yield record


def error(record: Record) -> float:
    """RMSE, or the share of wrong calls."""
    own = record["scores"]
    return float(own["rmse"]) if "rmse" in own else 1 - float(own["accuracy"])


def fall(record: Record) -> float | None:
    """Points lost on old rows by this promotion: .01 of accuracy, 1 % of an RMSE; None: no promotion."""
    if "old_after" not in record:
        return None
    before, after = record["old_before"], record["old_after"]
    if "rmse" in before:
        return 100 * (after["rmse"] / before["rmse"] - 1)
    return 100 * float(before["accuracy"] - after["accuracy"])


def summed(name: str, records: list[Record]) -> list[str]:
    falls = [own for own in map(fall, records) if own is not None]
    log_loss = [own["scores"]["log_loss"] for own in records if "log_loss" in own["scores"]]
    mean = np.mean([error(own) for own in records])
    return [
        name,
        f"{mean:.4g}",
        f"{np.mean(log_loss):.4f}" if log_loss else "",
        f"{sum(own.get('cpu', 0) for own in records):.1f}",
        f"{sum(own.get('work', 0) for own in records) / 1e9:.1f}",
        f"{sum(own.get('promoted', False) for own in records)} of {len(records) - 1}",
        f"{sum(own > 1 for own in falls)}",
        f"{max(falls):+.2f}" if falls else "",
    ]


HEADER = (
    "method",
    "mean error",
    "log loss",
    "CPU s",
    "G multiply-adds",
    "promoted",
    "falls",
    "worst fall, points",
)


def methods(options: argparse.Namespace) -> dict[str, Callable[[Walk, str, int, Path], tuple[Path, Record]]]:
    found = {
        "retemper": retrained(False, True),
        "kept_rows": retrained(False, False, keep_old=KEEP_OLD),
        "from_scratch": retrained(True, True, strategy="from_scratch"),
        "fine_tune": retrained(True, True, strategy="fine_tune"),
        "never": never,
        "train": train_anew,
    }
    return found | ({"evidently": evidently(options.evidently)} if options.evidently else {})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--letters", type=Path)
    parser.add_argument("--streams")
    parser.add_argument("--methods")
    parser.add_argument("--evidently")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--tag", default="", help="added to the names of methods that retrain, to compare versions"
    )
    options = parser.parse_args()
    known, ways = streams(options.data, options.letters), methods(options)
    for name in options.streams.split(",") if options.streams else known:
        place = options.keep / name / str(options.seed)
        place.mkdir(parents=True, exist_ok=True)
        walk = Walk(known[name](), place, options.seed)
        rows = [
            _kept(walk, way, options.tag, ways[way])
            for way in (options.methods.split(",") if options.methods else ways)
        ]
        print_table(f"{name}: {walk.stream.frame.height} rows, {walk.stream.blocks} blocks", HEADER, rows)


def _kept(
    walk: Walk, way: str, tag: str, step: Callable[[Walk, str, int, Path], tuple[Path, Record]]
) -> list[str]:
    name = way + tag
    noted = walk.place / f"{name}.json"
    if not noted.exists():
        records = []
        for record in walked(walk, name, step):
            records.append(record)
            print(json.dumps(record), file=sys.stderr, flush=True)
        noted.write_text(json.dumps(records))
    return summed(name, json.loads(noted.read_text()))


if __name__ == "__main__":
    main()
