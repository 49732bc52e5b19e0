"""Rows of anyone's metrics become histories: columns by their usual names, gaps, steps and restarts put in order."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from retemper.core.errors import InputError
from retemper.core.history import History
from retemper.core.metric_names import STAGES, Meaning, Stage, meaning
from retemper.core.metrics_file import HINT, Row

Values = NDArray[np.float64]
FEWEST_EPOCHS = 8
"""Of fewer epochs the steps inside them are read where there are more of those."""
MOST_POINTS = 200
"""Longer logs are read in so many equal parts, or from one validation to the next."""
FEWEST_VALIDATIONS = 12
PERCENT = 1.5
"""An accuracy above it is in percent."""
MISSING = frozenset({"", "na", "n/a", "null", "none", "-"})
SUMMARY = frozenset({"train_runtime", "eval_runtime_total"})
"""Hugging Face's last row is about the whole training."""
NUMBER = re.compile(r"(?:tensor\()?\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(%?)\s*(?:,.*\))?\)?$")
NOT_A_NUMBER = frozenset(
    {"nan", "inf", "+inf", "-inf", "infinity", "-infinity", "tensor(nan)", "tensor(inf)"}
)


@dataclass(frozen=True)
class Metrics:
    """What a metrics file holds.

    Args:
        histories: one for each network (one, unless a column ``member``, ``run`` or ``fold`` tells several apart);
            ``epoch`` holds the epochs, or else the numbers of the points that were read.
        measure: what stands for the loss: the share of wrong answers where only an accuracy was logged.
        unit: what a point of the curves is, for messages.
        columns: what each series was read from.
    """

    histories: tuple[History, ...]
    measure: Literal["loss", "error rate"]
    unit: Literal["epoch", "point"]
    columns: Mapping[str, str]


@dataclass
class _Track:
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


Tracks = dict[str, _Track]


def metrics_of(rows: Sequence[Row], source: str) -> Metrics:
    """Histories from rows of metrics.

    Args:
        rows: as :func:`retemper.core.metrics_file.read_rows` gives them.
        source: for messages.

    Raises:
        InputError: ``no_curves``: no column's name is that of a loss or an accuracy; ``not_a_number``: a cell of a
            column that is needed is none (file, column, row).

    >>> rows = [{"epoch": 0, "loss": "0.7", "val_loss": ""}, {"epoch": 1, "loss": "0.5", "val_loss": "0.6"}]
    >>> found = metrics_of(rows, "metrics.csv")
    >>> found.histories[0]["train_loss"].tolist(), found.histories[0]["epoch"].tolist()
    ([0.7, 0.5], [1.0, 2.0])
    """
    names = dict.fromkeys(name for row in rows for name in row)
    meanings = {name: told for name in names if (told := meaning(str(name))) is not None}
    runs: dict[str, Tracks] = defaultdict(lambda: defaultdict(_Track))
    columns: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if not SUMMARY & row.keys():
            _read(row, {"file": source, "row": number}, meanings, runs, columns)
    _no_curves(runs, list(names), source)
    whole = [tracks for tracks in runs.values() if _has(tracks, "_loss:") or _has(tracks, "_accuracy:")]
    accuracy_only = not any(_has(tracks, "_loss:") for tracks in whole)
    histories, units = zip(*(_history(n, tracks) for n, tracks in enumerate(whole)), strict=True)
    return Metrics(
        histories,
        "error rate" if accuracy_only else "loss",
        "epoch" if set(units) == {"epoch"} else "point",
        {key.split(":")[0]: name for key, name in sorted(columns.items(), reverse=True)},
    )


def _has(tracks: Tracks, part: str) -> bool:
    return any(part in key for key in tracks)


def _read(
    row: Row,
    place: dict[str, Any],
    meanings: Mapping[str, Meaning],
    runs: dict[str, Tracks],
    columns: dict[str, str],
) -> None:
    """Add a row's numbers to its run's tracks; of columns with one meaning the plainest with a number counts."""
    epoch = step = math.nan
    stage: Stage = ""
    run = ""
    taken: dict[str, tuple[int, str, float]] = {}
    for name, cell in row.items():
        told = meanings.get(name)
        if told is None or _missing(cell):
            continue
        if told.measure == "stage":
            stage = STAGES.get(str(cell).strip().lower(), "")
        elif told.measure == "run":
            run = str(cell)
        elif told.measure == "epoch":
            epoch = _place(_number(cell, name, place))
        elif told.measure == "step":
            step = _place(_number(cell, name, place))
        else:
            value = _number(cell, name, place)
            key = _series(told, "")
            if key not in taken or told.rank < taken[key][0]:
                taken[key] = (told.rank, name, value)
    for key, (rank, name, value) in taken.items():
        series = _series(meanings[name], stage) if stage else key
        runs[run][f"{series}:{rank}"].add(value, epoch, step, place["row"])
        columns.setdefault(f"{series}:{rank}", name)


def _series(told: Meaning, stage: Stage) -> str:
    if told.measure in ("loss", "accuracy"):
        return f"{told.stage or stage or 'train'}_{told.measure}"
    return told.measure


def _missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def _number(cell: Any, name: str, place: Mapping[str, Any]) -> float:
    """A cell as a number; what was logged as not a number is infinite, since NaN means "not measured" in a history."""
    if isinstance(cell, (int, float, np.number)) and not isinstance(cell, bool):
        return float(cell) if math.isfinite(float(cell)) else math.inf
    text = str(cell).strip()
    if text.lower() in NOT_A_NUMBER:
        return math.inf
    found = NUMBER.match(text) or NUMBER.match(text.replace(",", ".", 1))
    if found is None:
        message = f"The cell {text[:40]!r} of column {name!r} is not a number."
        raise InputError(
            "not_a_number", message, {**place, "column": name}, "Mend the cell, or leave it empty."
        )
    return float(found[1]) * (0.01 if found[2] else 1.0)


def _place(number: float) -> float:
    """An epoch or a step; one that is not finite is none."""
    return number if math.isfinite(number) else math.nan


def _no_curves(runs: Mapping[str, Tracks], names: list[str], source: str) -> None:
    read = {key.split(":")[0] for tracks in runs.values() for key in tracks}
    if not any(key.endswith(("_loss", "_accuracy")) for key in read):
        raise InputError(
            "no_curves",
            f"No column holds a loss or an accuracy; the columns are {', '.join(map(str, names[:20]))}.",
            {"file": source},
            HINT,
        )


def _history(number: int, tracks: Tracks) -> tuple[History, str]:
    """All tracks on one axis: epochs where there are enough of them, else steps, else the order of the rows."""
    own = _plainest(tracks)
    for name, track in own.items():
        if name.endswith("_accuracy") and max(track.values) > PERCENT:
            track.values = [value / 100 for value in track.values]
    _name_epochs(list(own.values()))
    if not _has(tracks, "_loss:"):
        own |= {
            name.replace("accuracy", "loss"): _wrong(track)
            for name, track in own.items()
            if "accuracy" in name
        }
    edges, epochs, unit = _axis(own)
    series = {"epoch": epochs if unit == "epoch" else np.arange(1.0, len(edges) + 1)}
    for name, track in own.items():
        at = np.searchsorted(edges, _positions(track, unit), side="left")
        series[name] = _binned(
            np.array(track.values), at, len(edges), "mean" if name.startswith("train") else "last"
        )
    return History(number, series, math.nan), unit


def _plainest(tracks: Tracks) -> Tracks:
    """One track a series: the one with the plainest name."""
    best: dict[str, tuple[int, _Track]] = {}
    for key, track in tracks.items():
        name, rank = key.split(":")
        if name not in best or int(rank) < best[name][0]:
            best[name] = (int(rank), track)
    return {name: track for name, (_, track) in best.items()}


def _name_epochs(tracks: Sequence[_Track]) -> None:
    """Values that were logged with a step alone belong to the epoch of the last step before them."""
    known = sorted(
        {(s, e) for t in tracks for s, e in zip(t.steps, t.epochs, strict=True) if s == s and e == e}
    )
    if not known:
        return
    steps, epochs = np.array(known).T
    for track in tracks:
        at = np.clip(np.searchsorted(steps, track.steps, side="right") - 1, 0, None)
        track.epochs = np.where(np.isnan(track.epochs), epochs[at], track.epochs).tolist()


def _wrong(track: _Track) -> _Track:
    return _Track([1 - value for value in track.values], track.epochs, track.steps, track.rows)


def _positions(track: _Track, unit: str) -> Values:
    """Where each value stands: its epoch, or its step, or its place in the file."""
    epochs, steps = np.array(track.epochs), np.array(track.steps)
    if unit == "epoch":
        return np.ceil(epochs - 1e-9)
    if unit == "fraction":
        return epochs
    return steps if unit == "step" and np.isfinite(steps).all() else np.array(track.rows)


def _axis(tracks: Tracks) -> tuple[Values, Values, str]:
    """Right ends of the points, the epochs they are called by, and how positions are told."""
    losses = [track for name, track in tracks.items() if name.endswith("_loss")]
    unit = _unit(losses)
    own = [_positions(track, unit) for track in losses]
    points = np.unique(np.concatenate(own))
    if unit == "epoch":
        return points, points - min(points[0], 1.0) + 1.0 if points[0] < 1 else points, "epoch"
    longest = max(len(values) for values in own)
    val = [_positions(track, unit) for name, track in tracks.items() if name == "val_loss"]
    validated = np.unique(val[0]) if val else np.empty(0)
    if FEWEST_VALIDATIONS <= len(validated) <= longest / 2:
        points = np.unique(np.append(validated, points[-1])) if points[-1] > validated[-1] else validated
    elif len(points) > MOST_POINTS:
        points = np.quantile(points, np.linspace(0, 1, MOST_POINTS // 2 + 1)[1:])
    return points, points, unit


def _unit(losses: Sequence[_Track]) -> str:
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


def _binned(values: Values, at: NDArray[np.intp], count: int, how: Literal["mean", "last"]) -> Values:
    """One value a point: the mean of a training's values, the last of all others; infinite where one of them is."""
    inside = at < count
    values, at = values[inside], at[inside]
    if how == "last":
        last = np.full(count, np.nan)
        last[at] = values
        return last
    sums, counts = np.bincount(at, values, count), np.bincount(at, minlength=count)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
