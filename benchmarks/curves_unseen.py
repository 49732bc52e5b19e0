"""Curves of networks that no rule of the doctor was made on (curves_networks.py), labelled by a second training.

    python benchmarks/curves_unseen.py --data FOLDER --keep FOLDER [--groups 24] [--minutes 3] [--half check]

FOLDER of the data: mnist_5k.npz, adult.csv.gz and the others that curves_networks.py names. Trainings are kept in the
other one, and those that the minutes leave no room for come with the next call. Shapes are those of curves_trained.py,
and so is what bears a label out; data, networks, optimizers, schedules and lengths (5 to 300 epochs) are others. Rules
may be looked at with the even groups, ``--half check`` takes the odd ones.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from curves import Labelled, report
from curves_networks import Data, Plan, fit, read_data
from curves_stack import Trained
from curves_trained import SHAPES, overfits

Pair = tuple[Plan, Trained, Trained | None]
T = TypeVar("T")
MEMBERS = 4
DESCENTS = ("sgd", "momentum", "nesterov")
LEARNT = ("digits", "image_segments", "japanesevowels", "italypowerdemand", "diamonds", "bikeshare")
"""Where a network of a few thousand steps learns most of what there is, and can be far from it."""
NOISY = ("adult", "movies", "rainfall_stream", "osuleaf", "phishing")
DATA: dict[str, tuple[str, ...]] = {
    "overtrained": LEARNT + NOISY + NOISY,
    "diverging": LEARNT + NOISY,
    "underfitting": (*LEARNT, "adult", "phishing"),
    "healthy": (*LEARNT, "phishing"),
}
"""What a shape's networks may learn; the others take what can be learnt."""
DECAYING = ("cosine", "steps", "linear_warmup", "exponential", "plateau")


@dataclass(frozen=True)
class Made:
    """How a plan is made for a shape, and the same without the fault."""

    own: Callable[[np.random.Generator, Plan], Plan]
    mend: Callable[[Plan], Plan]


def _pick(draws: np.random.Generator, of: tuple[T, ...]) -> T:
    return of[int(draws.integers(len(of)))]


def _power(draws: np.random.Generator, low: float, high: float) -> float:
    return float(10 ** draws.uniform(low, high))


def _rate(draws: np.random.Generator, optimizer: str, times: float = 1.0) -> float:
    """A usual rate of an optimizer, give or take a factor of 2."""
    usual = {"sgd": 0.1, "momentum": 0.02, "nesterov": 0.02, "adagrad": 0.02}
    return usual.get(optimizer, 2e-3) * times * _power(draws, -0.3, 0.3)


def _few(draws: np.random.Generator, plan: Plan) -> Plan:
    return replace(
        plan,
        rows=_pick(draws, (80, 150, 250)),
        width=_pick(draws, (64, 128)),
        depth=2,
        batch=16,
        optimizer=_pick(draws, ("adam", "adamw", "rmsprop", "momentum")),
    )


def _overfitting(draws: np.random.Generator, plan: Plan) -> Plan:
    few = replace(
        _few(draws, plan), dropout=_pick(draws, (0.0, 0.0, 0.3)), schedule=_pick(draws, DECAYING), decay=0.02
    )
    return replace(few, rate=_rate(draws, few.optimizer, 0.5), patience=_pick(draws, (0, 0, 10)))


def _overtrained(draws: np.random.Generator, plan: Plan) -> Plan:
    few = replace(
        _few(draws, plan), epochs=_pick(draws, (30, 60, 120)), schedule=_pick(draws, ("constant", "steps"))
    )
    return replace(few, rate=_rate(draws, few.optimizer))


def _diverging(draws: np.random.Generator, plan: Plan) -> Plan:
    own = replace(plan, optimizer=_pick(draws, DESCENTS), depth=2, norm="none", activation="relu")
    return replace(own, rate=_rate(draws, own.optimizer, _power(draws, 1.0, 2.5)))


def _oscillating(draws: np.random.Generator, plan: Plan) -> Plan:
    own = replace(
        plan, optimizer=_pick(draws, (*DESCENTS, "adam", "rmsprop")), batch=_pick(draws, (16, 64, 300))
    )
    return replace(own, rate=_rate(draws, own.optimizer, _power(draws, 0.5, 1.7)))


def _slow_start(draws: np.random.Generator, plan: Plan) -> Plan:
    own = replace(
        plan,
        optimizer=_pick(draws, ("adam", "momentum", "sgd")),
        activation=_pick(draws, ("sigmoid", "tanh", "relu")),
        depth=_pick(draws, (2, 3)),
        start=_pick(draws, (0.1, 0.2, 0.4)),
        norm="none",
        epochs=_pick(draws, (30, 50, 100)),
    )
    return replace(own, rate=_rate(draws, own.optimizer, _pick(draws, (0.3, 1.0, 2.0))))


def _plateau(draws: np.random.Generator, plan: Plan) -> Plan:
    own = replace(plan, optimizer=_pick(draws, ("adam", "momentum", "rmsprop")), rows=1500, batch=16)
    own = replace(own, dropout=_pick(draws, (0.0, 0.2)), epochs=_pick(draws, (25, 40)))
    return replace(own, rate=_rate(draws, own.optimizer, _power(draws, 0.3, 1.2)))


def _decayed(draws: np.random.Generator, plan: Plan) -> Plan:
    own = replace(
        plan,
        schedule="step" if draws.random() < 0.8 else "exponential",
        decays_at=float(draws.uniform(0.08, 0.4)),
        optimizer=_pick(draws, ("adam", "adamw", "momentum")),
    )
    own = replace(own, decay=1e-6 if own.schedule == "exponential" else _pick(draws, (0.005, 0.02, 0.05)))
    return replace(own, rate=_rate(draws, own.optimizer, _pick(draws, (0.25, 0.5, 1.0))))


def _improving(draws: np.random.Generator, plan: Plan) -> Plan:
    own = replace(plan, optimizer=_pick(draws, ("adam", "adamw", "sgd", "momentum", "adagrad")))
    own = replace(own, epochs=_pick(draws, (5, 8, 12, 20, 50)), dropout=_pick(draws, (0.0, 0.0, 0.2)))
    return replace(own, rate=_rate(draws, own.optimizer, _pick(draws, (0.1, 0.3))))


def _underfitting(draws: np.random.Generator, plan: Plan) -> Plan:
    how = _pick(draws, ("narrow", "decay", "dropout"))
    own = replace(
        plan,
        width=_pick(draws, (1, 2)) if how == "narrow" else 16,
        weight_decay=float(_pick(draws, (0.1, 0.3))) if how == "decay" else 0.0,
        dropout=_pick(draws, (0.7, 0.85)) if how == "dropout" else 0.0,
        schedule=_pick(draws, ("constant", "cosine", "steps")),
        optimizer="adam",
    )
    return replace(own, rate=_rate(draws, own.optimizer, 2.0))


def _healthy(draws: np.random.Generator, plan: Plan) -> Plan:
    own = replace(
        plan,
        rows=3000,
        batch=32,
        width=_pick(draws, (16, 32)),
        schedule=_pick(draws, DECAYING),
        decay=0.02,
        epochs=_pick(draws, (15, 25, 40)),
        dropout=_pick(draws, (0.0, 0.1, 0.3)),
        weight_decay=_pick(draws, (0.0, 1e-3)),
        patience=_pick(draws, (0, 5, 10)),
        optimizer=_pick(draws, ("adam", "adamw", "momentum", "rmsprop")),
    )
    return replace(own, rate=_rate(draws, own.optimizer))


MADE: dict[str, Made] = {
    "diverging": Made(_diverging, lambda p: replace(p, rate=p.rate / 100)),
    "oscillating": Made(_oscillating, lambda p: replace(p, rate=p.rate / 10)),
    "slow_start": Made(_slow_start, lambda p: replace(p, start=1.0, activation="relu")),
    "plateau": Made(_plateau, lambda p: replace(p, schedule="step", decays_at=0.6, decay=0.05)),
    "decayed_too_early": Made(_decayed, lambda p: replace(p, schedule="step", decays_at=0.8, decay=0.02)),
    "still_improving": Made(_improving, lambda p: replace(p, epochs=2 * p.epochs)),
    "overfitting": Made(_overfitting, lambda p: replace(p, rows=10 * p.rows, patience=0)),
    "overtrained": Made(_overtrained, lambda p: p),
    "underfitting": Made(_underfitting, lambda p: replace(p, width=64, weight_decay=0.0, dropout=0.0)),
    "healthy": Made(_healthy, lambda p: replace(p, epochs=2 * p.epochs, patience=0)),
}


def plan_of(shape: str, group: int, member: int, data: dict[str, Data]) -> Plan:
    """The plan of one member; a group shares data and most of the structure."""
    draws = np.random.default_rng([7, group, list(MADE).index(shape)])
    base = Plan(
        _pick(draws, DATA.get(shape, LEARNT)),
        seed=1000 + MEMBERS * group,
        width=_pick(draws, (16, 32, 64)),
        depth=_pick(draws, (1, 2)),
        activation=_pick(draws, ("relu", "relu", "tanh", "gelu")),
        norm=_pick(draws, ("none", "none", "batch", "layer")),
        epochs=_pick(draws, (15, 30, 60, 100)),
        batch=_pick(draws, (32, 64)),
        rows=_pick(draws, (400, 600, 1000)),
    )
    if group % 6 == 5 and shape in ("overtrained", "slow_start", "underfitting"):
        base = replace(base, rows=150, epochs=300)  # a long log of little data
    own = np.random.default_rng([8, group, list(MADE).index(shape), member])
    return replace(MADE[shape].own(own, base), seed=base.seed + member)


def trained(keep: Path, shape: str, group: int, member: int, data: dict[str, Data]) -> Pair:
    """Both trainings of a member, kept or made now; the second only where any could bear the label out."""
    file = keep / f"{shape}_{group}_{member}.json"
    if not file.exists():
        plan = plan_of(shape, group, member, data)
        mended = MADE[shape].mend(plan)
        own = fit(plan, data[plan.data])
        other = None
        if mended == plan or bears_out(shape, own, _ideal(shape, own)):
            other = own if mended == plan else fit(mended, data[plan.data])
        file.write_text(json.dumps([asdict(plan), _plain(own), _plain(other)]))
    plan_kept, own_kept, other_kept = json.loads(file.read_text())
    return Plan(**plan_kept), _trained(own_kept), _trained(other_kept) if other_kept else None


def _ideal(shape: str, own: Trained) -> Trained:
    """What would bear a label out best: all learnt at once, or for a healthy one no gain at all."""
    value = np.inf if shape == "healthy" else 0.0
    twice = np.full(2 * len(own.judged), value)
    return Trained({name: np.full(len(twice), value) for name in own.series}, twice, own.trivial)


def _plain(one: Trained | None) -> dict[str, object] | None:
    if one is None:
        return None
    series = {name: values.tolist() for name, values in one.series.items()}
    return {"series": series, "judged": one.judged.tolist(), "trivial": one.trivial}


def _trained(kept: dict[str, Any]) -> Trained:
    series = {name: np.array(values) for name, values in kept["series"].items()}
    return Trained(series, np.array(kept["judged"]), kept["trivial"])


def labelled(
    keep: Path, groups: range, until: float, data: dict[str, Data]
) -> Iterator[tuple[Plan, Labelled]]:
    """Curves whose label the second training bears out, as far as they are kept or there is time."""
    for group, shape, member in product(groups, MADE, range(MEMBERS)):
        if time.monotonic() > until and not (keep / f"{shape}_{group}_{member}.json").exists():
            continue
        plan, own, other = trained(keep, shape, group, member, data)
        if other is not None and bears_out(shape, own, other):
            yield plan, Labelled(shape, own.series, overfits(shape, own))


def bears_out(shape: str, own: Trained, other: Trained) -> bool:
    """Whether the training without the fault shows that it was one."""
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(SHAPES[shape].holds(own, other))


def main() -> None:
    """Train what is missing, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the trainings")
    parser.add_argument("--groups", type=int, default=24, help="groups of four networks a shape")
    parser.add_argument("--minutes", type=float, default=3.0, help="for trainings; 0: judge what is kept")
    parser.add_argument("--half", choices=["tune", "check", "all"], default="all")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.keep.mkdir(parents=True, exist_ok=True)
    start, step = {"tune": (0, 2), "check": (1, 2), "all": (0, 1)}[given.half]
    data, until = read_data(given.data), time.monotonic() + 60 * given.minutes
    report([curve for _, curve in labelled(given.keep, range(start, given.groups, step), until, data)], 0)


if __name__ == "__main__":
    main()
