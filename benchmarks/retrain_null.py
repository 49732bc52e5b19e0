"""How often does a retraining put a worse model into force? The whole procedure, judged by the truth.

Each trial is one `retemper.retrain` of a well trained champion (3 champions a cell, on 4,000 rows) on 100 or 400 new
rows. The truth is known: the law that made the rows, or 20,000 rows of a table that nobody learns from.

- *table*: adult and diamonds, cut at random: the new rows are of the champion's own law.
- *law*: made-up classes and values of one law; the champion knows ten times the new rows or more.
- *best*: the law is what the champion says, plus noise: nobody can be better, and every other model is worse.
- *inputs*: the inputs have moved, the law of the target given the inputs has not.
- *shares*: the shares of the classes have moved, the law of the inputs given the class has not. Where classes overlap
  the same inputs then have other targets, and whoever follows must lose on the old mixture: told, but not summed up.

Counted are promotions of challengers whose expected loss on rows like the new ones is worse than the champion's (log
loss, or RMSE), and promotions after which the accuracy on rows like the old ones is lower by more than a point (values:
the RMSE is higher by more than 1 %). *without gain*: how many of all challengers were worse, promoted or not.

Results are kept in --keep as they come; trials that are there are not made again.

usage: python benchmarks/retrain_null.py --data FOLDER --keep FOLDER [--trials 100] [--cells best,law] [--minutes M]
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measuring import print_table
from numpy.typing import NDArray
from retrain_streams import KEEP_OLD, TRAINED
from scipy.stats import binomtest

import retemper
from retemper.bundle.model import Model

CHAMPIONS, FIRST_ROWS, NEW_ROWS, TRUTH_ROWS = 3, 4_000, (100, 400), 20_000
NOISE, LETTERS = 0.5, ("a", "b", "c")
Floats = NDArray[np.float64]
Random = np.random.Generator
Record = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """Rows of a law, with what it says of each.

    Args:
        frame: the inputs.
        target: [N, C] probabilities of the classes in their order, or [N] means.
        noise: variance of a value about its mean.
    """

    frame: pl.DataFrame
    target: Floats
    noise: float = 0.0

    def of(self, model: Model) -> tuple[float, float]:
        """Expected loss (log loss or RMSE), and the figure that people count: accuracy, or RMSE."""
        said = model.outputs(self.frame)
        if not model.classes:
            rmse = float(np.sqrt(np.square(said - self.target).mean() + self.noise))
            return rmse, rmse
        called = model.decision.codes(said)
        log_loss = -(self.target * np.log(np.maximum(said, 1e-15))).sum(1).mean()
        return float(log_loss), float(self.target[np.arange(len(called)), called].mean())


@dataclass(frozen=True)
class World:
    """What a trial meets: the champion, new and old rows, and the truth of now and then."""

    champion: Path
    new: pl.DataFrame
    old: pl.DataFrame | None
    now: Truth
    then: Truth


def _inputs(draw: Random, rows: int, moved: float = 0.0) -> pl.DataFrame:
    x = draw.normal(size=(rows, 6)) + moved * np.array([1, -1, 0.5, 0, 0, 0])
    return pl.DataFrame({f"x{k}": x[:, k] for k in range(6)} | {"c": draw.choice(["u", "v", "w"], rows)})


def _scores(frame: pl.DataFrame) -> Floats:
    x = frame.drop("c").to_numpy()
    step = (frame["c"] == "u").to_numpy() * 1.0
    first = x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + step
    return np.stack([first, np.sin(2 * x[:, 3]) + x[:, 4], np.zeros(len(x))], axis=1)


def _law(frame: pl.DataFrame, value: bool) -> Floats:
    """What the law says: probabilities of three classes, or the mean of a value."""
    scores = _scores(frame)
    if value:
        return scores[:, 0] + scores[:, 1]
    odds = np.exp(1.5 * scores)
    return odds / odds.sum(axis=1, keepdims=True)


def _drawn(draw: Random, said: Floats, names: Sequence[str] = LETTERS) -> pl.Series:
    """Targets by the law; the noise of values is skewed."""
    if said.ndim == 1:
        return pl.Series(said + NOISE * (draw.exponential(size=len(said)) - 1))
    codes = (draw.random((len(said), 1)) > said.cumsum(axis=1)).sum(axis=1)
    return pl.Series(np.array(names)[np.minimum(codes, said.shape[1] - 1)])


def _trained(place: Path, frame: pl.DataFrame, target: str, seed: int) -> Path:
    if not (place / "result.json").exists():
        shutil.rmtree(place, ignore_errors=True)
        retemper.train(frame, target, **TRAINED, seed=seed, keep_old=KEEP_OLD, out=place)
    return place


def _of_law(place: Path, value: bool, number: int) -> Path:
    draw = np.random.default_rng([7, value, number])
    frame = _inputs(draw, FIRST_ROWS)
    frame = frame.with_columns(y=_drawn(draw, _law(frame, value)))
    return _trained(place / f"law_{'value' if value else 'class'}_{number}", frame, "y", number)


def law(value: bool, moved: float = 0.0) -> Callable[[Path, Random, int, int], World]:
    """One law of the target; the new rows' inputs have moved by so many standard deviations."""

    def world(place: Path, draw: Random, rows: int, number: int) -> World:
        new, noise = _inputs(draw, rows, moved), NOISE**2 * value
        new = new.with_columns(y=_drawn(draw, _law(new, value)))
        now, then = (_inputs(np.random.default_rng(8), TRUTH_ROWS, own) for own in (moved, 0.0))
        truths = [Truth(own, _law(own, value), noise) for own in (now, then)]
        return World(_of_law(place, value, number), new, None, *truths)

    return world


def best(value: bool) -> Callable[[Path, Random, int, int], World]:
    """The law is what the champion says; old rows are of it, too."""

    def world(place: Path, draw: Random, rows: int, number: int) -> World:
        folder = _of_law(place, value, number)
        champion = retemper.load(folder)

        def some(count: int) -> pl.DataFrame:
            frame = _inputs(draw, count)
            return frame.with_columns(y=_drawn(draw, champion.outputs(frame), champion.classes))

        frame = _inputs(np.random.default_rng(8), TRUTH_ROWS)
        truth = Truth(frame, champion.outputs(frame), NOISE**2 * value)
        return World(folder, some(rows), some(1_000), truth, truth)

    return world


def shares(place: Path, draw: Random, rows: int, number: int) -> World:
    """The first class has become rare, the last one frequent."""

    def some(own: Random, count: int, moved: bool) -> pl.DataFrame:
        pool = _inputs(own, 6 * count)
        pool = pool.with_columns(y=_drawn(own, _law(pool, False)))
        odds = pool["y"].replace_strict(
            {"a": 0.3, "b": 0.6, "c": 1.0} if moved else dict.fromkeys(LETTERS, 1)
        )
        return pool.filter(own.random(pool.height) < odds.to_numpy())[:count]

    truths = []
    for moved in (True, False):
        frame = some(np.random.default_rng(8), TRUTH_ROWS, moved)
        truths.append(Truth(frame, (frame["y"].to_numpy()[:, None] == np.array(LETTERS)) * 1.0))
    return World(_of_law(place, False, number), some(draw, rows, True), None, *truths)


def table(folder: Path, name: str, target: str) -> Callable[[Path, Random, int, int], World]:
    """A table cut at random: rows for champions, rows to draw new ones from, and rows that tell the truth."""

    @cache
    def frame() -> pl.DataFrame:
        found = pl.read_csv(folder / f"{name}.csv.gz", infer_schema_length=None, null_values=["", "?", "NA"])
        return found.sample(fraction=1.0, shuffle=True, seed=0)

    def world(place: Path, draw: Random, rows: int, number: int) -> World:
        whole = frame()
        own = whole[number * FIRST_ROWS : (number + 1) * FIRST_ROWS]
        champion = _trained(place / f"{name}_{number}", own, target, number)
        free = np.arange(CHAMPIONS * FIRST_ROWS, whole.height - TRUTH_ROWS)
        held_out = whole[-TRUTH_ROWS:]
        said: Any = held_out[target].to_numpy()
        if classes := retemper.load(champion).classes:
            said = said.astype(str)[:, None] == np.array(classes)
        truth = Truth(held_out, np.asarray(said, dtype=np.float64))
        return World(champion, whole[draw.choice(free, rows, replace=False)], None, truth, truth)

    return world


def cells(data: Path) -> dict[str, Callable[[Path, Random, int, int], World]]:
    """Name → a trial's world."""
    return {
        "best, classes": best(False),
        "best, values": best(True),
        "law, classes": law(False),
        "law, values": law(True),
        "table, adult": table(data, "adult", "income"),
        "table, diamonds": table(data, "diamonds", "price"),
        "inputs, classes": law(False, 1.0),
        "inputs, values": law(True, 1.0),
        "shares": shares,
    }


def tried(world: World, place: Path, seed: int) -> Record:
    """One retraining, and the truth of its challenger."""
    out = place / "under_way"
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    run = retemper.retrain(world.champion, world.new, old=world.old, out=out, seed=seed, set={"workers": 1})
    told, seconds = run.decision, time.perf_counter() - began
    record = {
        "rows": world.new.height, "promoted": run.promoted, "strategy": told["strategy"], "seconds": seconds,
        "drift": told["drift"]["detected"], "kinds": told["drift"]["kinds"], "gain": None, "fall": None,
        "tests": {own["name"]: own["difference"] for own in told["gate"]["tests"]},
    }  # fmt: skip
    if told["challenger"] is None:
        return record
    models = retemper.load(world.champion), retemper.load(out if run.promoted else out / "challenger")
    (lost, _), (loses, _) = (world.now.of(model) for model in models)
    (_, was), (_, is_now) = (world.then.of(model) for model in models)
    fall = 100 * (was - is_now) if models[0].classes else 100 * (is_now / was - 1)
    return {**record, "gain": lost - loses, "fall": fall}


def _share(count: int, of: int) -> str:
    if not of:
        return "none"
    interval = binomtest(count, of).proportion_ci(method="wilson")
    return f"{count} of {of}: {count / of:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _row(name: str, records: list[Record]) -> list[str]:
    judged = [own for own in records if own["gain"] is not None]
    promoted = [own for own in judged if own["promoted"]]
    worse = sum(own["gain"] < 0 for own in judged)
    return [
        name,
        str(len(records)),
        f"{worse} of {len(judged)}",
        _share(sum(own["gain"] < 0 for own in promoted), len(records)),
        _share(sum(own["fall"] > 1 for own in promoted), len(promoted)),
        f"{np.median([own['seconds'] for own in records]):.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=100, help="a cell")
    parser.add_argument("--cells", default="", help="those whose name contains one of these; else all")
    parser.add_argument("--minutes", type=float, default=np.inf, help="begin no trial later")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    kept, known, began = options.keep / "trials.jsonl", {}, time.monotonic()
    if kept.exists():
        known = {(own["cell"], own["trial"]): own for own in map(json.loads, kept.open())}
    wanted = [part.strip() for part in options.cells.split(",")]
    worlds = {name: own for name, own in cells(options.data).items() if any(p in name for p in wanted)}
    for trial in range(options.trials):
        for name, world in worlds.items():
            if (name, trial) in known or time.monotonic() - began > 60 * options.minutes:
                continue
            draw = np.random.default_rng([trial, *name.encode()])
            rows = NEW_ROWS[trial % len(NEW_ROWS)]
            met = world(options.keep, draw, rows, trial // len(NEW_ROWS) % CHAMPIONS)
            known[name, trial] = {"cell": name, "trial": trial, **tried(met, options.keep, trial)}
            with kept.open("a") as file:
                file.write(json.dumps(known[name, trial]) + "\n")
    found = {name: [own for own in known.values() if own["cell"] == name] for name in worlds}
    rows_ = [_row(name, own) for name, own in found.items() if own]
    rows_.append(
        _row("all but shares", [one for name, own in found.items() for one in own if name != "shares"])
    )
    header = (
        "cell",
        "retrainings",
        "without gain",
        "worse promoted",
        "of promoted fall > 1 point",
        "seconds",
    )
    print_table("Retrainings judged by the truth, Wilson's 95 % intervals", header, rows_)


if __name__ == "__main__":
    main()
