"""Values of one series in the order of a file, and the one axis that all series of a training are put on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
FEWEST_EPOCHS = 8
"""Of fewer epochs the steps inside them are read where there are more of those."""
FEWEST_VALUES, MOST_POINTS = 48, 100
"""Longer logs of steps are read in equal parts of three values or more, or from one validation to the next: a batch's
loss swings by its rows. Steps that count up one by one or are all validated, and rows without any, are like epochs:
only more than twice ``MOST_POINTS`` of them are put together."""
FEWEST_VALIDATIONS = 12


@dataclass
class Track:
    """The values of one series in the order of the file, with epoch, step and row of each."""

    values: list[float] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)

    def add(self, value: float, epoch: float, step: float, row: float) -> None:
        place, places = (step, self.steps) if math.isfinite(step) else (epoch, self.epochs)
        # A resumed or restarted training repeats what came after its checkpoint: the newer values count.
        if places and place < places[-1]:
            keep = next(at for at, earlier in enumerate(places) if earlier >= place)
            del self.values[keep:], self.epochs[keep:], self.steps[keep:], self.rows[keep:]
        self.values.append(value)
        self.epochs.append(epoch)
        self.steps.append(step)
        self.rows.append(row)


Tracks = dict[str, Track]


def without_gaps(tracks: Tracks) -> Tracks:
    """Tracks whose values that are not a number are gone where they mean "not measured", and infinite elsewhere.

    A network whose loss is no number stays so: what a number follows was a gap (pandas writes gaps as nan). So is the
    end of a track that has as long a gap within, and all of one that holds no number while another's end does.
    """
    ends = any(math.isfinite(track.values[-1]) for name, track in tracks.items() if name.endswith("_loss"))
    kept = {}
    for name, track in tracks.items():
        own = np.isnan(track.values)
        numbers = np.flatnonzero(~own)
        if not len(numbers) and ends:
            continue
        longest = int(np.diff(numbers, prepend=-1).max(initial=1)) - 1
        after = np.arange(len(own)) > (numbers[-1] if len(numbers) else -1)
        lost = own & after & (int(after.sum()) > longest)
        keep = np.flatnonzero(~own | lost)
        cells = [math.inf if lost[at] else track.values[at] for at in keep]
        kept[name] = Track(
            cells, *([part[at] for at in keep] for part in (track.epochs, track.steps, track.rows))
        )
    return kept


def positions(track: Track, unit: str) -> Values:
    """Where each value stands: its epoch, or its step, or its place in the file."""
    epochs, steps = np.array(track.epochs), np.array(track.steps)
    if unit == "epoch":
        return np.ceil(epochs - 1e-9)
    if unit == "fraction":
        return epochs
    return steps if unit == "step" and np.isfinite(steps).all() else np.array(track.rows)


def axis(tracks: Tracks) -> tuple[Values, Values, str]:
    """Right ends of the points, the epochs they are called by, and how positions are told."""
    losses = [track for name, track in tracks.items() if name.endswith("_loss")]
    unit = _unit(losses)
    own = [positions(track, unit) for track in losses]
    points = np.unique(np.concatenate(own))
    if unit == "epoch":
        return points, points - min(points[0], 1.0) + 1.0 if points[0] < 1 else points, "epoch"
    longest = max(len(values) for values in own)
    val = [positions(track, unit) for name, track in tracks.items() if name == "val_loss"]
    validated = np.unique(val[0]) if val else np.empty(0)
    if FEWEST_VALIDATIONS <= len(validated) <= longest / 2:
        points = np.unique(np.append(validated, points[-1])) if points[-1] > validated[-1] else validated
        return points, points, unit
    one_by_one = unit == "row" or float(np.median(np.diff(points, prepend=points[0] - 1))) == 1
    like_epochs = one_by_one or len(validated) > longest / 2
    if len(points) >= (2 * MOST_POINTS + 1 if like_epochs else FEWEST_VALUES):
        points = np.quantile(points, np.linspace(0, 1, min(len(points) // 3, MOST_POINTS) + 1)[1:])
    return points, points, unit


def _unit(losses: Sequence[Track]) -> str:
    """``epoch`` where every value has one and there are enough, or nothing is finer; else ``step``, or ``row``."""
    epochs = np.concatenate([np.array(track.epochs) for track in losses])
    finest = max(len(track.values) for track in losses)
    if np.isfinite(epochs).all():
        whole = len(np.unique(np.ceil(epochs - 1e-9)))
        if whole >= FEWEST_EPOCHS or finest <= whole:
            return "epoch"
        if finest >= FEWEST_EPOCHS and len(np.unique(epochs)) > whole:
            return "fraction"
    steps = np.concatenate([np.array(track.steps) for track in losses])
    if np.isfinite(steps).all():
        return "step"
    return "epoch" if np.isfinite(epochs).all() and finest < FEWEST_EPOCHS else "row"


def binned(values: Values, at: NDArray[np.intp], count: int, how: Literal["mean", "last"]) -> Values:
    """One value a point: the mean of a training's values, the last of all others; infinite where one of them is."""
    inside = at < count
    values, at = values[inside], at[inside]
    if how == "last":
        last = np.full(count, np.nan)
        last[at] = values
        return last
    sums, counts = np.bincount(at, values, count), np.bincount(at, minlength=count)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
