"""Small networks on real tables, trained so that a setting is known to be at fault: their curves, labelled.

A label is what the setting was made for, and it is kept only where a second training without that fault bears it out
(a lower rate, twice the epochs, more rows, a larger network, …), judged by rows that the curve never saw.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from curves_stack import Setting, Trained, train
from curves_tables import Rows
from numpy.typing import NDArray

RISEN = 0.15


@dataclass(frozen=True)
class Shape:
    """A shape of curves: how to make a setting for it, the same without the fault, and whether that bears it out."""

    structure: Callable[[np.random.Generator, Setting], Setting]
    own: Callable[[np.random.Generator, Setting], Setting]
    mend: Callable[[Setting], Setting]
    holds: Callable[[Trained, Trained], bool]


def _last(values: NDArray[np.float64], count: int = 3) -> float:
    return float(np.mean(values[-count:]))


def _trains(one: Trained, share: float = 1.0) -> float:
    """The training loss at a share of the run, over three epochs."""
    values = one.series["train_loss"]
    at = max(round(share * len(values)), 3)
    return float(np.mean(values[at - 3 : at]))


def _risen(one: Trained) -> float:
    """How far the loss on the rows for checks ends above its least, as a share."""
    course = np.convolve(one.judged, np.ones(3) / 3, "valid")
    return float(course[-1] / course.min() - 1)


def overfits(shape: str, one: Trained) -> bool:
    """Whether a network learnt its rows by heart: made so, or on the rows for checks it ends far above its least.

    Beyond their jitter, and while the training loss fell: a training that jumps about or breaks down learns nothing.
    """
    if shape in ("overfitting", "overtrained"):
        return True
    if not _finite(one) or _risen(one) <= RISEN:
        return False
    course = np.convolve(one.judged, np.ones(3) / 3, "valid")
    jitter = float(np.median(np.abs(one.judged[1:-1] - course)))
    learns_on = _trains(one) < float(one.series["train_loss"][min(int(course.argmin()) + 2, len(course))])
    return learns_on and float(course[-1] - course.min()) > 4 * jitter


def _jumps(one: Trained) -> float:
    half = one.series["train_loss"][len(one.judged) // 2 :]
    return float(np.std(np.diff(half)) / math.sqrt(2))


def _half_way(one: Trained) -> float:
    """Share of the run after which half of the whole fall is reached."""
    losses = one.series["train_loss"]
    return float(np.argmax(losses <= (max(losses[0], one.trivial) + losses.min()) / 2) / len(losses))


def _rate(draws: np.random.Generator, low: float, high: float) -> float:
    return float(10 ** draws.uniform(low, high))


def _finite(one: Trained) -> bool:
    return bool(np.isfinite(one.series["train_loss"]).all() and np.isfinite(one.series["val_loss"]).all())


def _few(draws: np.random.Generator, base: Setting) -> Setting:
    return replace(base, rows=int(draws.choice([60, 100, 160])), hidden=(128, 128), batch=16)


def _descent(draws: np.random.Generator, base: Setting) -> Setting:
    return replace(base, optimizer=str(draws.choice(["sgd", "momentum"])), hidden=(64, 64))


SHAPES: dict[str, Shape] = {
    "diverging": Shape(
        _descent,
        lambda d, s: replace(s, rate=_rate(d, -0.7, 1.0)),
        lambda s: replace(s, rate=s.rate / 100),
        lambda own, other: not _finite(own) or _trains(own) > 2 * max(own.trivial, _trains(other)),
    ),
    "oscillating": Shape(
        lambda d, s: replace(
            s, optimizer=str(d.choice(["sgd", "momentum", "adam"])), batch=int(d.choice([16, 64, 600]))
        ),
        lambda d, s: replace(s, rate=_rate(d, -1.3, 0.3) * (0.2 if s.optimizer == "momentum" else 1.0)),
        lambda s: replace(s, rate=s.rate / 10),
        lambda own, other: (
            _finite(own)
            and _jumps(own) > max(2 * _jumps(other), 0.025 * own.trivial)
            and _trains(other) < _trains(own) < 1.5 * own.trivial
        ),
    ),
    "slow_start": Shape(
        lambda d, s: replace(
            s,
            optimizer=str(d.choice(["momentum", "adam"])),
            hidden=(32,) * int(d.integers(2, 4)),
            sigmoid=bool(d.random() < 0.5),
            epochs=int(d.choice([40, 60, 80])),
        ),
        lambda d, s: replace(
            s,
            start=float(d.choice([0.1, 0.2, 0.4])),
            rate=_rate(d, -3.0, -1.8) if s.optimizer == "adam" else _rate(d, -2.3, -0.7),
        ),
        lambda s: replace(s, start=1.0, sigmoid=False),
        lambda own, other: (
            _finite(own)
            and _trains(own) < 0.7 * own.trivial
            and _half_way(own) > max(0.2, 2 * _half_way(other))
            and _trains(own, 0.1) > 0.93 * own.trivial
        ),
    ),
    "plateau": Shape(
        lambda d, s: replace(s, optimizer=str(d.choice(["momentum", "adam"])), batch=16, rows=1000),
        lambda d, s: replace(s, rate=_rate(d, -2.0, -1.0), dropout=float(d.choice([0.0, 0.2]))),
        lambda s: replace(s, decays_at=0.6, decay=0.05),
        lambda own, other: (
            _finite(own)
            and abs(_trains(own) / _trains(own, 0.6) - 1) < 0.06
            and _trains(other) < 0.85 * _trains(own)
            and _last(other.judged) < _last(own.judged)
            and _jumps(own) < 0.05 * own.trivial
        ),
    ),
    "decayed_too_early": Shape(
        lambda d, s: s,
        lambda d, s: replace(
            s,
            decays_at=float(d.uniform(0.08, 0.35)),
            decay=float(d.choice([0.003, 0.01, 0.03])),
            rate=_rate(d, -3.3, -2.5),
        ),
        lambda s: replace(s, decays_at=0.8),
        lambda own, other: (
            _last(other.judged) < 0.93 * _last(own.judged) and _trains(other) < 0.85 * _trains(own)
        ),
    ),
    "still_improving": Shape(
        lambda d, s: replace(s, epochs=int(d.choice([10, 15, 20, 40]))),
        lambda d, s: replace(s, rate=_rate(d, -4.3, -3.0)),
        lambda s: replace(s, epochs=2 * s.epochs),
        lambda own, other: (
            _last(other.judged) < 0.9 * _last(own.judged)
            and float(other.judged[len(own.judged) * 5 // 4]) < 0.97 * _last(own.judged)
            and _trains(own) < 0.95 * _trains(own, 0.75)
        ),
    ),
    "overfitting": Shape(
        _few,
        lambda d, s: replace(s, rate=_rate(d, -3.3, -2.7), cosine=bool(d.random() < 0.7)),
        lambda s: replace(s, rows=1000),
        lambda own, other: (
            _trains(own) < 0.5 * _last(own.series["val_loss"])
            and _risen(own) < 0.2
            and _last(other.judged) < 0.85 * _last(own.judged)
        ),
    ),
    "overtrained": Shape(
        lambda d, s: replace(_few(d, s), epochs=int(d.choice([60, 100]))),
        lambda d, s: replace(s, rate=_rate(d, -3.0, -2.3)),
        lambda s: s,
        lambda own, other: (
            _risen(own) > 0.2 and _last(own.series["val_loss"]) > 1.1 * float(own.series["val_loss"].min())
        ),
    ),
    "underfitting": Shape(
        lambda d, s: replace(s, hidden=(1,) if d.random() < 0.5 else (16,)),
        lambda d, s: replace(
            s,
            weight_decay=0.0 if d.random() < 0.4 else float(d.choice([10.0, 30.0])),
            dropout=float(d.choice([0.0, 0.0, 0.8])),
            rate=_rate(d, -2.5, -1.8),
            cosine=bool(d.random() < 0.5),
        ),
        lambda s: replace(s, hidden=(64, 64), weight_decay=0.0, dropout=0.0),
        lambda own, other: (
            _trains(other) < 0.7 * _trains(own)
            and float(other.judged.min()) < 0.8 * _last(own.judged)
            and _last(own.judged) > 0.45 * own.trivial
            and abs(_trains(own) / _trains(own, 0.7) - 1) < 0.04
        ),
    ),
    "healthy": Shape(
        lambda d, s: replace(
            s, rows=1000, hidden=(int(d.choice([32, 64])),), batch=16, epochs=int(d.choice([30, 60, 80]))
        ),
        lambda d, s: replace(
            s,
            rate=_rate(d, -3.0, -2.3),
            dropout=float(d.choice([0.0, 0.1, 0.2])),
            weight_decay=float(d.choice([0.0, 0.1])),
            cosine=bool(d.random() < 0.7),
        ),
        lambda s: replace(s, epochs=2 * s.epochs),
        lambda own, other: (
            _risen(own) < 0.03
            and _last(own.judged) > 0.97 * float(own.judged[len(own.judged) * 4 // 5 - 1])
            and _last(own.judged) < 1.05 * float(other.judged.min()) + 0.01 * own.trivial
            and _last(own.judged) < 0.75 * own.trivial
            and _last(own.series["val_loss"]) - _trains(own) < 0.15 * own.trivial
        ),
    ),
}
MEMBERS = 8


def labelled(shape: str, group: int, all_rows: dict[str, Rows]) -> list[tuple[Setting, Trained]]:
    """Networks made for a shape, of one structure: those whose label the training without the fault bears out."""
    draws = np.random.default_rng([group, list(SHAPES).index(shape)])
    table, own = str(draws.choice(list(all_rows))), SHAPES[shape]
    base = Setting(table, epochs=int(draws.choice([20, 30, 40, 60])), batch=int(draws.choice([16, 32, 64])))
    structure = own.structure(draws, base)
    settings = [
        own.own(draws, replace(structure, seed=MEMBERS * group + member)) for member in range(MEMBERS)
    ]
    mended = [own.mend(setting) for setting in settings]
    sick = train(settings, all_rows[table])
    well = sick if mended == settings else train(mended, all_rows[table])
    return [(s, one) for s, one, other in zip(settings, sick, well, strict=True) if own.holds(one, other)]
